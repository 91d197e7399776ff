-- +goose Up

-- What people did with a run. Each row says in which state they found it, so that the attempts of a run are told by it.
create table run_commands (
    -- The id of the command: the same command, carried out twice, is one row.
    id uuid primary key,
    run_id uuid not null references runs (id) on delete cascade,
    command text not null check (command in ('retry', 'rollback', 'cancel')),
    given_by text not null,
    given_at timestamptz not null default clock_timestamp(),
    -- The run as it was found.
    generation integer not null,
    phase text not null,
    finished_at timestamptz,
    failed_step text,
    error json
);

create index run_commands_in_order on run_commands (run_id, given_at);

-- From this moment to finished_at the run has run: a retry moves it on by the time for which the run was parked. Null before the first.
alter table runs add column timed_from timestamptz;
