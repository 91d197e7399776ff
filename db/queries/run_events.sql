-- name: AppendRunEvents :exec
-- Appends events in order. The transaction must have written the run's row before: see UpdateRun.
insert into run_events (run_id, type, body, key, created_at)
select @run_id, e.type, e.body::json, e.key, e.at
from (
    select unnest(@types::text[]) as type, unnest(@bodies::text[]) as body, unnest(@keys::text[]) as key,
           unnest(@times::timestamptz[]) as at, generate_subscripts(@types::text[], 1) as n
) as e
order by e.n
on conflict (run_id, key) do nothing;

-- name: NotifyRuns :exec
-- Wakes the followers of these runs. It is a separate transaction that does not wait for the disk:
-- transactions that notify commit one after another in the whole cluster, and a lost wake-up loses no data.
with asynchronous as materialized (select set_config('synchronous_commit', 'off', true))
select pg_notify('portico_run_events', run.id) from asynchronous, unnest(@ids::text[]) as run(id);

-- name: RunEventsAfter :many
-- A page of the events after an id, and every completion, so that a client that resumes always learns how the
-- run ended. The page ends after max_rows rows, or with the event that reaches max_bytes.
select page.id, page.run_id, page.type, page.body, page.created_at
from (
    select found.*, coalesce(sum(octet_length(found.body::text))
        over (order by found.id rows between unbounded preceding and 1 preceding), 0) as bytes_before
    from (
        select e.id, e.run_id, e.type, e.body, e.created_at
        from run_events e
        where e.run_id = @run_id and (e.id > @after or e.type = 'completion')
        order by e.id
        limit @max_rows
    ) as found
) as page
where page.bytes_before < @max_bytes::bigint
order by page.id;

-- name: LastRunEvent :one
select coalesce(max(id), 0)::bigint from run_events where run_id = @run_id;

-- name: DeleteRunEndings :exec
delete from run_events where run_id = @run_id and type in ('completion', 'cancelled');
