-- +goose Up

-- Who started the run, with all that they were then: the things they own, and what their token was good for. The run acts as
-- that. Null for runs of before.
alter table runs add column starter json;
