-- +goose Up

-- Who changed what, and which attempts were refused. Rows are only ever added; see audit_refuse_change.
create table audit_events (
    -- A UUID of version 7, so that the order of ids is the order of time.
    id uuid primary key,
    at timestamptz not null,
    actor_kind text not null,
    actor text collate "C" not null,
    -- For whom the actor acted: the starter of the run whose action did it. Null when for itself.
    on_behalf_of text collate "C",
    action text collate "C" not null,
    resource text collate "C" not null,
    outcome text not null check (outcome in ('done', 'denied', 'failed')),
    -- Why it was denied or failed.
    reason text,
    -- [{"field", "old", "new"}], and [{"field", "secret": true}] for fields whose values are never stored.
    changes json,
    address text,
    request_id text,
    trace_id text
);

create index audit_events_by_actor on audit_events (actor, id);
create index audit_events_by_principal on audit_events (on_behalf_of, id) where on_behalf_of is not null;
create index audit_events_by_action on audit_events (action, id);
create index audit_events_by_resource on audit_events (resource, id);

-- The events that are in no seal yet. It has no index: it is short, and always read as a whole.
create table audit_unsealed (event_id uuid not null);

-- The hash chain over the events, some hundred events a row.
create table audit_seals (
    -- 1, 2, 3, ... without gaps.
    number bigint primary key,
    sealed_at timestamptz not null default clock_timestamp(),
    -- The last hash of the seal before, 32 zero bytes in the first.
    previous bytea not null,
    event_ids uuid[] not null,
    -- hashes[i] is the SHA-256 of the hash before it and of the event event_ids[i].
    hashes bytea[] not null
);

-- Refuses changes of the audit log. Only the statements of the retention set portico.audit_retention, for their transaction.
-- +goose StatementBegin
create function audit_refuse_change() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' and current_setting('portico.audit_retention', true) = 'on' then
        return old;
    end if;
    raise exception '% is append-only: % is refused', tg_table_name, tg_op;
end
$$;
-- +goose StatementEnd

create trigger audit_events_append_only before update or delete on audit_events for each row execute function audit_refuse_change();
create trigger audit_events_no_truncate before truncate on audit_events for each statement execute function audit_refuse_change();
create trigger audit_seals_append_only before update or delete on audit_seals for each row execute function audit_refuse_change();
create trigger audit_seals_no_truncate before truncate on audit_seals for each statement execute function audit_refuse_change();
