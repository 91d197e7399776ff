-- +goose Up

-- Who may do what: roles with their members, policies and conditions. source says where a role comes from, and only
-- its source may change it. A capital is a letter of its own in the name of a role made by REST.
create table rbac_roles (
    ref text collate "C" primary key,
    source text not null check (source in ('rest', 'csv-file', 'configuration')),
    description text,
    owner text,
    author text not null,
    modified_by text not null,
    created_at timestamptz not null,
    modified_at timestamptz not null
);

-- position keeps the order in which members were added.
create table rbac_members (
    role text collate "C" not null references rbac_roles (ref) on update cascade on delete cascade,
    member text collate "C" not null,
    position bigint generated always as identity,
    primary key (role, member)
);

create table rbac_policies (
    role text collate "C" not null references rbac_roles (ref) on update cascade on delete cascade,
    permission text collate "C" not null,
    action text not null check (action in ('create', 'read', 'update', 'delete', 'use')),
    effect text not null check (effect in ('allow', 'deny')),
    position bigint generated always as identity,
    primary key (role, permission, action, effect)
);

-- permission_mapping and conditions are the JSON of Backstage's RBAC plugin.
create table rbac_conditions (
    id bigint generated always as identity primary key,
    role text collate "C" not null references rbac_roles (ref) on update cascade on delete cascade,
    plugin_id text not null,
    resource_type text not null,
    permission_mapping json not null,
    conditions json not null
);
create index rbac_conditions_role on rbac_conditions (role);

-- Plugins that were added by REST to those of the configuration.
create table rbac_plugins (
    id text collate "C" primary key,
    position bigint generated always as identity
);

-- The one row is locked by whoever changes the roles, so that changes happen one after the other.
create table rbac_revision (
    one boolean primary key default true check (one),
    revision bigint not null
);
insert into rbac_revision (revision) values (0);
