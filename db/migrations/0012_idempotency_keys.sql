-- +goose Up

-- What a command was answered that came with an Idempotency-Key. The same request again gets the same answer.
create table idempotency_keys (
    -- Digest of who asks and of the key. The key itself is not kept: with it one could guess at the request.
    id bytea primary key,
    -- Digest of the request, made with the key: another request with the same key is refused.
    request bytea not null,
    -- What the command creates has this id, whoever carries it out and however often: so it is created once.
    command_id uuid not null,
    -- Who carries the command out, and until when nobody else does.
    attempt uuid not null,
    leased_until timestamptz not null,
    -- The answer. Null while the command is under way.
    status integer,
    content_type text,
    body bytea,
    created_at timestamptz not null default clock_timestamp()
);

create index idempotency_keys_by_age on idempotency_keys (created_at);
