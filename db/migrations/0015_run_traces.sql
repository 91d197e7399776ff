-- +goose Up

alter table runs
    -- The span of the request that the run was accepted in, as W3C's traceparent; null when nothing was traced there.
    add column trace_parent text,
    -- When it was taken up again last; null before the first time.
    add column reopened_at timestamptz;

-- What is measured of the installation: the runs that move or wait for a decision, among all those that are kept.
create index runs_at_hand on runs (phase, template_ref) where phase in ('running', 'waiting', 'rollingBack', 'parked');
