-- +goose Up

-- The entities of a kind by name, or by the name that portals show: a page is the beginning of one walk. The index over all
-- values has the names of every kind, and those of the last one come after all others.
create index catalog_search_names on catalog_search (kind, key, value, entity_id)
    where key in ('metadata.name', E'metadata.title\x1f');
