-- +goose Up

alter table runs
    -- How often in a row a worker took something of the run up and did not come back: it died, most likely over that.
    add column unreturned integer not null default 0,
    -- How often the start of its workflow was asked for by a sweep, and when that is done again. Null before the first time.
    add column starts integer not null default 0,
    add column start_after timestamptz;
