-- name: AppendRunEvents :exec
-- Appends events in order. Their run's row has been written before, in the same transaction: see MoveRun.
insert into run_events (run_id, type, body, key, created_at)
select @run_id, e.type, e.body::json, e.key, e.at
from (
    select unnest(@types::text[]) as type, unnest(@bodies::text[]) as body, unnest(@keys::text[]) as key,
           unnest(@times::timestamptz[]) as at, generate_subscripts(@types::text[], 1) as n
) as e
order by e.n
on conflict (run_id, key) do nothing;

-- name: AnnounceRuns :exec
-- Wakes whoever follows these runs. It is a transaction of its own that does not wait for the disk: transactions that
-- notify commit one after another in the whole cluster, and nothing is lost with a wake-up.
with unhurried as materialized (select set_config('synchronous_commit', 'off', true))
select pg_notify('portico_run_events', told.id) from unhurried, unnest(@ids::text[]) as told(id);

-- name: RunEventsAfter :many
-- The events after an id, and any completion: a client that resumes always learns how the run ended.
select id, run_id, type, body, created_at
from run_events
where run_id = @run_id and (id > @after or type = 'completion')
order by id
limit @max_rows;

-- name: DeleteRunEndings :exec
delete from run_events where run_id = @run_id and type in ('completion', 'cancelled');
