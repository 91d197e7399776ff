-- name: CatalogDropReads :exec
-- Forgets what these entities do not read any more.
delete from catalog_reads r
where r.entity_id = any (@entities::uuid[])
  and not exists (
      select from (select unnest(@entity_ids::uuid[]) as entity_id, unnest(@urls::text[]) as url) as kept
      where kept.entity_id = r.entity_id and kept.url = r.url);

-- name: CatalogAddReads :exec
insert into catalog_reads (entity_id, url, repository)
select unnest(@entity_ids::uuid[]), unnest(@urls::text[]), unnest(@repositories::text[])
order by 1, 2
on conflict do nothing;

-- name: CatalogReadsOf :many
-- What entities read in these repositories.
select entity_id, url from catalog_reads where repository = any (@repositories::text[]);

-- name: CatalogForgetFilesAt :exec
-- Forgets the stored files of these URLs, so that they are read from their hosts.
delete from catalog_files where url = any (@urls::text[]);
