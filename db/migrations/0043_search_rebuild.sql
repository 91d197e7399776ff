-- +goose Up

-- The rebuild of the search's index that goes on, or was the last. Its place is stored with what it has written: whoever is killed
-- meanwhile has lost nothing, and any process carries on.
create table search_rebuild (
    one boolean primary key default true check (one),
    begun_at timestamptz not null default now(),
    ended_at timestamptz,
    -- entities, and then runs.
    phase text not null default 'entities',
    -- The last entity or run whose documents were written again, in the order of ids.
    after uuid not null default '00000000-0000-0000-0000-000000000000',
    -- How many there were when it began, and how many are done.
    entities bigint not null,
    runs bigint not null,
    done bigint not null default 0
);
