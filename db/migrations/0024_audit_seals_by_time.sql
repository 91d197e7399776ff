-- +goose Up

-- Finds where a day begins in the chain.
create index audit_seals_by_time on audit_seals (sealed_at);
