-- name: AppendRunEvents :exec
-- Appends events in order and wakes who follows the run. Touching the run's row first makes the ids of its events ascend in the
-- order of their commits, so that a reader who remembers the last id misses none.
with touched as materialized (
    update runs set last_heartbeat_at = clock_timestamp() where runs.id = @run_id returning runs.id as run_id
), told as (
    select pg_notify('portico_run_events', cast(touched.run_id as text)) from touched
), appended as (
    insert into run_events (run_id, type, body, key)
    select touched.run_id, e.type, e.body::json, e.key
    from touched, (
        select unnest(@types::text[]) as type, unnest(@bodies::text[]) as body, unnest(@keys::text[]) as key,
               generate_subscripts(@types::text[], 1) as n
    ) as e
    order by e.n
    on conflict (run_id, key) do nothing
)
select count(*) from told;

-- name: RunEventsAfter :many
-- The events after an id, and any completion: a client that resumes always learns how the run ended.
select id, run_id, type, body, created_at
from run_events
where run_id = @run_id and (id > @after or type = 'completion')
order by id
limit @max_rows;

-- name: DeleteRunEndings :exec
delete from run_events where run_id = @run_id and type in ('completion', 'cancelled');
