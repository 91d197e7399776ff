-- name: CatalogRequestStitches :exec
-- Requests the stitching of entities. Locking an existing request waits for the process that holds it, and keeps its
-- age, so that an entity that others change again and again is not put off. It is written again only to become urgent, but
-- locked in any case: until this transaction ends, nobody stitches the entity without what it changes. Urgent requests are
-- taken first.
insert into catalog_stitches as s (entity_ref, urgent)
select distinct ref, @urgent::bool from unnest(@refs::text[]) as ref order by ref
on conflict (entity_ref) do update set urgent = true where excluded.urgent and not s.urgent;

-- name: CatalogRequestOutdatedStitches :execrows
-- Requests the stitching of up to max_rows entities that an older version stitched. Entities that cannot be
-- served are left out: their stitching fails, so they would be requested again each time.
insert into catalog_stitches (entity_ref)
select outdated.entity_ref from (
    select e.entity_ref from catalog_entities e
    join catalog_states s on s.entity_id = e.entity_id
    where stitch_version(e.hash) < @version::int and s.processed is not null and s.unserved is null
      and not exists (select from catalog_stitches r where r.entity_ref = e.entity_ref)
    order by stitch_version(e.hash)
    limit @max_rows
) as outdated
order by outdated.entity_ref
on conflict do nothing;

-- name: CatalogTakeStitches :many
-- Takes the oldest requests, urgent ones first. Until the transaction ends, only it may write the entities. min_age is in
-- seconds. Each condition is one range of an index: while an import puts stitches off, a hundred thousand requests that are
-- too young are not looked at.
with hurried as materialized (
    select entity_ref from catalog_stitches where urgent order by requested_at limit sqlc.arg(max_rows)::int for update skip locked
), aged as materialized (
    select entity_ref from catalog_stitches
    where not urgent and requested_at <= statement_timestamp() - make_interval(secs => sqlc.arg(min_age)::float8)
    order by requested_at limit (select sqlc.arg(max_rows)::int - count(*) from hurried) for update skip locked
)
delete from catalog_stitches
where entity_ref in (select entity_ref from hurried union all select entity_ref from aged)
returning entity_ref;

-- name: CatalogTakeStitch :many
-- Takes the request for one entity, if there is one that nobody holds.
delete from catalog_stitches d
where d.entity_ref in (select r.entity_ref from catalog_stitches r where r.entity_ref = @entity_ref for update skip locked)
returning d.entity_ref;

-- name: CatalogStitchInputs :many
select s.entity_id, s.entity_ref, s.processed, s.errors, s.unserved,
    not exists (select from catalog_references r where r.target_ref = s.entity_ref) as orphan,
    coalesce(e.hash, '') as served_hash, coalesce(e.own_hash, '') as served_own_hash, (e.entity_id is null)::bool as is_new,
    coalesce(e.updated_at > now() - make_interval(secs => @settling_seconds::float8), false)::bool as settling, coalesce(s.processed_for, '')::text as processed_for,
    coalesce(s.location_key, '')::text as location_key
from catalog_states s
left join catalog_entities e on e.entity_id = s.entity_id
where s.entity_ref = any (@refs::text[]) and s.processed is not null;

-- name: CatalogRelationsBySource :many
select distinct source_ref, type, target_ref from catalog_relations
where source_ref = any (@refs::text[])
order by source_ref, type, target_ref;

-- name: CatalogConflictsByClaimant :many
-- The open claims of entities, with the errors of a holder that was never valid.
select c.claimant_ref, c.entity_ref, c.holder_key, c.claimant_key,
    (case when s.processed is null then s.errors end)::json as holder_errors
from catalog_conflicts c
left join catalog_states s on s.entity_ref = c.entity_ref
where c.claimant_ref = any (@refs::text[])
order by c.claimant_ref, c.entity_ref, c.claimant_key;

-- name: CatalogFailedChildren :many
-- The errors of entities' children, the first few of each. Children are looked up one by one among the few
-- entities with errors.
select p.ref::text as parent_ref, failed.entity_ref, failed.location_key, failed.line, failed.errors, failed.unserved
from unnest(@refs::text[]) as p (ref)
cross join lateral (
    select s.entity_ref, s.location_key, s.line, s.errors, s.unserved
    from catalog_references r
    cross join lateral (
        select * from catalog_states s
        where s.entity_ref = r.target_ref and (s.errors is not null or s.unserved is not null) offset 0
    ) s
    where r.source_ref = p.ref
    order by r.target_ref
    limit @max_children
) failed;

-- name: CatalogRemoveReplacedEntities :exec
-- Removes served entities whose state was deleted or replaced by one with another uid, and keeps them as revisions.
with gone as (
    delete from catalog_entities e
    where e.entity_ref = any (@refs::text[])
      and not exists (select from catalog_states s where s.entity_id = e.entity_id)
    returning *
)
insert into catalog_versions (entity_ref, entity_id, version, since, until, changed_by, hash, entity, removed_by)
select g.entity_ref, g.entity_id, g.version, g.updated_at, greatest(now(), g.updated_at), g.changed_by, g.hash, g.entity, @removed_by::text
from gone g order by g.entity_ref;

-- name: CatalogDeleteEntities :exec
-- Removes served entities, and keeps them as revisions.
with gone as (delete from catalog_entities where entity_ref = any (@refs::text[]) returning *)
insert into catalog_versions (entity_ref, entity_id, version, since, until, changed_by, hash, entity, removed_by)
select g.entity_ref, g.entity_id, g.version, g.updated_at, greatest(now(), g.updated_at), g.changed_by, g.hash, g.entity, @removed_by::text
from gone g order by g.entity_ref;

-- name: CatalogKeepRevisions :exec
-- Keeps the served versions of entities that are about to be replaced, and of each entity the newest ones only.
with kept as (
    insert into catalog_versions (entity_ref, entity_id, version, since, until, changed_by, hash, entity)
    select e.entity_ref, e.entity_id, e.version, e.updated_at, greatest(now(), e.updated_at), e.changed_by, e.hash, e.entity
    from catalog_entities e
    where e.entity_id = any (@entity_ids::uuid[])
    order by e.entity_ref
    returning entity_ref
)
delete from catalog_versions r using (
    select beyond.id from kept cross join lateral (
        select r.id from catalog_versions r where r.entity_ref = kept.entity_ref order by r.id desc offset @most::int
    ) beyond
) surplus where r.id = surplus.id;

-- name: CatalogSaveEntities :exec
-- Writes served entities. changed_by is '' for an entity that stays the same version.
insert into catalog_entities as e (entity_id, entity_ref, hash, entity, own_hash, changed_by, repository, branch)
select made.entity_id, made.entity_ref, made.hash, made.entity::json, made.own_hash, made.changed_by, nullif(made.repository, ''), made.branch
from (select unnest(@entity_ids::uuid[]) as entity_id, unnest(@refs::text[]) as entity_ref,
        unnest(@hashes::text[]) as hash, unnest(@entities::text[]) as entity, unnest(@own_hashes::text[]) as own_hash,
        unnest(@changed_by::text[]) as changed_by, unnest(@repositories::text[]) as repository, unnest(@branches::text[]) as branch) as made
order by made.entity_ref
on conflict (entity_id) do update
set hash = excluded.hash, entity = excluded.entity, own_hash = excluded.own_hash, repository = excluded.repository, branch = excluded.branch,
    updated_at = case when excluded.changed_by = '' then e.updated_at else greatest(now(), e.updated_at) end,
    changed_by = case when excluded.changed_by = '' then e.changed_by else excluded.changed_by end,
    version = case when excluded.changed_by = '' then e.version else e.version + 1 end;

-- name: CatalogKeepMissing :exec
-- Keeps right which of these references relations lead to although they are not served.
with asked as materialized (
    select ref from unnest(@refs::text[]) as ref
), missing as materialized (
    select ref from asked
    where not exists (select from catalog_entities e where e.entity_ref = ref)
      and exists (select from catalog_relations r where r.source_ref = ref)
), found as (
    delete from catalog_missing m using asked
    where m.entity_ref = asked.ref and asked.ref not in (select ref from missing)
)
insert into catalog_missing (entity_ref) select ref from missing order by ref on conflict do nothing;

-- name: CatalogAddSearchRows :copyfrom
-- Adds the search rows of entities that have none.
insert into catalog_search (entity_id, kind, key, value, original_value)
values (@entity_id, @kind, @key, @value, @original_value);

-- name: CatalogReplaceSearchRows :exec
-- Replaces the search rows of entities. It writes only the rows that differ: adding one member to a group of
-- thousands writes one row. It compares sets rather than joining rows, so that thousands of rows with one key
-- are not slower than others.
with wanted as materialized (
    select given.entity_id, given.kind, given.key, case when given.has_value then given.value end as value,
        case when given.has_value then given.original_value end as original_value
    from (select unnest(@row_ids::uuid[]) as entity_id, unnest(@kinds::text[]) as kind, unnest(@keys::text[]) as key,
            unnest(@values::text[]) as value, unnest(@originals::text[]) as original_value, unnest(@has_values::bool[]) as has_value) as given
), present as materialized (
    select entity_id, kind, key, value, original_value from catalog_search where entity_id = any (@entity_ids::uuid[])
), obsolete as materialized (
    select * from present except select * from wanted
), gone as (
    delete from catalog_search s using obsolete o
    where s.entity_id = o.entity_id and s.key = o.key and s.value = o.value
), gone_nulls as (
    delete from catalog_search s using obsolete o
    where s.entity_id = o.entity_id and s.key = o.key and s.value is null and o.value is null
)
insert into catalog_search (entity_id, kind, key, value, original_value)
select * from wanted except select * from present;
