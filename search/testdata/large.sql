-- 80,000 entities of a thousand groups, and 20,000 sections of documentation. Of all texts, each has "every", a third "service", a tenth
-- "payment", which a twentieth have in their names, a thousandth "ledger", and one "unit" with its number.
create temporary table made as
select n, gen_random_uuid() as id, 'component:default/' || case when n %% 20 = 0 then 'payment-' else 'thing-' end || n as ref,
    'owner:group:default/group-' || n %% 1000 as owner,
    'every unit' || n || case when n %% 3 = 0 then ' service' else '' end || case when n %% 10 = 0 then ' payment' else '' end ||
        case when n %% 1000 = 0 then ' ledger' else '' end as text
from generate_series(1, %d) n;

insert into catalog_entities (entity_id, entity_ref, hash, entity) select id, ref, '', '{}' from made;

insert into catalog_search (entity_id, kind, key, value, original_value)
select id, 'component', 'relations.ownedby', substr(owner, 7), substr(owner, 7) from made;

insert into search_entities (type, entity_id, entity_ref, name, document, body, words, facets, digest)
select 'software-catalog', id, ref, replace(substr(ref, 19), '-', ''), jsonb_build_object('title', substr(ref, 19), 'text', text, 'location', '/catalog'),
    to_tsvector('english', text || ' ' || replace(substr(ref, 19), '-', ' ')), to_tsvector('simple', replace(substr(ref, 19), '-', ' ')),
    array['kind:component', owner], ''
from made;

insert into search_sections (type, entity_id, entity_ref, title, document, body, words, facets, digest)
select 'techdocs', id, ref, 'section' || n, jsonb_build_object('title', 'Section ' || n, 'text', text, 'location', '/docs'),
    to_tsvector('english', text || ' section ' || n), to_tsvector('simple', 'section ' || n), array['kind:component', owner], ''
from made where n %% 4 = 0
