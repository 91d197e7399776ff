-- name: CatalogRequestSweep :one
-- Asks for a sweep. No row means that one is under way or asked for.
insert into catalog_sweeps (id, source, state, cause, asked_by, max_removals)
values (@id, @source, 'requested', @cause, @asked_by, sqlc.narg(max_removals))
on conflict (source) where ended_at is null do nothing
returning *;

-- name: CatalogAdoptSweep :one
-- Gives the sweep that was asked for to the workflow that has begun.
update catalog_sweeps
set state = @state, cause = @cause, workflow_id = @workflow_id, run_id = @run_id, started_at = now()
where source = @source and state = 'requested'
returning *;

-- name: CatalogStartSweep :one
insert into catalog_sweeps (id, source, state, cause, workflow_id, run_id, started_at)
values (@id, @source, @state, @cause, @workflow_id, @run_id, now())
returning *;

-- name: CatalogSweepByRun :one
select * from catalog_sweeps where run_id = @run_id;

-- name: CatalogSweepByID :one
select * from catalog_sweeps where id = @id;

-- name: CatalogActiveSweep :one
-- The sweep of a source that has not ended.
select * from catalog_sweeps where source = @source and ended_at is null for update;

-- name: CatalogSweepForUpdate :one
select * from catalog_sweeps where id = @id for update;

-- name: CatalogSweepsBySource :many
select * from catalog_sweeps where source = @source order by asked_at desc, id limit @max_rows;

-- name: CatalogLastSweeps :many
-- The latest sweep of each source.
select distinct on (source) * from catalog_sweeps order by source, asked_at desc, id;

-- name: CatalogStagePage :one
-- Moves a sweep on by one page. No row means that the page has come before, or that the sweep is over.
update catalog_sweeps
set cursor = @next_cursor, pages = pages + 1, requests = requests + @requests, entities = entities + @entities,
    total = greatest(total, @total), remarks = (remarks || @remarks::text[])[1:@max_remarks::int],
    state = case when @next_cursor = '' then 'complete' else state end,
    read_at = case when @next_cursor = '' then now() end
where id = @id and state = 'reading' and pages = @page
returning *;

-- name: CatalogStageEntities :execrows
-- Stages the entities of a page. A document that the catalog has already is not written again.
insert into catalog_sweep_entities (sweep_id, entity_ref, location_key, hash, document)
select @sweep_id::uuid, f.entity_ref, f.location_key, f.hash, case when s.entity_ref is null then f.document::json end
from (select unnest(@refs::text[]) as entity_ref, unnest(@location_keys::text[]) as location_key,
        unnest(@hashes::text[]) as hash, unnest(@documents::text[]) as document) as f
left join catalog_states s on s.entity_ref = f.entity_ref and s.location_key = f.location_key and s.unprocessed_hash = f.hash
on conflict do nothing;

-- name: CatalogStageFiles :one
-- Stages the files of a page. One without a body is the file that is stored with its etag. Returns how many of them are not
-- stored any more.
with brought as (
    select f.url, f.etag, coalesce(f.body, k.body) as body
    from (select unnest(@urls::text[]) as url, unnest(@etags::text[]) as etag, unnest(@bodies::bytea[]) as body) f
    left join catalog_files k on f.body is null and k.url = f.url and k.source = @source::text and k.etag = f.etag
), staged as (
    insert into catalog_sweep_files (sweep_id, url, etag, body)
    select @sweep_id::uuid, b.url, b.etag, b.body from brought b where b.body is not null
    on conflict do nothing
)
select count(*)::int from brought where body is null;

-- name: CatalogKnownFiles :many
-- The etags of those of these URLs of which a source has a file.
select url, etag from catalog_files where source = @source and url = any (@urls::text[]);

-- name: CatalogStagedEntities :one
select count(*)::int from catalog_sweep_entities where sweep_id = @sweep_id;

-- name: CatalogSweepGone :many
-- What a source emits and the sweep did not bring, and what it brought from another place than before.
select r.target_ref, (e.entity_ref is not null)::bool as moved
from catalog_references r
left join catalog_sweep_entities e on e.sweep_id = @sweep_id and e.entity_ref = r.target_ref
left join catalog_states s on e.entity_ref is not null and s.entity_ref = r.target_ref
where r.source_key = @source::text
  and (e.entity_ref is null or s.location_key is distinct from e.location_key)
order by r.target_ref;

-- name: CatalogSweepCome :many
-- What the sweep brought and the catalog does not have, or has another document of; ordered by reference.
select e.entity_ref, (r.target_ref is not null)::bool as emitted
from catalog_sweep_entities e
left join catalog_references r on r.source_key = @source::text and r.target_ref = e.entity_ref
left join catalog_states s on s.entity_ref = e.entity_ref
where e.sweep_id = @sweep_id
  and (r.target_ref is null or s.unprocessed_hash is distinct from e.hash or s.location_key is distinct from e.location_key)
order by e.entity_ref;

-- name: CatalogStagedDocuments :many
-- The documents of staged entities, ordered by reference. A document is '' when it was not staged, because the catalog had
-- it, and the catalog has another since.
select e.entity_ref, e.location_key,
    coalesce(e.document, case when s.unprocessed_hash = e.hash then s.unprocessed end)::text as document
from catalog_sweep_entities e
left join catalog_states s on e.document is null and s.entity_ref = e.entity_ref
where e.sweep_id = @sweep_id and e.entity_ref = any (@refs::text[])
order by e.entity_ref;

-- name: CatalogReachable :one
-- How many entities a source emits, with everything below them.
with recursive below (entity_ref) as (
    select r.target_ref from catalog_references r where r.source_key = @source::text
    union
    select child.target_ref from below b
    cross join lateral (select r.target_ref from catalog_references r where r.source_ref = b.entity_ref offset 0) child
)
select count(*)::int from below;

-- name: CatalogSettleSweepConflicts :exec
-- Deletes the conflicts of a source over what its sweep did not bring, or brought and got.
delete from catalog_conflicts c
where c.claimant_ref = @claimant::text
  and not exists (
      select from catalog_sweep_entities e
      join catalog_states s on s.entity_ref = e.entity_ref
      where e.sweep_id = @sweep_id and e.entity_ref = c.entity_ref and e.location_key = c.claimant_key
        and s.location_key is distinct from e.location_key);

-- name: CatalogStoreSweepFiles :many
-- Replaces the files of a source by those of its sweep, and returns the URLs of those whose content changed, came or went.
with gone as (
    delete from catalog_files f
    where f.source = @source::text
      and not exists (select from catalog_sweep_files n where n.sweep_id = @sweep_id::uuid and n.url = f.url)
    returning f.url
), stored as (
    insert into catalog_files as f (url, source, etag, body)
    select n.url, @source::text, n.etag, n.body from catalog_sweep_files n
    where n.sweep_id = @sweep_id::uuid
      and not exists (select from catalog_files k where k.url = n.url and k.source = @source::text and k.etag = n.etag and k.body = n.body)
    order by n.url
    on conflict (url, source) do update set etag = excluded.etag, body = excluded.body
    returning f.url
)
select url::text from gone
union all
select n.url::text from stored
join catalog_sweep_files n on n.sweep_id = @sweep_id::uuid and n.url = stored.url
left join catalog_files k on k.url = n.url and k.source = @source::text -- as it was before
where k.body is distinct from n.body;

-- name: CatalogMakeReadersDue :exec
-- Makes the entities of a source due that stand for these files.
update catalog_states s set next_update_at = now(), asked_by = @asked_by::text
where s.location_key = any (@location_keys::text[])
  and s.entity_ref in (select r.target_ref from catalog_references r where r.source_key = @source::text);

-- name: CatalogStoredFile :one
-- The file that a source brought for a URL. Of several sources, the first by name counts.
select etag, body from catalog_files where url = @url order by source limit 1;

-- name: CatalogForgetFiles :exec
-- Forgets the stored files of these entities, so that they are read from the host. Buckets are read by sweeps only.
delete from catalog_files f
using catalog_states s
where s.entity_ref = any (@refs::text[]) and f.url = substr(s.location_key, 5) and s.location_key like 'url:%'
  and not exists (select from catalog_sources b where b.name = f.source and b.kind in ('awsS3', 'azureBlob', 'googleGcs'));

-- name: CatalogMoveSweep :one
-- Changes the state of a sweep. No row means that it is in none of the states before.
update catalog_sweeps
set state = @state, added = @added, changed = @changed, removed = @removed, removals = coalesce(@removals::text[], '{}'), remarks = remarks || @remarks::text[]
where id = @id and state = any (@before::text[])
returning *;

-- name: CatalogEndSweep :one
-- Ends a sweep. No row means that it is in none of the states before.
update catalog_sweeps
set state = @state, failure = nullif(@failure::text, '')::json, ended_at = now()
where id = @id and state = any (@before::text[])
returning *;

-- name: CatalogDecideSweep :one
-- Records a person's decision. No row means that the sweep is in none of the states before.
update catalog_sweeps
set state = @state, decided_by = @decided_by, decided_at = now(), ended_at = case when @ends::bool then now() end
where id = @id and state = any (@before::text[])
returning *;

-- name: CatalogEndRemovals :many
-- Ends the sweeps that remove sources which the configuration has again, and returns them.
update catalog_sweeps set state = 'dropped', ended_at = now()
where ended_at is null and cause = 'removal' and source = any (@sources::text[])
returning id;

-- name: CatalogDropStagedEntities :exec
delete from catalog_sweep_entities where sweep_id = @sweep_id;

-- name: CatalogDropStagedFiles :exec
delete from catalog_sweep_files where sweep_id = @sweep_id;

-- name: CatalogDeleteSweeps :execrows
-- Deletes old sweeps, but for the last of each source and its last that committed.
delete from catalog_sweeps w
where w.ended_at < @before::timestamptz
  and exists (select from catalog_sweeps n where n.source = w.source and n.asked_at > w.asked_at)
  and (w.state <> 'committed' or exists (
      select from catalog_sweeps n where n.source = w.source and n.state = 'committed' and n.ended_at > w.ended_at));

-- name: CatalogLateSources :one
-- How many sources have not been swept completely for twice their interval and their timeout.
select count(*) from catalog_sources s
where s.left_at is null and not s.paused and s.period_seconds > 0
  and coalesce((select max(w.ended_at) from catalog_sweeps w where w.source = s.name and w.state = 'committed'), s.first_at)
    < now() - make_interval(secs => 2 * s.period_seconds + s.timeout_seconds);

-- name: CatalogSourcesPerState :many
-- How many sources there are by the state of their latest sweep.
select latest.state, count(*) as sources
from (select distinct on (w.source) w.source, w.state from catalog_sweeps w order by w.source, w.asked_at desc, w.id) as latest
group by latest.state
order by latest.state;

-- name: CatalogUnheardSweeps :many
-- Sweeps whose workflow may not have heard of a request or a decision.
select * from catalog_sweeps
where ended_at is null
  and (state = 'requested' and asked_at < now() - make_interval(secs => @seconds::float8)
    or state = 'approved' and decided_at < now() - make_interval(secs => @seconds::float8));
