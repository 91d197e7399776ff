-- A catalog of %[1]d entities and %[2]d sections of documentation. Words have the frequencies of a language (Zipf): few are in most
-- texts, and most are in few.

create or replace function bench_word(n bigint, salt int) returns text language sql immutable as $$
    -- the rank of a word is 1/u, which is Zipf's law
    select w[1 + (r %% 60)] || case when r < 60 then '' else (array['ing','er','ment','able','or','al','ium','ist','ics','one'])[1 + (r / 60) %% 10] || case when r < 600 then '' else substr(md5((r / 600)::text), 1, 3) end end
    from (select least(20000, floor(exp(((hashint8extended(n, salt) & 1048575)::float8 / 1048576) * ln(20000))))::int as r) rank,
        (select array['service','data','user','order','payment','team','error','request','cluster','deploy','config','token','queue','event','cache','metric','search','login','report','export',
            'import','backup','alert','trace','session','profile','invoice','refund','stock','price','basket','checkout','catalog','account','ledger','fraud','risk','mail','push','image',
            'video','upload','crawl','index','rank','match','route','proxy','gateway','broker','stream','batch','job','cron','audit','policy','secret','vault','quota','limit'] as w) words
$$;

create temporary table made as
select n, gen_random_uuid() as id, kind, kind || '-' || bench_word(n, 1) || '-' || bench_word(n, 2) || '-' || n as name,
    'group:default/group-' || (n * 7 %% greatest(1, %[1]d / 250)) as owner,
    bench_word(n, 1) || ' ' || bench_word(n, 2) || ' ' || n as title,
    'The ' || (select string_agg(bench_word(n, s), ' ') from generate_series(3, 14) s) as text
from (select n, (array['component','component','component','component','component','component','api','resource','user','system'])[1 + n %% 10] as kind from generate_series(0, %[1]d - 1) n) kinds;

create temporary table documents as
select id, n, kind, kind || ':default/' || name as ref, owner, json_build_object('apiVersion', 'backstage.io/v1alpha1', 'kind', initcap(kind),
    'metadata', json_build_object('name', name, 'title', title, 'description', text, 'tags', json_build_array('tag-' || n %% 50, (array['go','java','python','rust'])[1 + n %% 4])),
    'spec', json_build_object('type', (array['service','website','library'])[1 + n %% 3], 'lifecycle', 'production', 'owner', owner),
    'relations', json_build_array(json_build_object('type', 'ownedBy', 'targetRef', owner))) as document
from made;

insert into catalog_entities (entity_id, entity_ref, hash, entity) select id, ref, md5(ref), document from documents order by n;

insert into catalog_search (entity_id, kind, key, value, original_value)
select id, kind, 'relations.ownedby', owner, owner from documents union all select id, kind, 'kind', kind, initcap(kind) from documents;

analyze
