-- +goose Up

-- The keys that user tokens are signed with. They are no part of the configuration: a new encryption key signs nobody out.
create table signing_keys (
    -- The key's thumbprint (RFC 7638), the kid of its tokens.
    id text collate "C" primary key,
    -- The public part as a JSON Web Key; it checks tokens for as long as there may be any.
    public_key json not null,
    -- The private part, sealed with the encryption keys.
    sealed bytea not null,
    created_at timestamptz not null default clock_timestamp(),
    signs_until timestamptz not null,
    verifies_until timestamptz not null
);
