-- name: LockRoles :one
-- Makes every other change of the roles wait for this transaction.
update rbac_revision set revision = revision + 1 returning revision;

-- name: RolesRevision :one
-- Counts the changes of the roles.
select revision from rbac_revision;

-- name: NotifyRoles :exec
-- Has every replica load the roles when this transaction has committed.
select pg_notify('portico_roles', 'changed');

-- name: Roles :many
select ref, source, description, owner, author, modified_by, created_at, modified_at from rbac_roles order by created_at, ref;

-- name: RoleMembers :many
select role, member from rbac_members order by role, position;

-- name: RolePolicies :many
select role, permission, action, effect from rbac_policies order by role, position;

-- name: RoleConditions :many
select id, role, plugin_id, resource_type, permission_mapping, conditions from rbac_conditions order by id;

-- name: RolePlugins :many
select id from rbac_plugins order by position;

-- name: AddRole :exec
insert into rbac_roles (ref, source, description, owner, author, modified_by, created_at, modified_at)
values (@ref, @source, sqlc.narg(description), sqlc.narg(owner), @author, @author, now(), now());

-- name: ChangeRole :exec
update rbac_roles
set ref = @new_ref, description = sqlc.narg(description), owner = sqlc.narg(owner), modified_by = @modified_by, modified_at = now()
where ref = @ref;

-- name: TouchRole :exec
-- Says who has changed what belongs to a role.
update rbac_roles set modified_by = @modified_by, modified_at = now() where ref = @ref;

-- name: RemoveRoles :exec
-- Members, policies and conditions go with their role.
delete from rbac_roles where ref = any(@refs::text[]);

-- name: AddRoleMembers :exec
insert into rbac_members (role, member) select @role, unnest(@members::text[]);

-- name: RemoveRoleMembers :exec
delete from rbac_members where role = @role and member = any(@members::text[]);

-- name: AddRolePolicies :exec
insert into rbac_policies (role, permission, action, effect)
select unnest(@roles::text[]), unnest(@permissions::text[]), unnest(@actions::text[]), unnest(@effects::text[]);

-- name: RemoveRolePolicies :exec
delete from rbac_policies p
using (select unnest(@roles::text[]) as role, unnest(@permissions::text[]) as permission, unnest(@actions::text[]) as action, unnest(@effects::text[]) as effect) gone
where p.role = gone.role and p.permission = gone.permission and p.action = gone.action and p.effect = gone.effect;

-- name: AddRoleCondition :one
insert into rbac_conditions (role, plugin_id, resource_type, permission_mapping, conditions)
values (@role, @plugin_id, @resource_type, @permission_mapping, @conditions) returning id;

-- name: ChangeRoleCondition :exec
update rbac_conditions
set role = @role, plugin_id = @plugin_id, resource_type = @resource_type, permission_mapping = @permission_mapping, conditions = @conditions
where id = @id;

-- name: RemoveRoleCondition :exec
delete from rbac_conditions where id = @id;

-- name: AddRolePlugins :exec
insert into rbac_plugins (id) select unnest(@ids::text[]) on conflict do nothing;

-- name: RemoveRolePlugins :exec
delete from rbac_plugins where id = any(@ids::text[]);
