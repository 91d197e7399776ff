-- name: LeaseAuditWebhook :one
-- No row while there is nothing to send, while another worker sends, or while the next attempt has to wait.
update audit_webhook w set lease = @holder::uuid, leased_until = now() + make_interval(secs => @lease_seconds::float8),
    progress_at = coalesce(progress_at, now())
where leased_until <= now() and next_attempt_at <= now() and exists (select from audit_seals s where s.number > w.delivered)
returning delivered, delivered_events;

-- name: AdvanceAuditWebhook :execrows
-- No row when the lease is over.
update audit_webhook set delivered = @delivered, delivered_events = @delivered_events, failures = 0, progress_at = now()
where lease = @holder::uuid and leased_until > now();

-- name: ReleaseAuditWebhook :exec
update audit_webhook set leased_until = now() where lease = @holder::uuid;

-- name: FailAuditWebhook :one
-- The next attempt is after two seconds, then four, and so on up to five minutes; the receiver may ask for a longer wait. No row when
-- another worker has the lease.
update audit_webhook set failures = failures + 1, leased_until = now(),
    next_attempt_at = now() + make_interval(secs => greatest(@asked_seconds::float8, least(300, power(2, least(failures + 1, 9)))))
where lease = @holder::uuid
returning failures, extract(epoch from next_attempt_at - now())::float as wait_seconds;

-- name: AuditWebhookBacklog :one
-- How many seals the receiver has not taken, and for how many seconds it has taken nothing although there are some. What was sealed
-- before the first attempt does not count as late: a new webhook begins with the oldest seal, which may be a year old.
select greatest(0, (select max(s.number) from audit_seals s) - greatest(w.delivered, (select min(s.number) - 1 from audit_seals s)))::bigint as seals,
    coalesce((select extract(epoch from now() - greatest(s.sealed_at, w.progress_at)) from audit_seals s
        where s.number > w.delivered and w.progress_at is not null order by s.number limit 1), 0)::float as stalled
from audit_webhook w;
