-- +goose Up

-- The browsers that are signed in. A browser has a cookie with a random secret; everything else is here, so that signing out ends it.
create table sign_in_sessions (
    -- SHA-256 of the cookie's secret.
    id bytea primary key,
    provider text not null,
    environment text not null,
    user_ref text collate "C" not null,
    -- Who the person is at the provider.
    subject text not null,
    -- The provider's tokens, sealed with the encryption keys.
    tokens bytea not null,
    created_at timestamptz not null default clock_timestamp(),
    refreshed_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null
);
create index sign_in_sessions_user_ref on sign_in_sessions (user_ref);
create index sign_in_sessions_expires_at on sign_in_sessions (expires_at);

-- What users owned when they last got a token. Tokens need not contain it then.
create table user_ownership (
    user_ref text collate "C" primary key,
    ownership text[] not null,
    issued_at timestamptz not null default clock_timestamp()
);
