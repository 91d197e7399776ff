-- +goose Up

-- Somebody cancelled the run in its present generation. It is on the record, and not in a signal alone: the run's workflow
-- may not exist yet.
alter table runs add column cancel_requested boolean not null default false;
