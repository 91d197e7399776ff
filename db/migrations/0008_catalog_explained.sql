-- +goose Up

-- What is said of entities that are not, or not fully, in the catalog.
alter table catalog_states
    -- The line of its file on which the document begins; null when nobody counted.
    add column line integer,
    -- Why what processing made of it cannot be served, an array like errors; null when it can.
    add column unserved json;

-- The document with which a claimant had the entity and nothing good came of it; null for one that never had it.
alter table catalog_conflicts add column failed_hash text;

-- Entities that are wrong are few, and asked for one by one by the Locations that brought them.
create index catalog_states_failed on catalog_states (entity_ref) where errors is not null or unserved is not null;

-- Put together anew: what could not be served for keys that differ only in case, and descriptions whose text was not
-- searched because it is long.
insert into catalog_stitches (entity_ref)
select s.entity_ref from catalog_states s
where s.processed is not null and not exists (select from catalog_entities e where e.entity_id = s.entity_id)
union
select e.entity_ref from catalog_search d join catalog_entities e on e.entity_id = d.entity_id
where d.key = 'metadata.description' and d.value is null
on conflict do nothing;
