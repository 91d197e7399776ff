-- +goose Up

-- Why an event could not be acted on. It is worked off, and has refreshed nothing. Null for others.
alter table source_events add column failure text;

create index source_events_failed on source_events (id) where failure is not null;
