-- +goose Up

-- What people call an entity, so that lists are sorted as they are read: its title, else its profile's display name, else
-- its name. No field of a document gets a row of this key.
insert into catalog_search (entity_id, kind, key, value)
select n.entity_id, n.kind, E'metadata.title\x1f', coalesce(
    (select min(t.value) from catalog_search t where t.entity_id = n.entity_id and t.key = 'metadata.title' and t.value <> ''),
    (select min(p.value) from catalog_search p where p.entity_id = n.entity_id and p.key = 'spec.profile.displayname' and p.value <> ''),
    n.value)
from catalog_search n
where n.key = 'metadata.name' and n.value is not null;

-- The version that stitched an entity is the beginning of its hash; an older release writes none, which is 0. It is a column of its own,
-- because an index of the hash would be written with every stitch.
alter table catalog_entities add column stitch_version integer not null generated always as (
    coalesce(substring(hash from '^([0-9]{1,9}):'), '0')::integer) stored;

create index catalog_entities_by_stitch_version on catalog_entities (stitch_version);
