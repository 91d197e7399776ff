-- +goose Up

-- Text that is only ever compared and sorted by machines has the "C" collation: the same order on every host, and indexes
-- that serve prefixes too.

-- What the catalog knows of each discovered entity while it is being processed; one row per reference, owned by the first
-- source that claimed it. An entity is served from catalog_entities once it was processed without an error.
create table catalog_states (
    entity_id uuid primary key,
    -- kind:namespace/name in lower case.
    entity_ref text collate "C" not null unique,
    -- The place that claims the reference ("url:https://..."); null is claimed by nobody in particular.
    location_key text collate "C",
    -- The document as its source emitted it, with the author's order of keys, and its hash.
    unprocessed json not null,
    unprocessed_hash text not null,
    -- The document after the last processing that went well; null until there was one.
    processed json,
    -- Hash of everything the last processing produced: when it is the same again, nothing is written.
    result_hash text not null default '',
    -- The errors of the last processing, an array of {name, message, cause}; null when it went well.
    errors json,
    -- How often in a row it could not be read.
    failures integer not null default 0,
    -- When it is due. A process that takes it moves this to the end of its lease.
    next_update_at timestamptz not null default now(),
    last_discovered_at timestamptz not null default now(),
    last_processed_at timestamptz
);

create index catalog_states_due on catalog_states (next_update_at);

-- Who emitted an entity: a source (a provider such as the configuration, or the registered locations) or another entity. A
-- state that nothing refers to is an orphan.
create table catalog_references (
    id bigint generated always as identity primary key,
    source_key text collate "C",
    source_ref text collate "C",
    target_ref text collate "C" not null,
    check ((source_key is null) <> (source_ref is null)),
    unique nulls not distinct (target_ref, source_ref, source_key)
);

create index catalog_references_by_source_ref on catalog_references (source_ref, target_ref);
create index catalog_references_by_source_key on catalog_references (source_key, target_ref) where source_key is not null;

-- Relations in both directions, each under the entity that declared it.
create table catalog_relations (
    origin_id uuid not null references catalog_states (entity_id) on delete cascade,
    source_ref text collate "C" not null,
    type text collate "C" not null,
    target_ref text collate "C" not null,
    primary key (origin_id, source_ref, type, target_ref)
);

create index catalog_relations_by_source on catalog_relations (source_ref, type, target_ref);

-- Entities whose final form must be put together again. A row is a mutex too: whoever writes to catalog_entities holds the
-- row of that reference, so that two processes never write the same entity from different moments.
create table catalog_stitches (
    entity_ref text collate "C" primary key,
    requested_at timestamptz not null default clock_timestamp()
);

create index catalog_stitches_by_age on catalog_stitches (requested_at);

-- What is served: the processed entity with its relations, status, uid and etag.
create table catalog_entities (
    entity_id uuid primary key,
    entity_ref text collate "C" not null unique,
    hash text not null,
    entity json not null,
    updated_at timestamptz not null default now()
);

-- Documents live beside the heap, so that counting and sorting 250,000 entities reads narrow rows.
alter table catalog_entities set (toast_tuple_target = 128);

-- The flattened entities: every filter, order, facet and permission condition is a question to this table.
create table catalog_search (
    entity_id uuid not null references catalog_entities (entity_id) on delete cascade,
    key text collate "C" not null,
    -- Lower case, for comparing. Null: the key is there, its value is null or too long to compare.
    value text collate "C",
    -- As it was written, for facets.
    original_value text collate "C"
);

create index catalog_search_by_value on catalog_search (key, value, entity_id) include (original_value);
create index catalog_search_by_entity on catalog_search (entity_id, key, value);

-- A key determines which values there are; without this the planner takes the two for independent.
create statistics catalog_search_values (dependencies, mcv) on key, value from catalog_search;
alter table catalog_search alter column key set statistics 500;
alter table catalog_search alter column value set statistics 500;

-- Locations registered through the API. entity_ref is the Location entity that stands for the row; it stays when the target changes.
create table catalog_locations (
    id uuid primary key,
    type text collate "C" not null,
    target text collate "C" not null,
    entity_ref text collate "C" not null,
    created_at timestamptz not null default now(),
    created_by text not null default '',
    unique (type, target)
);

create index catalog_locations_by_entity on catalog_locations (entity_ref);

-- A reference that a second place claimed: the first keeps it.
create table catalog_conflicts (
    entity_ref text collate "C" not null,
    -- The place that has the entity, and the one that wanted it too.
    holder_key text collate "C" not null,
    claimant_key text collate "C" not null,
    -- The entity that emitted the second claim.
    claimant_ref text collate "C" not null,
    first_seen_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    primary key (entity_ref, claimant_key, claimant_ref)
);

create index catalog_conflicts_by_claimant on catalog_conflicts (claimant_ref);
