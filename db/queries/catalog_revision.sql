-- name: CatalogRevision :one
select revision from catalog_revision;
