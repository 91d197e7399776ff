-- +goose Up

-- The outputs of a step's iterations while it is under way, one row each. They go when the step ends. What the releases before
-- this one left in run_steps.sealed_iterations is read until its step ends.
create table run_iterations (
    run_id uuid not null references runs (id) on delete cascade,
    step_id text not null,
    index integer not null,
    sealed bytea not null,
    primary key (run_id, step_id, index)
);

alter table run_steps
    -- How many iterations are over, those that were passed over included: the next one's index.
    add column iterations_done integer not null default 0,
    -- The snapshot that workspace names is given up: nothing is read from it any more, and it is deleted.
    add column workspace_spent boolean not null default false;

create index run_steps_with_workspace on run_steps (run_id) where workspace is not null and not workspace_spent;
create index runs_by_end on runs (finished_at) where finished_at is not null;
