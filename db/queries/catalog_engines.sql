-- name: CatalogStartEngine :exec
-- Begins a lease, and deletes the leases of engines that died.
with dead as (delete from catalog_engines where alive_until < now())
insert into catalog_engines (id, alive_until) values (@id, now() + make_interval(secs => @lease_seconds::float8));

-- name: CatalogKeepEngine :execrows
-- Renews a lease. No row means that it has ended, and others may have taken its entities.
update catalog_engines set alive_until = now() + make_interval(secs => @lease_seconds::float8)
where id = @id and alive_until > now();

-- name: CatalogEndEngine :exec
-- Ends a lease and releases the entities that it still holds.
with ended as (delete from catalog_engines where id = @id::uuid)
update catalog_states set held_by = null, next_update_at = now() where held_by = @id::uuid;
