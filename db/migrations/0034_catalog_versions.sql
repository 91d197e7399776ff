-- +goose Up

-- Versions of served entities that are served no more, with what made them and when. The version that is served is in
-- catalog_entities alone, so an entity that never changes has no row here.
create table catalog_versions (
    id bigint generated always as identity primary key,
    entity_ref text collate "C" not null,
    entity_id uuid not null,
    -- Counts the versions of one entity_id from 0.
    version integer not null,
    -- The entity as it was served from since until, and what made it so (see catalog_entities.changed_by).
    since timestamptz not null,
    until timestamptz not null,
    changed_by text not null,
    hash text not null,
    entity json not null,
    -- What removed the entity at until; null when the next version followed.
    removed_by text
);

create index catalog_versions_by_ref on catalog_versions (entity_ref, id);
create index catalog_versions_by_end on catalog_versions (until);

alter table catalog_entities
    -- What made this version, as kind:name: schedule, request:user:default/ann, sweep:id, relations, ...; '' for one that was made
    -- before this was recorded. It is of updated_at.
    add column changed_by text not null default '',
    add column version integer not null default 0,
    -- The hash of the entity's own document, without its relations, status and uid; '' for one of an older release.
    add column own_hash text not null default '',
    -- The repository of the file that the entity is from, as host/path, and the first segment of its branch; null for any other
    -- location, and for Locations.
    add column repository text collate "C",
    add column branch text collate "C";

create index catalog_entities_by_repository on catalog_entities (repository, branch) where repository is not null;

alter table catalog_states
    -- Who or what asked for the processing that is due, and for the last one that changed something, in the form of
    -- catalog_entities.changed_by; null for the schedule.
    add column asked_by text,
    add column processed_for text,
    -- When the entity's document and everything that it points at was last read without an error.
    add column read_at timestamptz;

-- What relations lead to and the catalog does not have. Whoever stitches a reference keeps its row right, so it is right in the
-- same transaction.
create table catalog_missing (
    entity_ref text collate "C" primary key,
    since timestamptz not null default now()
);

insert into catalog_missing (entity_ref)
select distinct r.source_ref from catalog_relations r
where not exists (select from catalog_entities e where e.entity_ref = r.source_ref);
