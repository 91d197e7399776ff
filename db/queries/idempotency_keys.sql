-- name: ClaimIdempotencyKey :one
-- Begins a command, or takes over one whose attempt ended without a response. No row means that another
-- request executes it, that it has a response, or that the key was used for another request.
insert into idempotency_keys as held (id, request, command_id, attempt, leased_until)
values (@id, @request, @command_id, @attempt, clock_timestamp() + make_interval(secs => @lease_seconds::float8))
on conflict (id) do update set attempt = excluded.attempt, leased_until = excluded.leased_until
where held.status is null and held.leased_until < clock_timestamp() and held.request = excluded.request
returning command_id;

-- name: IdempotencyKey :one
-- is_claimable is true for a command whose attempt ended without a response, as ClaimIdempotencyKey judges.
select request, status, content_type, body, (status is null and leased_until < clock_timestamp())::boolean as is_claimable
from idempotency_keys where id = @id;

-- name: AnswerIdempotencyKey :exec
update idempotency_keys set status = @status, content_type = @content_type, body = @body
where id = @id and attempt = @attempt and status is null;

-- name: ReleaseIdempotencyKey :exec
-- Lets the next request execute the command.
update idempotency_keys set leased_until = '-infinity' where id = @id and attempt = @attempt and status is null;

-- name: DeleteIdempotencyKeys :execrows
delete from idempotency_keys where id in (
    select old.id from idempotency_keys old
    where old.created_at < clock_timestamp() - make_interval(secs => @retention_seconds::float8)
    order by old.created_at
    limit @max_rows
    for update skip locked
);
