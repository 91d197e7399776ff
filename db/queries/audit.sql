-- name: InsertAuditEvent :exec
with written as (
    insert into audit_events (id, at, actor_kind, actor, on_behalf_of, action, resource, outcome, reason, changes, address, request_id, trace_id)
    values (@id, @at, @actor_kind, @actor, @on_behalf_of, @action, @resource, @outcome, @reason, @changes, @address, @request_id, @trace_id)
    returning id
)
insert into audit_unsealed (event_id) select id from written;

-- name: AuditEvents :many
-- The newest first. What was done on somebody's behalf is found as theirs too: one of the two statements finds
-- nothing unless who is given. Ids are in the order of time, so a range of ids is a range of times.
select page.* from (
    (select e.* from audit_events e
     where (@who::text = '' or e.actor = @who)
       and e.id >= @first_id::uuid and e.id < @before_id::uuid
       and (cardinality(@actions::text[]) = 0 or e.action = any (@actions::text[]))
       and (@resource::text = '' or e.resource = @resource)
       and (cardinality(@outcomes::text[]) = 0 or e.outcome = any (@outcomes::text[]))
     order by e.id desc limit @max_rows::int)
    union all
    (select e.* from audit_events e
     where @who::text <> '' and e.on_behalf_of = @who
       and e.id >= @first_id::uuid and e.id < @before_id::uuid
       and (cardinality(@actions::text[]) = 0 or e.action = any (@actions::text[]))
       and (@resource::text = '' or e.resource = @resource)
       and (cardinality(@outcomes::text[]) = 0 or e.outcome = any (@outcomes::text[]))
     order by e.id desc limit @max_rows::int)
) page
order by page.id desc
limit @max_rows::int;

-- name: AuditEventsByID :many
select * from audit_events where id = any(@ids::uuid[]);

-- name: TryLockAudit :one
-- Whoever has the lock with this key, until the end of the transaction, adds seals or deletes them.
select pg_try_advisory_xact_lock(@key);

-- name: TakeUnsealedAuditEvents :many
delete from audit_unsealed where ctid = any(array(select u.ctid from audit_unsealed u limit @max_rows)) returning event_id;

-- name: AuditUnsealedAge :one
-- How many seconds ago the oldest event without a seal was recorded, 0 when all have one.
select coalesce((select extract(epoch from now() - e.at) from audit_unsealed u join audit_events e on e.id = u.event_id order by u.event_id limit 1),
    0)::float as oldest;

-- name: LastAuditSeal :one
select number, hashes[cardinality(hashes)]::bytea as head from audit_seals order by number desc limit 1;

-- name: InsertAuditSeal :exec
insert into audit_seals (number, previous, event_ids, hashes) values (@number, @previous, @event_ids, @hashes);

-- name: EndIdleTransaction :exec
-- Lets Postgres end this transaction when no statement follows for so long.
select set_config('idle_in_transaction_session_timeout', @milliseconds::text, true);

-- name: FirstAuditSealSince :one
-- The number of the first seal at a time or later, and the largest number when there is none. Seals are read by number from there, because
-- a clock may have been set back.
select coalesce(min(number), 9223372036854775807)::bigint from audit_seals where sealed_at >= @since;

-- name: AuditSeals :many
select * from audit_seals where number >= @first and number < @end_before order by number limit @max_rows::int;

-- name: AuditEventWithoutSeal :many
-- The first event that is neither sealed nor waiting for it: somebody added it without Portico, or removed its seal. It reads all seals
-- since then. Sets are subtracted and not joined, because for one row the planner would join by nested loops.
select id from (
    select e.id from audit_events e where e.id >= @first_id::uuid and e.id < @before_id::uuid
    except
    select unnest(s.event_ids) from audit_seals s where s.sealed_at >= @sealed_since
    except
    select u.event_id from audit_unsealed u
) stray
order by id
limit 1;

-- name: PermitAuditRetention :exec
-- Lets the statements of this transaction delete from the audit log.
select set_config('portico.audit_retention', 'on', true);

-- name: OldestAuditSeals :many
-- Without the newest seal, which the next one continues.
select number, sealed_at, event_ids from audit_seals
where number < (select max(newest.number) from audit_seals newest)
order by number limit @max_rows;

-- name: DeleteAuditEvents :exec
delete from audit_events where id = any(@ids::uuid[]);

-- name: DeleteAuditSeals :exec
delete from audit_seals where number = any(@numbers::bigint[]);
