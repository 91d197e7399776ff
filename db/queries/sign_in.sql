-- name: InsertSignInSession :exec
insert into sign_in_sessions (id, session_id, provider, environment, user_ref, subject, tokens, address, user_agent, expires_at)
values (@id, @session_id, @provider, @environment, @user_ref, @subject, @tokens, sqlc.narg('address'), sqlc.narg('user_agent'),
    clock_timestamp() + make_interval(secs => @lasts_for::double precision));

-- name: ClaimSignInSession :one
-- Lets one server renew a session for some seconds. No row means that another server renews it, or that there
-- is no such session.
update sign_in_sessions set renewing_until = clock_timestamp() + make_interval(secs => @lease_seconds::double precision)
where id = @id and provider = @provider and environment = @environment and expires_at > clock_timestamp()
  and (renewing_until is null or renewing_until <= clock_timestamp())
returning session_id, user_ref, subject, tokens, refused_at, renewing_until::timestamptz as renewing_until;

-- name: HasSignInSession :one
select exists (select from sign_in_sessions where id = @id and provider = @provider and environment = @environment and expires_at > clock_timestamp());

-- name: StoreSignInTokens :execrows
-- Stores new tokens, if the session has not ended meanwhile.
update sign_in_sessions set tokens = @tokens where id = @id and renewing_until = @renewing_until::timestamptz;

-- name: RenewSignInSession :execrows
update sign_in_sessions
set refreshed_at = clock_timestamp(), address = sqlc.narg('address'), user_agent = sqlc.narg('user_agent'),
    refused_at = null, refusal = null, renewing_until = null
where id = @id and renewing_until = @renewing_until::timestamptz;

-- name: RefuseSignInSession :execrows
update sign_in_sessions set refused_at = coalesce(refused_at, clock_timestamp()), refusal = @refusal::text, renewing_until = null
where id = @id and renewing_until = @renewing_until::timestamptz;

-- name: ReleaseSignInSession :exec
update sign_in_sessions set renewing_until = null where id = @id and renewing_until = @renewing_until::timestamptz;

-- name: IsSignInSessionValid :one
-- Whether the tokens of a session count.
select exists (select from sign_in_sessions where session_id = @session_id and refused_at is null and expires_at > clock_timestamp());

-- name: SignInSessions :many
-- The sessions of a user, or of all users, the latest first.
select s.session_id, s.provider, s.environment, s.user_ref, s.created_at, s.refreshed_at, s.expires_at, s.address, s.user_agent, s.refused_at, s.refusal,
    exists (select from catalog_entities e where e.entity_ref = s.user_ref)::boolean as in_catalog
from sign_in_sessions s
where (@user_ref::text = '' or s.user_ref = @user_ref) and s.session_id < @before_id and s.expires_at > clock_timestamp()
order by s.session_id desc
limit @max_rows::int;

-- name: DeleteSignInSession :one
delete from sign_in_sessions where id = @id and provider = @provider returning session_id, user_ref, environment, tokens;

-- name: DeleteSignInSessionByID :many
-- Ends one session, of a user if one is given.
delete from sign_in_sessions where session_id = @session_id and (@user_ref::text = '' or user_ref = @user_ref)
returning id, session_id, provider, environment, user_ref, tokens;

-- name: DeleteSignInSessionsOfUser :many
-- Ends sessions of a user except one.
delete from sign_in_sessions
where id in (select o.id from sign_in_sessions o where o.user_ref = @user_ref and o.session_id <> @except_id order by o.id limit @max_rows::int for update)
returning id, session_id, provider, environment, user_ref, tokens;

-- name: DeleteExpiredSignInSessions :execrows
-- Deletes a batch of the sessions that have expired, and of those that were refused before a time.
delete from sign_in_sessions
where id in (select o.id from sign_in_sessions o where o.expires_at <= clock_timestamp() or o.refused_at <= @refused_before::timestamptz
    limit @max_rows::int for update skip locked);

-- name: PutUserOwnership :exec
-- Does not write what is there already.
insert into user_ownership (user_ref, ownership) values (@user_ref, @ownership)
on conflict (user_ref) do update set ownership = excluded.ownership, issued_at = excluded.issued_at
where user_ownership.ownership is distinct from excluded.ownership;

-- name: UserOwnership :one
select ownership from user_ownership where user_ref = @user_ref;
