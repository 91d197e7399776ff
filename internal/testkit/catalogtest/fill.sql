-- A catalog of %d entities, as processing would have left it: out of every 20 there are 2 registered locations, 9
-- components, 3 APIs, 2 resources, 3 users and a group, and each location brought 9 of the others.

create temporary table made as
select n, gen_random_uuid() as id, kind, name, kind || ':default/' || lower(name) as ref,
    case when kind = 'location' then 'url:https://example.com/' || n || '.yaml' else 'url:https://example.com/' || n - n %% 10 || '.yaml' end as location_key,
    'group:default/group-' || 20 * (n * 7 %% (%[1]d / 20)) + 19 as owner,
    (array['service', 'website', 'library'])[1 + n %% 3] as type, (array['production', 'experimental'])[1 + n %% 2] as lifecycle
from (
    select n, kind, case when kind = 'location' then 'generated-' || n else kind || '-' || n end as name
    from (
        select n, (array['location', 'component', 'component', 'component', 'component', 'component', 'api', 'api', 'resource', 'user',
            'location', 'component', 'component', 'component', 'component', 'api', 'resource', 'user', 'user', 'group'])[1 + n %% 20] as kind
        from generate_series(0, %[1]d - 1) n) kinds) named;

create temporary table relating as
select id, ref as source, 'ownedBy' as type, owner as target, 'ownerOf' as reverse from made where kind in ('component', 'api', 'resource')
union all
select id, ref, 'memberOf', owner, 'hasMember' from made where kind = 'user';

create temporary table documents as
select id, json_build_object(
    'apiVersion', 'backstage.io/v1alpha1', 'kind', initcap(kind),
    'metadata', json_build_object('name', name, 'namespace', 'default', 'uid', id, 'etag', md5(name), 'title', 'The ' || name,
        'description', repeat(md5(name) || ' ', 20), 'tags', json_build_array('tag-' || n %% 50, 'lang-' || n %% 7),
        'annotations', json_build_object('backstage.io/managed-by-location', location_key, 'backstage.io/managed-by-origin-location', location_key)),
    'spec', json_build_object('type', type, 'lifecycle', lifecycle, 'owner', owner),
    'relations', json_build_array(json_build_object('type', 'ownedBy', 'targetRef', owner))) as document
from made;

insert into catalog_states (entity_id, entity_ref, location_key, unprocessed, unprocessed_hash, processed, result_hash, next_update_at)
select id, ref, location_key, document, md5(ref), document, md5(ref), now() + make_interval(secs => 3600 + n %% 3600)
from made join documents using (id);

insert into catalog_references (source_key, source_ref, target_ref)
select case when kind = 'location' then 'locations' end,
    case when kind <> 'location' then 'location:default/generated-' || n - n %% 10 end, ref
from made;

insert into catalog_relations (origin_id, source_ref, type, target_ref)
select id, source, type, target from relating union all select id, target, reverse, source from relating;

insert into catalog_locations (id, type, target, entity_ref)
select id, 'url', substr(location_key, 5), ref from made where kind = 'location';

insert into catalog_entities (entity_id, entity_ref, hash, entity)
select id, ref, md5(ref), document from made join documents using (id);

-- The largest table by far: its indexes are made when it is full, and what its rows refer to is known to be there.
create temporary table indexes as select indexname, indexdef from pg_indexes where tablename = 'catalog_search';

do $$ declare index record; begin
    for index in table indexes loop execute 'drop index ' || index.indexname; end loop;
end $$;

set session_replication_role = replica;

insert into catalog_search (entity_id, kind, key, value, original_value)
select id, kind, key, lower(value), value from made, lateral (values
    ('apiversion', 'backstage.io/v1alpha1'), ('kind', initcap(kind)), ('metadata.name', name), ('metadata.namespace', 'default'),
    ('metadata.uid', id::text), ('metadata.title', 'The ' || name), ('metadata.description', null),
    ('metadata.tags', 'tag-' || n %% 50), ('metadata.tags.tag-' || n %% 50, 'true'),
    ('metadata.tags', 'lang-' || n %% 7), ('metadata.tags.lang-' || n %% 7, 'true'),
    ('metadata.annotations.backstage.io/managed-by-location', location_key),
    ('metadata.annotations.backstage.io/managed-by-origin-location', location_key),
    (E'metadata.title\x1f', 'The ' || name), ('spec.type', type), ('spec.lifecycle', lifecycle), ('spec.owner', owner)) as rows (key, value)
union all
select id, split_part(source, ':', 1), 'relations.' || lower(type), target, target from relating
union all
select made.id, made.kind, 'relations.' || lower(reverse), source, source from relating join made on made.ref = relating.target;

reset session_replication_role;

do $$ declare index record; begin
    for index in table indexes loop execute index.indexdef; end loop;
end $$
