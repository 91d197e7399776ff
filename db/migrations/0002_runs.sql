-- +goose Up

-- A run of a template. Its workflow has the same id. Columns of type json keep the author's order of keys.
create table runs (
    id uuid primary key,
    template_ref text not null,
    title text not null,
    -- What the run makes, in a word, for lists: the value of the template's first text parameter.
    subject text not null default '',
    -- The pinned template with the values it was started with: a template edited meanwhile changes no run.
    spec json not null,
    spec_digest text not null,
    created_by text,
    -- Backstage's status: open, processing, completed, failed, cancelled, skipped.
    status text not null default 'open',
    -- Portico's finer state: running, waiting, parked, rollingBack, rolledBack, done, cancelled.
    phase text not null default 'running',
    -- How often the run was taken up again; part of every event's key, so that a retry's events are new ones.
    generation integer not null default 0,
    created_at timestamptz not null default now(),
    started_at timestamptz,
    finished_at timestamptz,
    last_heartbeat_at timestamptz,
    -- Null until the workflow was started: a sweep starts what a crash left behind.
    workflow_run_id text,
    failed_step text,
    error json,
    output json
);

create index runs_by_created_at on runs (created_at desc, id);
create index runs_by_status on runs (status, created_at desc);
create index runs_by_creator on runs (created_by, created_at desc);
create index runs_by_template on runs (template_ref, created_at desc);
create index runs_not_started on runs (created_at) where workflow_run_id is null;

-- Secrets are sealed; the row is deleted when the run ends.
create table run_secrets (
    run_id uuid primary key references runs (id) on delete cascade,
    sealed bytea not null
);

create table run_steps (
    run_id uuid not null references runs (id) on delete cascade,
    position integer not null,
    step_id text not null,
    name text not null,
    action text not null,
    status text not null default 'open',
    failed_attempts integer not null default 0,
    started_at timestamptz,
    ended_at timestamptz,
    waiting_until timestamptz,
    -- Input and output with every secret masked; sealed_output is the true output where masking changed it.
    input json,
    output json,
    sealed_output bytea,
    -- Of a step with each: the outputs of the iterations so far, by their index.
    sealed_iterations bytea,
    error json,
    -- Digest of the workspace that the step left; null when it left it as it was.
    workspace text,
    primary key (run_id, step_id)
);

create index run_steps_by_workspace on run_steps (workspace) where workspace is not null;

create table run_events (
    id bigint not null generated always as identity,
    run_id uuid not null references runs (id) on delete cascade,
    type text not null,
    body json not null,
    -- The same happening, told twice by an activity that a crash ran twice, is one event.
    key text not null,
    created_at timestamptz not null default clock_timestamp(),
    -- Events are only ever read a run at a time.
    constraint run_events_in_order primary key (run_id, id),
    unique (run_id, key)
);

-- The effects ledger: what a run created outside, or was about to.
create table run_effects (
    id uuid primary key,
    run_id uuid not null references runs (id) on delete cascade,
    sequence bigint not null generated always as identity,
    step_id text not null,
    action text not null,
    kind text not null,
    name text not null,
    key text not null,
    state text not null default 'intended',
    external_id text not null default '',
    url text not null default '',
    data json,
    note text not null default '',
    intended_at timestamptz not null default clock_timestamp(),
    changed_at timestamptz not null default clock_timestamp(),
    unique (run_id, key)
);

create index run_effects_in_order on run_effects (run_id, sequence);
create index run_effects_open on run_effects (state, changed_at) where state in ('intended', 'created');
