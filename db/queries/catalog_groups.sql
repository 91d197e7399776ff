-- name: CatalogGroupsOf :many
-- The groups of a user in the catalog and all their ancestors, the nearest first. The depth bounds the walk
-- through groups that contain each other.
with recursive above as (
    select r.target_ref as ref, 1 as depth
    from catalog_relations r
    where r.source_ref = @user_ref and r.type = 'memberOf'
      and exists (select from catalog_entities e where e.entity_ref = @user_ref)
  union
    select r.target_ref, above.depth + 1
    from above
    join catalog_relations r on r.source_ref = above.ref and r.type = 'childOf'
    where above.depth < @max_depth::int
)
select ref from above
where ref like 'group:%'
group by ref
order by min(depth), ref
limit @max_groups::int;

-- name: CatalogGroupLinks :many
-- The groups that a user is a member of, and the groups above these groups, one level each.
select r.source_ref, r.target_ref
from catalog_relations r
where r.source_ref = @user_ref and r.type = 'memberOf'
   or r.source_ref = any(@group_refs::text[]) and r.type = 'childOf'
order by r.source_ref, r.target_ref;

-- name: CatalogUsers :many
-- The users of the catalog with the groups that they are members of.
select e.entity_ref as ref, array(
    select r.target_ref from catalog_relations r where r.source_ref = e.entity_ref and r.type = 'memberOf' order by r.target_ref
)::text[] as groups
from catalog_entities e
where e.entity_ref >= 'user:' and e.entity_ref < 'user;'
order by e.entity_ref
limit @max_users::int;

-- name: CatalogGroupParents :many
-- What groups are children of.
select source_ref, target_ref from catalog_relations where type = 'childOf' limit @max_links::int;
