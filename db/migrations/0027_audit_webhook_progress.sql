-- +goose Up

-- A seal may be too large for one message: how many events of the seal after delivered the receiver took.
alter table audit_webhook add column delivered_events integer not null default 0;
