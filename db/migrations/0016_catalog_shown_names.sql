-- +goose Up

-- What people call an entity, so that lists are sorted as they are read: its title, else its profile's display name, else
-- its name. The key ends with a character that no document has in one.
insert into catalog_search (entity_id, kind, key, value)
select n.entity_id, n.kind, E'metadata.title\x1f', coalesce(
    (select min(t.value) from catalog_search t where t.entity_id = n.entity_id and t.key = 'metadata.title' and t.value <> ''),
    (select min(p.value) from catalog_search p where p.entity_id = n.entity_id and p.key = 'spec.profile.displayname' and p.value <> ''),
    n.value)
from catalog_search n
where n.key = 'metadata.name' and n.value is not null;
