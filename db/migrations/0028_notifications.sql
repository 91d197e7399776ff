-- +goose Up

-- What runs have told people. They are kept until they can be delivered, or are too old.
create table notifications (
    id uuid primary key,
    created_at timestamptz not null,
    -- The effect in the ledger of the run that sent it.
    effect_id text not null unique,
    -- Everybody, or the users and groups of entity_refs.
    recipients text not null check (recipients in ('broadcast', 'entity')),
    entity_refs text[] not null,
    title text not null,
    description text not null,
    link text not null,
    severity text not null check (severity in ('low', 'normal', 'high', 'critical')),
    scope text not null,
    topic text not null,
    delivered_at timestamptz
);

create index notifications_created_at on notifications (created_at);
