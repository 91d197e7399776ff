-- name: CatalogExplanation :one
-- What the catalog records about one entity: where it is from, what was last read and made of it, and when it is due.
select s.entity_id, coalesce(s.location_key, '')::text as location_key, s.line, s.read_at, s.next_update_at, s.last_discovered_at,
    s.errors, s.unserved, s.failures, e.updated_at, coalesce(e.changed_by, '')::text as changed_by, coalesce(e.version, 0)::int as version
from catalog_states s
left join catalog_entities e on e.entity_id = s.entity_id
where s.entity_ref = @entity_ref;

-- name: CatalogPlacesOf :many
-- Where entities are recorded to be from, and the sources that emit them directly.
select s.entity_ref, coalesce(s.location_key, '')::text as location_key, s.line, s.read_at, s.next_update_at,
    array(select r.source_key from catalog_references r where r.target_ref = s.entity_ref and r.source_key is not null order by 1)::text[] as sources
from catalog_states s
where s.entity_ref = any (@refs::text[]);

-- name: CatalogConflictsOf :many
-- The conflicts over a reference, and those in which this entity is a claimant.
select * from catalog_conflicts
where entity_ref = @entity_ref or claimant_ref = @entity_ref
order by entity_ref, claimant_key, claimant_ref
limit @max_rows::int;


-- name: CatalogConflict :one
-- One claim to a reference.
select * from catalog_conflicts
where entity_ref = @entity_ref and claimant_key = @claimant_key
order by claimant_ref
limit 1
for update;

-- name: CatalogMakeDueLater :exec
-- Has entities read anew after a while, and their results written even when they are unchanged.
update catalog_states set next_update_at = now() + make_interval(secs => @delay_seconds::float8), result_hash = ''
where entity_ref = any (@refs::text[]);
