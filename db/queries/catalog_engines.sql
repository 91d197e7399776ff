-- name: CatalogStartEngine :exec
-- Begins a lease, and forgets those that ended without anybody saying so.
with dead as (delete from catalog_engines where alive_until < now())
insert into catalog_engines (id, alive_until) values (@id, now() + make_interval(secs => @lease_seconds::float8));

-- name: CatalogKeepEngine :execrows
-- Renews a lease. No row: it has ended, and others may have taken what was held under it.
update catalog_engines set alive_until = now() + make_interval(secs => @lease_seconds::float8)
where id = @id and alive_until > now();

-- name: CatalogEndEngine :exec
-- Ends a lease and gives back what is still held under it.
with ended as (delete from catalog_engines where id = @id::uuid)
update catalog_states set held_by = null, next_update_at = now() where held_by = @id::uuid;
