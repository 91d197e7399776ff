-- +goose Up

-- The sources of entities that providers read, with their schedules as the configuration has them.
create table catalog_sources (
    name text collate "C" primary key,
    -- The key below catalog.providers that configures it, and what a person recognizes it by.
    kind text not null,
    place text not null,
    -- The time between two sweeps, 0 with a cron expression or by hand only.
    every_seconds float8 not null,
    cron text not null,
    timeout_seconds float8 not null,
    -- When the first sweep by this schedule is due; the next ones count from here.
    first_at timestamptz not null,
    -- Since when the configuration has it no more; null while it has.
    left_at timestamptz,
    -- Copies of what Temporal's schedule last said.
    paused boolean not null default false,
    next_at timestamptz,
    period_seconds float8 not null default 0,
    created_at timestamptz not null default now()
);

-- Sweeps of sources. The row is what counts: an activity changes something only while the row is in the state, and at the
-- page, at which the activity read it.
create table catalog_sweeps (
    id uuid primary key,
    source text collate "C" not null references catalog_sources (name) on delete cascade,
    -- The workflow of the sweep and its first execution; null until it has begun.
    workflow_id text,
    run_id text unique,
    -- requested, reading, complete, waiting, approved; and when it has ended: committed, failed, dropped or cancelled.
    state text not null,
    -- schedule, person or removal (the configuration has the source no more).
    cause text not null,
    asked_by text not null default '',
    asked_at timestamptz not null default now(),
    -- How many entities this sweep may remove without a decision; null for what the configuration says.
    max_removals integer,
    started_at timestamptz,
    read_at timestamptz,
    ended_at timestamptz,
    -- Where the next page begins, and how much came with those before.
    cursor text not null default '',
    pages integer not null default 0,
    requests integer not null default 0,
    total integer not null default 0,
    entities integer not null default 0,
    added integer not null default 0,
    changed integer not null default 0,
    removed integer not null default 0,
    -- The first of the entities that it removed, or would remove if somebody approves.
    removals text[] not null default '{}',
    remarks text[] not null default '{}',
    failure json,
    decided_by text,
    decided_at timestamptz
);

-- One sweep of a source at a time.
create unique index catalog_sweeps_active on catalog_sweeps (source) where ended_at is null;
create index catalog_sweeps_by_source on catalog_sweeps (source, asked_at desc);

-- What the pages of sweeps under way brought; deleted when the sweep ends. These tables are logged: rows that a crash of
-- PostgreSQL loses would look like entities that the source has no more.
create table catalog_sweep_entities (
    sweep_id uuid not null,
    entity_ref text collate "C" not null,
    location_key text collate "C" not null,
    hash text not null,
    -- Null when the catalog had the same document already.
    document json,
    primary key (sweep_id, entity_ref)
);

create table catalog_sweep_files (
    sweep_id uuid not null,
    url text collate "C" not null,
    etag text not null,
    body bytea not null,
    primary key (sweep_id, url)
);

-- Files that the last sweeps of sources brought, which processing reads instead of asking the host.
create table catalog_files (
    url text collate "C" not null,
    source text collate "C" not null references catalog_sources (name) on delete cascade,
    etag text not null,
    body bytea not null,
    primary key (url, source)
);
create index catalog_files_by_source on catalog_files (source);
