-- name: SigningKeys :many
-- The keys that may have signed valid tokens, the newest first. Times are seconds from now, so that the
-- clocks of the processes need not agree with the database's.
select id, public_key, sealed,
       extract(epoch from signs_until - now())::float8 as signs_for,
       extract(epoch from verifies_until - now())::float8 as verifies_for
from signing_keys
where verifies_until > now()
order by created_at desc, id;

-- name: SigningKeyByID :one
select id, public_key, sealed,
       extract(epoch from signs_until - now())::float8 as signs_for,
       extract(epoch from verifies_until - now())::float8 as verifies_for
from signing_keys
where id = @id and verifies_until > now();

-- name: LockSigningKeys :exec
-- Lets one process at a time create a key; the others then find it. The lock ends with the transaction.
select pg_advisory_xact_lock(hashtext('portico signing keys'));

-- name: InsertSigningKey :exec
insert into signing_keys (id, public_key, sealed, signs_until, verifies_until)
values (@id, @public_key, @sealed, now() + make_interval(secs => @signs_for::float8), now() + make_interval(secs => @verifies_for::float8));

-- name: DeleteSpentSigningKeys :exec
delete from signing_keys where verifies_until <= now();
