-- +goose Up

-- Addresses at which other systems tell runs how something ended.
create table run_callbacks (
    id uuid primary key,
    run_id uuid not null references runs (id) on delete cascade,
    -- The SHA-256 of the secret in the address. Nobody can compute the address from it.
    digest bytea not null unique,
    created_at timestamptz not null,
    -- Null until something was told.
    answered_at timestamptz,
    succeeded boolean,
    body json,
    -- When the run failed because of a reported failure. A retry waits for another answer.
    failure_seen_at timestamptz
);

create index run_callbacks_by_run on run_callbacks (run_id);
