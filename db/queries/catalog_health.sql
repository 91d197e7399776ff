-- name: CatalogHealth :one
-- How much is wrong with the catalog, each up to 10,000. All of it is looked up in indexes that have what is wrong only, or is
-- read from an index in its order.
select
    (select count(*) from (select from catalog_states where errors is not null or unserved is not null limit 10000) n) as failed,
    (select count(*) from (select from catalog_conflicts limit 10000) n) as conflicts,
    (select count(*) from (
        select from catalog_search where key = 'metadata.annotations.backstage.io/orphan' and value = 'true' limit 10000) n) as orphans,
    (select count(*) from (
        select r.target_ref from catalog_missing m join catalog_relations r on r.source_ref = m.entity_ref and r.type = 'ownerOf'
        union
        select e.entity_ref from catalog_search k join catalog_entities e on e.entity_id = k.entity_id
        where k.key = 'kind' and k.value = 'template'
          and not exists (select from catalog_search o where o.entity_id = k.entity_id and o.key = 'relations.ownedby')
        limit 10000) n) as unowned,
    (select count(*) from (
        select distinct r.target_ref from catalog_missing m join catalog_relations r on r.source_ref = m.entity_ref limit 10000) n) as dangling,
    (select count(*) from (
        select from catalog_entities where repository is not null group by repository having min(branch) <> max(branch) limit 10000) n) as duplicates;

-- name: CatalogAges :one
-- How many entities there are, and how many did not change for a while.
select count(*) as entities,
    count(*) filter (where updated_at > now() - interval '1 day') as day,
    count(*) filter (where updated_at <= now() - interval '1 day' and updated_at > now() - interval '7 days') as week,
    count(*) filter (where updated_at <= now() - interval '7 days' and updated_at > now() - interval '30 days') as month,
    count(*) filter (where updated_at <= now() - interval '30 days' and updated_at > now() - interval '365 days') as year,
    count(*) filter (where updated_at <= now() - interval '365 days') as older
from catalog_entities;
