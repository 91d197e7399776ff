-- name: CatalogInsertLocation :one
-- No row means that the location is registered already.
insert into catalog_locations (id, type, target, entity_ref, created_by)
values (@id, @type, @target, @entity_ref, @created_by)
on conflict (type, target) do nothing
returning *;

-- name: CatalogLocationsAfter :many
-- A page of the registered locations, the oldest first, after the one with the given time and id.
select * from catalog_locations
where (created_at, id) > (@created_at::timestamptz, @id::uuid)
order by created_at, id
limit @max_rows;

-- name: CatalogLostLocations :many
-- Registered locations whose entity does not exist any more.
select l.* from catalog_locations l
where not exists (
    select from catalog_references r where r.target_ref = l.entity_ref and r.source_key = @source_key::text)
order by l.created_at, l.id
limit @max_rows
for update skip locked;

-- name: CatalogLocationByID :one
select * from catalog_locations where id = @id;

-- name: CatalogLocationForUpdate :one
select * from catalog_locations where id = @id for update;

-- name: CatalogLocationByTarget :one
select * from catalog_locations where type = @type and target = @target;

-- name: CatalogUpdateLocation :exec
update catalog_locations set type = @type, target = @target where id = @id;

-- name: CatalogDeleteLocation :exec
delete from catalog_locations where id = @id;

-- name: CatalogLocationEntityTaken :one
select exists (select from catalog_locations where entity_ref = @entity_ref);
