-- name: CatalogNotify :exec
-- Wakes the engines when the transaction commits. The topic is empty, or urgent.
select pg_notify('portico_catalog', @topic::text);

-- name: CatalogClaimDue :many
-- Claims due entities that no living engine holds. They are due again when the lease may have ended. Urgent ones are
-- claimed by CatalogClaimUrgent only.
update catalog_states s
set held_by = @engine::uuid, next_update_at = now() + make_interval(secs => @lease_seconds::float8)
from (
    select d.entity_id from catalog_states d
    where d.next_update_at <= now() and d.urgent_since is null
      and not exists (select from catalog_engines e where e.id = d.held_by and e.alive_until > now())
    order by d.next_update_at
    limit @max_rows
    for update of d skip locked
) due
where s.entity_id = due.entity_id
returning s.entity_id, s.entity_ref, coalesce(s.location_key, '')::text as location_key, s.unprocessed, s.unprocessed_hash,
    s.result_hash, s.readings, s.next_update_at, s.errors, s.line, (s.processed is null)::bool as never_good,
    coalesce(s.asked_by, '')::text as asked_by;

-- name: CatalogClaimUrgent :many
-- Claims urgent entities, those that were asked for first before the others. They are urgent until they are released.
update catalog_states s
set held_by = @engine::uuid, next_update_at = now() + make_interval(secs => @lease_seconds::float8)
from (
    select d.entity_id from catalog_states d
    where d.urgent_since is not null and d.next_update_at <= now()
      and not exists (select from catalog_engines e where e.id = d.held_by and e.alive_until > now())
    order by d.urgent_since
    limit @max_rows
    for update of d skip locked
) due
where s.entity_id = due.entity_id
returning s.entity_id, s.entity_ref, coalesce(s.location_key, '')::text as location_key, s.unprocessed, s.unprocessed_hash,
    s.result_hash, s.readings, s.next_update_at, s.errors, s.line, (s.processed is null)::bool as never_good,
    coalesce(s.asked_by, '')::text as asked_by;

-- name: CatalogLockStates :many
-- Locks rows in the order of their references, so that transactions that lock several do not deadlock.
select entity_ref, entity_id, unprocessed_hash, held_by from catalog_states
where entity_ref = any (@refs::text[])
order by entity_ref
for update;

-- name: CatalogReleaseStates :many
-- Releases held entities, saves their results, and sets when each is due again. An entity that changed or was
-- requested since it was claimed has another next_update_at, which is kept: it is due already. Failed entities
-- are retried with exponential backoff. An empty result_hash means that the last result is still valid. An
-- empty processed keeps the last valid content, which is served even when a place that it points at has errors.
update catalog_states s
set held_by = null,
    urgent_since = case when s.next_update_at <> done.taken_until then s.urgent_since end,
    next_update_at = case
        when s.next_update_at <> done.taken_until then s.next_update_at
        when done.failed then now() + make_interval(secs => least(done.delay_seconds, 2 * 2 ^ least(s.failures, 20)))
        else now() + make_interval(secs => done.delay_seconds) end,
    failures = case when done.failed then s.failures + 1 else 0 end,
    asked_by = case when s.next_update_at <> done.taken_until then s.asked_by end,
    read_at = case when done.failed then s.read_at else now() end,
    readings = case when done.keep_readings then s.readings else nullif(done.readings, '')::json end,
    processed = case when done.processed <> '' then done.processed::json else s.processed end,
    result_hash = case when done.result_hash <> '' then done.result_hash else s.result_hash end,
    errors = case when done.result_hash <> '' then nullif(done.errors, '')::json else s.errors end,
    last_processed_at = case when done.result_hash <> '' then now() else s.last_processed_at end,
    processed_for = case when done.processed <> '' then s.asked_by else s.processed_for end
from (select unnest(@entity_ids::uuid[]) as entity_id, unnest(@taken_until::timestamptz[]) as taken_until,
        unnest(@delays::float8[]) as delay_seconds, unnest(@failed::bool[]) as failed,
        unnest(@readings::text[]) as readings, unnest(@keep_readings::bool[]) as keep_readings,
        unnest(@processed::text[]) as processed, unnest(@result_hashes::text[]) as result_hash,
        unnest(@errors::text[]) as errors) as done
where s.entity_id = done.entity_id and s.held_by = @engine::uuid
returning s.next_update_at <= now() as due;

-- name: CatalogUpsertStates :many
-- Writes discovered documents that are new or changed. It returns the accepted references. A reference that
-- another place holds is neither changed nor returned. asked_by is on whose behalf each was read, '' for the schedule.
-- A new entity is stored with its result, when there is one (result_hash is not ''), and due after due_in seconds. Its id
-- is then the given one. One that the catalog has is processed as ever.
with found as materialized (
    select unnest(@ids::uuid[]) as entity_id, unnest(@refs::text[]) as entity_ref, unnest(@location_keys::text[]) as location_key,
        unnest(@documents::text[]) as document, unnest(@hashes::text[]) as hash, nullif(unnest(@lines::int[]), 0) as line,
        nullif(unnest(@asked_by::text[]), '') as asked_by, unnest(@processed::text[]) as processed,
        unnest(@result_hashes::text[]) as result_hash, unnest(@due_in::float8[]) as due_in
), known as materialized (
    select f.entity_ref, s.entity_id from found f
    join catalog_states s on s.entity_ref = f.entity_ref and s.location_key = f.location_key and s.unprocessed_hash = f.hash
        and s.line is not distinct from f.line
    order by f.entity_ref
    for share of s
), written as (
    insert into catalog_states as s (entity_id, entity_ref, location_key, unprocessed, unprocessed_hash, line, asked_by,
        processed, result_hash, processed_for, last_processed_at, read_at, next_update_at)
    select f.entity_id, f.entity_ref, f.location_key, f.document::json, f.hash, f.line, case when f.result_hash = '' then f.asked_by end,
        nullif(f.processed, '')::json, f.result_hash, case when f.result_hash <> '' then f.asked_by end,
        case when f.result_hash <> '' then now() end, case when f.result_hash <> '' then now() end, now() + make_interval(secs => f.due_in)
    from found f
    where f.entity_ref not in (select entity_ref from known)
    order by f.entity_ref
    on conflict (entity_ref) do update
    set unprocessed = excluded.unprocessed,
        unprocessed_hash = excluded.unprocessed_hash,
        location_key = excluded.location_key,
        line = excluded.line,
        asked_by = coalesce(excluded.asked_by, excluded.processed_for, s.asked_by),
        last_discovered_at = now(),
        next_update_at = case when s.unprocessed_hash = excluded.unprocessed_hash then s.next_update_at else now() end
    where s.location_key is null or s.location_key = excluded.location_key
    returning s.entity_ref, s.entity_id
)
select entity_ref::text as entity_ref, entity_id::uuid as entity_id from known
union all
select entity_ref::text, entity_id::uuid from written;

-- name: CatalogMakeDue :exec
update catalog_states set next_update_at = now()
where entity_ref = any (@refs::text[]);

-- name: CatalogMakeKindsDue :execrows
-- Makes all entities due whose references begin so, one kind each. The rows are locked in the order of their references.
update catalog_states s set next_update_at = now()
from (select d.entity_id from catalog_states d
      where exists (select from unnest(@prefixes::text[]) as p where starts_with(d.entity_ref, p))
      order by d.entity_ref for update) as locked
where s.entity_id = locked.entity_id;

-- name: CatalogMakeUrgent :execrows
-- Makes entities due before all that are due by their interval, on somebody's behalf ('' for nobody's).
update catalog_states s
set next_update_at = now(), urgent_since = coalesce(s.urgent_since, now()), asked_by = coalesce(nullif(@asked_by::text, ''), s.asked_by)
from (select d.entity_id from catalog_states d where d.entity_id = any (@entity_ids::uuid[]) order by d.entity_ref for update) as locked
where s.entity_id = locked.entity_id;

-- name: CatalogHurryDue :execrows
-- Makes those of the entities urgent that are due.
update catalog_states set urgent_since = now()
where entity_ref = any (@refs::text[]) and next_update_at <= now() and urgent_since is null;

-- name: CatalogMakeDueAfresh :exec
-- Makes entities due, and has their results written even when they are unchanged.
update catalog_states set next_update_at = now(), result_hash = ''
where entity_ref = any (@refs::text[]);

-- name: CatalogRefreshAncestors :many
-- Makes an entity urgent together with its Location ancestors, on somebody's behalf ('' for nobody's). No row means that
-- there is no such entity.
with recursive ancestors (entity_ref, depth) as (
    select s.entity_ref, 0 from catalog_states s where s.entity_ref = @entity_ref
    union
    select r.source_ref, a.depth + 1
    from ancestors a
    join catalog_references r on r.target_ref = a.entity_ref
    where r.source_ref is not null and a.depth < 32
)
update catalog_states s set next_update_at = now(), urgent_since = coalesce(s.urgent_since, now()),
    asked_by = coalesce(nullif(@asked_by::text, ''), s.asked_by)
where s.entity_ref in (
    select a.entity_ref from ancestors a where a.depth = 0 or a.entity_ref like 'location:%'
)
returning s.entity_ref;

-- name: CatalogDropChildren :many
-- Removes references to entities that are no longer emitted, and returns who emitted which.
delete from catalog_references r
where r.source_ref = any (@sources::text[])
  and not exists (
      select from (select unnest(@edge_sources::text[]) as source_ref, unnest(@edge_targets::text[]) as target_ref) as kept
      where kept.source_ref = r.source_ref and kept.target_ref = r.target_ref)
returning r.source_ref::text as source_ref, r.target_ref;

-- name: CatalogAddChildren :many
insert into catalog_references (source_ref, target_ref)
select edge.source_ref, edge.target_ref
from (select unnest(@sources::text[]) as source_ref, unnest(@targets::text[]) as target_ref) as edge
order by 2, 1
on conflict do nothing
returning target_ref;

-- name: CatalogDropSourceTargets :many
-- Removes the references of one source to these entities.
delete from catalog_references
where source_key = @source_key::text and target_ref = any (@targets::text[])
returning target_ref;

-- name: CatalogAddSourceTargets :exec
insert into catalog_references (source_key, target_ref)
select @source_key::text, unnest(@targets::text[])
on conflict do nothing;

-- name: CatalogTargetsBySource :many
select target_ref from catalog_references where source_key = @source_key::text order by target_ref;

-- name: CatalogDropRelations :many
-- Removes the relations that entities no longer declare, and returns the relations' sources.
delete from catalog_relations r
where r.origin_id = any (@origins::uuid[])
  and not exists (
      select from (select unnest(@origin_ids::uuid[]) as origin_id, unnest(@sources::text[]) as source_ref,
        unnest(@types::text[]) as type, unnest(@targets::text[]) as target_ref) as kept
      where kept.origin_id = r.origin_id and kept.source_ref = r.source_ref
        and kept.type = r.type and kept.target_ref = r.target_ref)
returning r.source_ref;

-- name: CatalogAddRelations :many
insert into catalog_relations (origin_id, source_ref, type, target_ref)
select unnest(@origin_ids::uuid[]), unnest(@sources::text[]), unnest(@types::text[]), unnest(@targets::text[])
order by 1, 2, 3, 4
on conflict do nothing
returning source_ref;

-- name: CatalogAddFirstRelations :copyfrom
-- Adds the relations of entities that have declared none.
insert into catalog_relations (origin_id, source_ref, type, target_ref)
values (@origin_id, @source_ref, @type, @target_ref);

-- name: CatalogDescendantsOnlyBelow :many
-- The entities that would be orphans if nothing referred to these: these and all their descendants, without
-- those that are reachable from elsewhere. They are few among many, so references are looked up entity by
-- entity: the offsets keep Postgres from joining the whole table.
with recursive below (entity_ref) as (
    select s.entity_ref from catalog_states s where s.entity_ref = any (@roots::text[])
    union
    select child.target_ref from below b
    cross join lateral (select r.target_ref from catalog_references r where r.source_ref = b.entity_ref offset 0) child
), incoming as materialized (
    select b.entity_ref, emitter.source_ref from below b
    cross join lateral (select r.source_ref from catalog_references r where r.target_ref = b.entity_ref offset 0) emitter
), kept (entity_ref) as (
    select i.entity_ref from incoming i left join below b on b.entity_ref = i.source_ref where b.entity_ref is null
    union
    select child.target_ref from kept k
    cross join lateral (select r.target_ref from catalog_references r where r.source_ref = k.entity_ref offset 0) child
)
select entity_ref::text from below
except
select entity_ref::text from kept;

-- name: CatalogOrphans :many
-- Entities that nothing refers to any more.
select s.entity_ref from catalog_states s
where not exists (select from catalog_references r where r.target_ref = s.entity_ref)
order by s.entity_ref
limit @max_rows;

-- name: CatalogStillOrphaned :many
-- Checks listed orphans again while their rows are locked: an entity may have been discovered again.
select s.entity_ref from catalog_states s
where s.entity_ref = any (@refs::text[])
  and not exists (select from catalog_references r where r.target_ref = s.entity_ref);

-- name: CatalogRelationNeighbours :many
-- The sources of the relations that these entities declare.
select distinct r.source_ref from catalog_relations r
join catalog_states s on s.entity_id = r.origin_id
where s.entity_ref = any (@refs::text[]);

-- name: CatalogDeleteStates :exec
delete from catalog_states where entity_ref = any (@refs::text[]);

-- name: CatalogDeleteReferences :exec
-- Deletes the references to and from these entities.
delete from catalog_references where source_ref = any (@refs::text[]) or target_ref = any (@refs::text[]);

-- name: CatalogParents :many
select distinct source_ref::text from catalog_references
where target_ref = any (@refs::text[]) and source_ref is not null;

-- name: CatalogSaveConflicts :exec
insert into catalog_conflicts (entity_ref, holder_key, claimant_key, claimant_ref)
select claim.entity_ref, coalesce(s.location_key, ''), claim.claimant_key, claim.claimant_ref
from (select unnest(@refs::text[]) as entity_ref, unnest(@claimant_keys::text[]) as claimant_key,
        unnest(@claimants::text[]) as claimant_ref) as claim
join catalog_states s on s.entity_ref = claim.entity_ref
order by 1, 3, 4
on conflict (entity_ref, claimant_key, claimant_ref) do update
set holder_key = excluded.holder_key, last_seen_at = now();

-- name: CatalogSaveLosses :exec
-- Records the former holders of references that others took over, with the hashes of their documents.
insert into catalog_conflicts (entity_ref, holder_key, claimant_key, claimant_ref, failed_hash)
select lost.entity_ref, coalesce(s.location_key, ''), lost.claimant_key, lost.claimant_ref, lost.failed_hash
from (select unnest(@refs::text[]) as entity_ref, unnest(@claimant_keys::text[]) as claimant_key,
        unnest(@claimants::text[]) as claimant_ref, unnest(@failed_hashes::text[]) as failed_hash) as lost
join catalog_states s on s.entity_ref = lost.entity_ref
on conflict (entity_ref, claimant_key, claimant_ref) do update
set holder_key = excluded.holder_key, failed_hash = excluded.failed_hash, last_seen_at = now();

-- name: CatalogForgetClaims :exec
-- Removes the conflicts of claimants that do not claim the reference any more.
delete from catalog_conflicts c
where c.claimant_ref = any (@claimants::text[])
  and not exists (
      select from (select unnest(@refs::text[]) as entity_ref, unnest(@claimant_keys::text[]) as claimant_key,
        unnest(@claimed_by::text[]) as claimant_ref) as kept
      where kept.entity_ref = c.entity_ref and kept.claimant_key = c.claimant_key and kept.claimant_ref = c.claimant_ref);

-- name: CatalogReleaseClaims :many
-- Deletes the conflicts over deleted entities, and returns the claimants.
delete from catalog_conflicts where entity_ref = any (@refs::text[]) returning claimant_ref;

-- name: CatalogAncestry :many
-- Every reference from an entity's ancestors, without duplicates, the entity's own parents first.
with recursive ancestors (entity_ref, depth) as (
    select s.entity_ref, 0 from catalog_states s where s.entity_ref = @entity_ref
    union
    select r.source_ref, a.depth + 1
    from ancestors a
    join catalog_references r on r.target_ref = a.entity_ref
    where r.source_ref is not null and a.depth < 32
)
select r.target_ref, r.source_ref::text as parent_ref, min(a.depth)::int as depth
from ancestors a
join catalog_references r on r.target_ref = a.entity_ref
where r.source_ref is not null
group by r.target_ref, r.source_ref
order by depth, r.target_ref, parent_ref;

-- name: CatalogRefByID :one
select entity_ref from catalog_states where entity_id = @entity_id;

-- name: CatalogDeleteClaims :exec
-- Deletes the open claims of these entities.
delete from catalog_conflicts where claimant_ref = any (@refs::text[]);

-- name: CatalogChildrenWithPlaces :many
-- The children of these entities, each with the place that holds it.
select r.source_ref::text as source_ref, r.target_ref, s.location_key
from catalog_references r
join catalog_states s on s.entity_ref = r.target_ref
where r.source_ref = any (@sources::text[]);

-- name: CatalogNeverGood :many
-- Those of the references whose documents were never valid.
select entity_ref from catalog_states
where entity_ref = any (@refs::text[]) and processed is null and errors is not null;

-- name: CatalogTakeOver :many
-- Gives references whose documents were never valid to other documents, and returns the references that
-- changed. A document that held the reference before and was never valid does not get it again.
update catalog_states s
set unprocessed = f.document::json, unprocessed_hash = f.hash, location_key = f.location_key, line = f.line,
    result_hash = '', errors = null, readings = null, failures = 0, held_by = null, last_discovered_at = now(), next_update_at = now()
from (select unnest(@refs::text[]) as entity_ref, unnest(@location_keys::text[]) as location_key,
        unnest(@documents::text[]) as document, unnest(@hashes::text[]) as hash, nullif(unnest(@lines::int[]), 0) as line) as f
where s.entity_ref = f.entity_ref and s.processed is null and s.errors is not null
  and not exists (
      select from catalog_conflicts c
      where c.entity_ref = f.entity_ref and c.claimant_key = f.location_key and c.failed_hash = f.hash)
returning s.entity_ref;

-- name: CatalogHoldersOf :many
-- The entities that emitted these, and where each reference is held.
select r.source_ref::text as source_ref, r.target_ref, coalesce(s.location_key, '')::text as location_key, s.unprocessed_hash
from catalog_references r
join catalog_states s on s.entity_ref = r.target_ref
where r.target_ref = any (@refs::text[]) and r.source_ref is not null;

-- name: CatalogDropEmitters :exec
-- Deletes the references from entities to these.
delete from catalog_references where target_ref = any (@refs::text[]) and source_ref is not null;

-- name: CatalogSourcesOf :many
-- The sources that emit an entity directly.
select source_key::text from catalog_references where target_ref = @entity_ref and source_key is not null;

-- name: CatalogStateByRef :one
select entity_ref, location_key, unprocessed from catalog_states where entity_ref = @entity_ref;

-- name: CatalogClaimants :many
-- The entities with an open claim to one of these references.
select distinct claimant_ref from catalog_conflicts where entity_ref = any (@refs::text[]);

-- name: CatalogSaveUnserved :many
-- Records why entities cannot be served ('' for those that can), and returns those for which that changed.
update catalog_states s set unserved = nullif(done.unserved, '')::json
from (select unnest(@refs::text[]) as entity_ref, unnest(@unserved::text[]) as unserved) as done
where s.entity_ref = done.entity_ref and coalesce(s.unserved::text, '') <> done.unserved
returning s.entity_ref;

-- name: CatalogFailed :many
-- Entities with errors, ordered by reference, after the given one. If owner is not '', only those of that
-- owner. A document can contain the character NUL and text cannot, so it is read as U+FFFD.
select s.entity_id, s.entity_ref, s.unprocessed, s.unprocessed_hash, s.processed, s.result_hash, s.errors, s.unserved,
    s.location_key, s.line, s.next_update_at, s.last_discovered_at,
    array(select r.source_ref from catalog_references r where r.target_ref = s.entity_ref and r.source_ref is not null order by 1)::text[] as parents
from catalog_states s
where (s.errors is not null or s.unserved is not null) and s.entity_ref > @after
  and (@owner::text = '' or replace(s.unprocessed::text, '\u0000', '\ufffd')::json #>> '{spec,owner}' = @owner::text)
order by s.entity_ref
limit @max_rows;

-- name: CatalogPending :many
-- Entities without errors that are not served yet, in the form of CatalogFailed.
select s.entity_id, s.entity_ref, s.unprocessed, s.unprocessed_hash, s.processed, s.result_hash, s.errors, s.unserved,
    s.location_key, s.line, s.next_update_at, s.last_discovered_at,
    array(select r.source_ref from catalog_references r where r.target_ref = s.entity_ref and r.source_ref is not null order by 1)::text[] as parents
from catalog_states s
where s.errors is null and s.unserved is null and s.entity_ref > @after
  and not exists (select from catalog_entities e where e.entity_id = s.entity_id)
  and (@owner::text = '' or replace(s.unprocessed::text, '\u0000', '\ufffd')::json #>> '{spec,owner}' = @owner::text)
order by s.entity_ref
limit @max_rows;

-- name: CatalogUnprocessedRef :one
-- The reference of an entity that is not served.
select s.entity_ref from catalog_states s
where s.entity_id = @entity_id and not exists (select from catalog_entities e where e.entity_id = s.entity_id);

-- name: CatalogBacklog :one
-- How many entities are due, up to 10,000, how many seconds the oldest has waited, and how many have errors.
select
    (select count(*) from (select from catalog_states where next_update_at <= now() limit 10000) as due) as due,
    coalesce((select greatest(extract(epoch from now() - min(next_update_at)), 0) from catalog_states), 0)::float8 as oldest,
    (select count(*) from (select from catalog_states where errors is not null or unserved is not null limit 10000) as wrong) as failed;
