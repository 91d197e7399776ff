-- +goose Up

-- What the processing of each entity reads from hosts of source code, so that an event of a host finds the entities it
-- touches.
create table catalog_reads (
    entity_id uuid not null references catalog_states (entity_id) on delete cascade,
    url text collate "C" not null,
    -- The host and the name of the repository, in small letters: github.com/acme/shop.
    repository text collate "C" not null,
    primary key (entity_id, url)
);

create index catalog_reads_by_repository on catalog_reads (repository);

-- When somebody or an event asked for an entity: it is processed before what is due by its interval. Null otherwise.
alter table catalog_states add column urgent_since timestamptz;
create index catalog_states_urgent on catalog_states (urgent_since) where urgent_since is not null;

-- The same for what it changes in served entities.
alter table catalog_stitches add column urgent boolean not null default false;
drop index catalog_stitches_by_age;
create index catalog_stitches_by_age on catalog_stitches (urgent desc, requested_at);

-- Events that hosts of source code have sent. The id is their order.
create table source_events (
    id bigint generated always as identity primary key,
    -- The webhook that took the event (github), and the id of the delivery: a repeated one is not stored again.
    topic text collate "C" not null,
    delivery text collate "C" not null,
    -- Numbers the events of one delivery.
    part integer not null,
    event json not null,
    received_at timestamptz not null default clock_timestamp(),
    -- When it was worked off, and how many entities it made due. Null until then.
    done_at timestamptz,
    touched integer,
    unique (topic, delivery, part)
);

create index source_events_pending on source_events (id) where done_at is null;
create index source_events_by_age on source_events (received_at);

-- The webhooks of catalog.events.webhooks, while the configuration has them, and which worker sends to each.
create table catalog_webhooks (
    name text collate "C" primary key,
    lease uuid,
    leased_until timestamptz not null default now(),
    -- Failures since the last message that was taken, and when the next attempt may be made.
    failures integer not null default 0,
    next_attempt_at timestamptz not null default now()
);

-- Changes of served entities that a webhook has not taken. The id is their order: of two changes of one entity, the
-- second waits for the lock of the entity's row until the first has its id.
create table catalog_changes (
    id bigint generated always as identity primary key,
    webhook text collate "C" not null references catalog_webhooks (name) on delete cascade,
    -- created, updated or deleted.
    change text collate "C" not null,
    entity_ref text collate "C" not null,
    entity_id uuid not null,
    changed_at timestamptz not null default clock_timestamp()
);

create index catalog_changes_by_webhook on catalog_changes (webhook, id);
create index catalog_changes_by_age on catalog_changes (changed_at);

-- Changes are recorded by triggers, in the transaction of the change and whichever statement makes it. Without a webhook
-- they record nothing.

-- +goose StatementBegin
create function catalog_record_changes() returns trigger language plpgsql as $$
begin
    insert into catalog_changes (webhook, change, entity_ref, entity_id)
    select w.name, tg_argv[0], c.entity_ref, c.entity_id from catalog_webhooks w cross join changed c order by c.entity_ref;
    return null;
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- An entity that another version stitched to the same document has not changed: the version is before the colon of a hash.
create function catalog_record_updates() returns trigger language plpgsql as $$
begin
    insert into catalog_changes (webhook, change, entity_ref, entity_id)
    select w.name, 'updated', c.entity_ref, c.entity_id
    from catalog_webhooks w cross join changed c
    join before b on b.entity_id = c.entity_id and split_part(b.hash, ':', 2) <> split_part(c.hash, ':', 2)
    order by c.entity_ref;
    return null;
end $$;
-- +goose StatementEnd

create trigger catalog_changes_created after insert on catalog_entities
    referencing new table as changed for each statement execute function catalog_record_changes('created');
create trigger catalog_changes_updated after update on catalog_entities
    referencing old table as before new table as changed for each statement execute function catalog_record_updates();
create trigger catalog_changes_deleted after delete on catalog_entities
    referencing old table as changed for each statement execute function catalog_record_changes('deleted');
