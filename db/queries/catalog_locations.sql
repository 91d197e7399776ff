-- name: CatalogInsertLocation :one
-- No row: the location is registered already.
insert into catalog_locations (id, type, target, entity_ref, created_by)
values (@id, @type, @target, @entity_ref, @created_by)
on conflict (type, target) do nothing
returning *;

-- name: CatalogLocations :many
select * from catalog_locations order by created_at, id;

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
