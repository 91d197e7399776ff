-- +goose Up

alter table audit_webhook
    -- A seal may be too large for one message: how many events of the seal after delivered the receiver took.
    add column delivered_events integer not null default 0,
    -- When the receiver took the last message or, before it took any, when a worker began to send. Null before that.
    add column progress_at timestamptz;
