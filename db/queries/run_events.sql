-- name: AppendRunEvents :exec
-- Appends events in order. Their run's row has been written before, in the same transaction: see UpdateRun.
insert into run_events (run_id, type, body, key, created_at)
select @run_id, e.type, e.body::json, e.key, e.at
from (
    select unnest(@types::text[]) as type, unnest(@bodies::text[]) as body, unnest(@keys::text[]) as key,
           unnest(@times::timestamptz[]) as at, generate_subscripts(@types::text[], 1) as n
) as e
order by e.n
on conflict (run_id, key) do nothing;

-- name: NotifyRuns :exec
-- Wakes whoever follows these runs. It is a transaction of its own that does not wait for the disk: transactions that
-- notify commit one after another in the whole cluster, and nothing is lost with a wake-up.
with unhurried as materialized (select set_config('synchronous_commit', 'off', true))
select pg_notify('portico_run_events', told.id) from unhurried, unnest(@ids::text[]) as told(id);

-- name: RunEventsAfter :many
-- A page of the events after an id, and any completion: a client that resumes always learns how the run ended. The page ends
-- with the event that fills it, after so many rows or bytes.
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
