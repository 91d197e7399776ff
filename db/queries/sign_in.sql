-- name: InsertSignInSession :exec
insert into sign_in_sessions (id, provider, environment, user_ref, subject, tokens, expires_at)
values (@id, @provider, @environment, @user_ref, @subject, @tokens, clock_timestamp() + make_interval(secs => @lasts_for::double precision));

-- name: SignInSession :one
select user_ref, subject, tokens from sign_in_sessions
where id = @id and provider = @provider and environment = @environment and expires_at > clock_timestamp();

-- name: RefreshSignInSession :execrows
-- Stores new tokens, unless another request has done so since, or the session has ended.
update sign_in_sessions set tokens = @tokens, refreshed_at = clock_timestamp() where id = @id and tokens = @last_tokens;

-- name: DeleteSignInSession :one
delete from sign_in_sessions where id = @id and provider = @provider returning user_ref, tokens;

-- name: DeleteExpiredSignInSessions :exec
delete from sign_in_sessions where expires_at <= clock_timestamp();

-- name: PutUserOwnership :exec
-- Does not write what is there already.
insert into user_ownership (user_ref, ownership) values (@user_ref, @ownership)
on conflict (user_ref) do update set ownership = excluded.ownership, issued_at = excluded.issued_at
where user_ownership.ownership is distinct from excluded.ownership;

-- name: UserOwnership :one
select ownership from user_ownership where user_ref = @user_ref;
