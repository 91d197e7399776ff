-- name: InsertExchangedToken :execrows
-- Writes nothing when the token was exchanged before.
insert into exchanged_tokens (id, expires_at) values (@id, clock_timestamp() + make_interval(secs => @lasts_for::double precision))
on conflict (id) do nothing;

-- name: DeleteExpiredExchangedTokens :exec
delete from exchanged_tokens where expires_at <= clock_timestamp();
