-- +goose Up

-- The entities of a kind by name, or by the name that portals show: a page is the beginning of one walk. The index over all
-- values has the names of every kind, and those of the last one come after all others.
create index catalog_search_names on catalog_search (kind, key, value, entity_id)
    where key in ('metadata.name', E'metadata.title\x1f');

-- What a full-text search is asked for. "is true" is there for the planner: it would otherwise look up the keys, too, in the
-- index over all values, which has every text there is.
create extension if not exists pg_trgm;
create index catalog_search_texts on catalog_search using gin (value gin_trgm_ops)
    where (key in ('metadata.name', 'metadata.title', 'metadata.description', E'metadata.description\x1f', 'spec.profile.displayname')) is true;
