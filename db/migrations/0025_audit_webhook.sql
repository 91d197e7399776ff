-- +goose Up

-- How far the audit log has been sent to portico.audit.webhook.
create table audit_webhook (
    -- There is one row.
    one boolean primary key default true check (one),
    -- The number of the last seal that the receiver took, 0 before the first.
    delivered bigint not null default 0,
    -- How often the next one has failed, and when it may be tried again.
    failures integer not null default 0,
    next_attempt_at timestamptz not null default now(),
    -- Which worker sends, and until when others leave it to that worker.
    lease uuid,
    leased_until timestamptz not null default now()
);

insert into audit_webhook default values;
