-- +goose Up

-- The identity tokens of CI jobs that were exchanged: each is exchanged once.
create table exchanged_tokens (
    -- SHA-256 of the issuer and the token's id.
    id bytea primary key,
    -- When the token has expired, with a margin for clocks.
    expires_at timestamptz not null
);
create index exchanged_tokens_expires_at on exchanged_tokens (expires_at);
