-- +goose Up

-- Engines at work. What one of them holds is nobody else's until alive_until, which it moves on while it works.
create table catalog_engines (
    id uuid primary key,
    alive_until timestamptz not null
);

alter table catalog_states
    -- The engine that took the entity to process it. An id that no living engine has holds nothing.
    add column held_by uuid,
    -- What the last processing, if it went well, read elsewhere, with the etags by which it asks whether that changed.
    -- Null: read all of it.
    add column readings json;

create index catalog_states_held on catalog_states (held_by) where held_by is not null;

-- Every search row tells the kind of its entity, so that counts, facets and pages of one kind, which is what portals
-- ask for, look up nothing else. A page is found by uid and reference alone.
drop index catalog_search_by_value;
drop index catalog_search_by_entity;
alter table catalog_search add column kind text collate "C" not null default '';
update catalog_search s set kind = split_part(e.entity_ref, ':', 1) from catalog_entities e where e.entity_id = s.entity_id;
create index catalog_search_by_value on catalog_search (key, value, entity_id) include (original_value, kind);
create index catalog_search_by_entity on catalog_search (entity_id, key, value) include (kind);

alter table catalog_entities drop constraint catalog_entities_entity_ref_key;
alter table catalog_entities add constraint catalog_entities_entity_ref_key unique (entity_ref) include (entity_id);

-- Nothing that is asked while somebody waits takes so long that it is worth starting processes for.
alter table catalog_search set (parallel_workers = 0);
alter table catalog_entities set (parallel_workers = 0);
