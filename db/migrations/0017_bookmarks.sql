-- +goose Up

-- What people starred and what they saw last, by their entity references. A reference need not lead to an entity that is there.
create table bookmarks (
    user_ref text collate "C" not null,
    list text not null check (list in ('starred', 'recent')),
    entity_ref text collate "C" not null,
    marked_at timestamptz not null,
    primary key (user_ref, list, entity_ref)
);
