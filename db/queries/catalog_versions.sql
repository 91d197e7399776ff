-- name: CatalogRevisionsBefore :many
-- The versions of a reference that are served no more, the newest first, before the given revision (0 for the newest). With
-- an id, only those of that entity.
select id, entity_id, version, since, until, changed_by, entity, removed_by
from catalog_versions
where entity_ref = @entity_ref and (@before::bigint = 0 or id < @before::bigint)
  and (sqlc.narg(entity_id)::uuid is null or entity_id = sqlc.narg(entity_id)::uuid)
order by id desc
limit @max_rows::int;

-- name: CatalogRevisionAt :one
-- The version of a reference that was served at a moment and is served no more. With an id, only one of that entity.
select entity from catalog_versions
where entity_ref = @entity_ref and since <= @at::timestamptz and until > @at::timestamptz
  and (sqlc.narg(entity_id)::uuid is null or entity_id = sqlc.narg(entity_id)::uuid)
order by id desc
limit 1;

-- name: CatalogServedVersion :one
-- The version that is served.
select entity_id, version, updated_at, changed_by, entity from catalog_entities where entity_ref = @entity_ref;

-- name: CatalogDeleteRevisions :execrows
-- Deletes up to max_rows versions that were replaced or removed before a moment.
delete from catalog_versions where id in (
    select id from catalog_versions where until < @before::timestamptz order by until limit @max_rows::int for update skip locked);
