-- name: AppendRunEvents :exec
-- Appends events in order and wakes who follows the run. The lock makes the ids of one run's events ascend in the order of their
-- commits, so that a reader who remembers the last id misses none.
with locked as materialized (
    select pg_advisory_xact_lock(hashtextextended(cast(@run_id::uuid as text), 0))
), told as (
    select pg_notify('portico_run_events', cast(@run_id::uuid as text))
), appended as (
    insert into run_events (run_id, type, body, key)
    select @run_id::uuid, e.type, e.body::json, e.key
    from locked, (
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

-- name: CountFailedAttempts :one
select count(*) from run_events where run_id = @run_id and starts_with(key, @key_prefix::text);
