-- +goose Up

-- People see their sessions, and end them. One server renews a session at a time: many providers accept a refresh token once.
alter table sign_in_sessions
    -- By which a session is named. Tokens have the id of theirs. Portico gives each session a UUID of version 7: these are in the
    -- order of time. The default, which is random, is for sessions from before this column and of servers of the previous release.
    add column session_id uuid not null default gen_random_uuid(),
    -- Of the last request that began or renewed the session; null if it had none.
    add column address text,
    add column user_agent text,
    -- Since when the session is not renewed, and why. Its tokens are not valid either. A later renewal clears it.
    add column refused_at timestamptz,
    add column refusal text,
    -- Until when a server may renew the session alone; null if none does.
    add column renewing_until timestamptz;
create unique index sign_in_sessions_session_id on sign_in_sessions (session_id);
create index sign_in_sessions_refused_at on sign_in_sessions (refused_at) where refused_at is not null;
