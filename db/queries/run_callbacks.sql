-- name: InsertRunCallback :exec
insert into run_callbacks (id, run_id, digest, created_at) values (@id, @run_id, @digest, statement_timestamp());

-- name: RunCallback :one
select answered_at, succeeded, body, failure_seen_at from run_callbacks where id = @id and run_id = @run_id;

-- name: LockRunCallback :one
-- The callback of an address, with the phase of its run.
select c.id, c.run_id, c.succeeded, c.body, c.failure_seen_at, r.phase
from run_callbacks c join runs r on r.id = c.run_id
where c.digest = @digest
for update of c;

-- name: AnswerRunCallback :exec
update run_callbacks set answered_at = statement_timestamp(), succeeded = @succeeded, body = @body, failure_seen_at = null where id = @id;

-- name: SeeRunCallbackFailure :exec
update run_callbacks set failure_seen_at = @seen_at where id = @id and failure_seen_at is null;
