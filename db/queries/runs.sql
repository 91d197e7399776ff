-- name: InsertRun :exec
insert into runs (id, template_ref, title, subject, spec, spec_digest, created_by, starter, status, phase, created_at, warnings,
    trace_parent)
values (@id, @template_ref, @title, @subject, @spec, @spec_digest, @created_by, sqlc.narg('starter'), @status, @phase, @created_at,
    sqlc.narg('warnings'), sqlc.narg('trace_parent'));

-- name: InsertRunSecrets :exec
insert into run_secrets (run_id, sealed) values (@run_id, @sealed)
on conflict (run_id) do update set sealed = excluded.sealed;

-- name: InsertRunSteps :exec
insert into run_steps (run_id, position, step_id, name, action)
select @run_id::uuid, unnest(@positions::int[]), unnest(@step_ids::text[]), unnest(@names::text[]), unnest(@actions::text[]);

-- name: RunByID :one
select * from runs where id = @id;

-- name: RunExists :one
select exists (select from runs where id = @id);

-- name: RunCreator :one
select coalesce(created_by, '')::text as created_by from runs where id = @id;

-- name: RunCreators :many
select id, coalesce(created_by, '')::text as created_by from runs where id = any (@ids::uuid[]);

-- name: RunWithSecrets :one
select sqlc.embed(runs), run_secrets.sealed
from runs
left join run_secrets on run_secrets.run_id = runs.id
where runs.id = @id;

-- name: RunForUpdate :one
select * from runs where id = @id for update;

-- name: DeleteRunSecrets :exec
delete from run_secrets where run_id = @run_id;

-- name: DeleteSecretsOfEndedRun :exec
-- A run that was reopened, perhaps with new secrets, keeps its secrets.
with resting as (select r.id from runs r where r.id = @run_id and r.status in ('completed', 'failed') for share)
delete from run_secrets s using resting where s.run_id = resting.id;

-- name: RunStepStates :many
-- The steps without their inputs and outputs, which may be large: a step with a thousand iterations runs this
-- query twice for each iteration.
select run_id, position, step_id, name, action, status, failed_attempts, started_at, ended_at, waiting_until, sealed_iterations, error,
    workspace, iterations_done, workspace_spent, warnings
from run_steps
where run_id = @run_id
order by position;

-- name: RunStepOutputs :many
select step_id, output, sealed_output from run_steps where run_id = @run_id and position = any (@positions::int[]) order by position;

-- name: RunStepsByRun :many
select * from run_steps where run_id = @run_id order by position;

-- name: ListRunsNewestFirst :many
-- The default order of lists. It walks an index and stops at its limit. A spec has many kilobytes and is
-- stored outside the row, so it is read only on request. Here and in all lists and counts of runs, the first
-- two conditions select the runs that the caller may see: if they are not set, there are none.
select id, template_ref, title, subject, (case when @with_specs::bool then spec end)::json as spec, created_by, status, phase, created_at,
       started_at, finished_at, timed_from, last_heartbeat_at, failed_step, error, cause,
       coalesce((select s.name from run_steps s where s.run_id = runs.id and s.step_id = runs.failed_step limit 1), '')::text as failed_step_name
from runs
where (@everybody::bool or created_by = any (@only_creators::text[]))
  and (cardinality(@except_creators::text[]) = 0 or created_by is null or created_by <> all (@except_creators::text[]))
  and (cardinality(@statuses::text[]) = 0 or status = any (@statuses::text[]))
  and (cardinality(@phases::text[]) = 0 or phase = any (@phases::text[]))
  and (cardinality(@creators::text[]) = 0 or created_by = any (@creators::text[]))
  and (cardinality(@templates::text[]) = 0 or template_ref = any (@templates::text[]))
  and (cardinality(@causes::text[]) = 0 or cause = any (@causes::text[]))
  and (sqlc.narg('since')::timestamptz is null or created_at >= sqlc.narg('since'))
  and (sqlc.narg('until')::timestamptz is null or created_at < sqlc.narg('until'))
  and (sqlc.narg('first_id')::uuid is null or id between sqlc.narg('first_id') and sqlc.narg('last_id')::uuid)
order by created_at desc, id
limit @max_rows::int offset @skip::int;

-- name: ListRunsOrdered :many
select id, template_ref, title, subject, (case when @with_specs::bool then spec end)::json as spec, created_by, status, phase, created_at,
       started_at, finished_at, timed_from, last_heartbeat_at, failed_step, error, cause,
       coalesce((select s.name from run_steps s where s.run_id = runs.id and s.step_id = runs.failed_step limit 1), '')::text as failed_step_name
from runs
where (@everybody::bool or created_by = any (@only_creators::text[]))
  and (cardinality(@except_creators::text[]) = 0 or created_by is null or created_by <> all (@except_creators::text[]))
  and (cardinality(@statuses::text[]) = 0 or status = any (@statuses::text[]))
  and (cardinality(@phases::text[]) = 0 or phase = any (@phases::text[]))
  and (cardinality(@creators::text[]) = 0 or created_by = any (@creators::text[]))
  and (cardinality(@templates::text[]) = 0 or template_ref = any (@templates::text[]))
  and (cardinality(@causes::text[]) = 0 or cause = any (@causes::text[]))
  and (sqlc.narg('since')::timestamptz is null or created_at >= sqlc.narg('since'))
  and (sqlc.narg('until')::timestamptz is null or created_at < sqlc.narg('until'))
  and (sqlc.narg('first_id')::uuid is null or id between sqlc.narg('first_id') and sqlc.narg('last_id')::uuid)
order by
    case when @order_by::text = 'created_at' and not @descending::bool then created_at end,
    case when @order_by::text = 'created_at' and @descending::bool then created_at end desc,
    case when @order_by::text = 'status' and not @descending::bool then status end,
    case when @order_by::text = 'status' and @descending::bool then status end desc,
    case when @order_by::text = 'created_by' and not @descending::bool then created_by end,
    case when @order_by::text = 'created_by' and @descending::bool then created_by end desc,
    created_at desc, id
limit @max_rows::int offset @skip::int;

-- name: CountRuns :one
select count(*)
from runs
where (@everybody::bool or created_by = any (@only_creators::text[]))
  and (cardinality(@except_creators::text[]) = 0 or created_by is null or created_by <> all (@except_creators::text[]))
  and (cardinality(@statuses::text[]) = 0 or status = any (@statuses::text[]))
  and (cardinality(@phases::text[]) = 0 or phase = any (@phases::text[]))
  and (cardinality(@creators::text[]) = 0 or created_by = any (@creators::text[]))
  and (cardinality(@templates::text[]) = 0 or template_ref = any (@templates::text[]))
  and (cardinality(@causes::text[]) = 0 or cause = any (@causes::text[]))
  and (sqlc.narg('since')::timestamptz is null or created_at >= sqlc.narg('since'))
  and (sqlc.narg('until')::timestamptz is null or created_at < sqlc.narg('until'))
  and (sqlc.narg('first_id')::uuid is null or id between sqlc.narg('first_id') and sqlc.narg('last_id')::uuid);

-- name: RunCauses :many
-- Groups failed runs by cause, the most frequent cause first. The groups are counted with an index; only the
-- newest runs of the requested groups are read.
with causes as (
    select cause, count(*) as runs, max(created_at) as latest
    from runs
    where cause is not null
      and (@everybody::bool or created_by = any (@only_creators::text[]))
      and (cardinality(@except_creators::text[]) = 0 or created_by is null or created_by <> all (@except_creators::text[]))
      and (cardinality(@creators::text[]) = 0 or created_by = any (@creators::text[]))
      and (cardinality(@templates::text[]) = 0 or template_ref = any (@templates::text[]))
      and (sqlc.narg('since')::timestamptz is null or created_at >= sqlc.narg('since'))
      and (sqlc.narg('until')::timestamptz is null or created_at < sqlc.narg('until'))
    group by cause
    order by runs desc, latest desc, cause
    limit @max_rows::int offset @skip::int
)
select causes.runs, newest.id, newest.template_ref, newest.title, newest.subject, newest.created_by, newest.status,
       newest.phase, newest.created_at, newest.started_at, newest.finished_at, newest.timed_from, newest.failed_step, newest.error, newest.cause,
       coalesce((select s.name from run_steps s where s.run_id = newest.id and s.step_id = newest.failed_step limit 1), '')::text as failed_step_name
from causes cross join lateral (
    select * from runs r
    where r.cause = causes.cause
      and (@everybody::bool or r.created_by = any (@only_creators::text[]))
      and (cardinality(@except_creators::text[]) = 0 or r.created_by is null or r.created_by <> all (@except_creators::text[]))
      and (cardinality(@creators::text[]) = 0 or r.created_by = any (@creators::text[]))
      and (cardinality(@templates::text[]) = 0 or r.template_ref = any (@templates::text[]))
      and (sqlc.narg('since')::timestamptz is null or r.created_at >= sqlc.narg('since'))
      and (sqlc.narg('until')::timestamptz is null or r.created_at < sqlc.narg('until'))
    order by r.created_at desc
    limit @samples::int
) as newest
order by causes.runs desc, causes.latest desc, causes.cause, newest.created_at desc;

-- name: CountRunCauses :one
select count(*)
from (
    select from runs
    where cause is not null
      and (@everybody::bool or created_by = any (@only_creators::text[]))
      and (cardinality(@except_creators::text[]) = 0 or created_by is null or created_by <> all (@except_creators::text[]))
      and (cardinality(@creators::text[]) = 0 or created_by = any (@creators::text[]))
      and (cardinality(@templates::text[]) = 0 or template_ref = any (@templates::text[]))
      and (sqlc.narg('since')::timestamptz is null or created_at >= sqlc.narg('since'))
      and (sqlc.narg('until')::timestamptz is null or created_at < sqlc.narg('until'))
    group by cause
) as causes;

-- name: RunsToStart :many
-- Active runs that no workflow execution has started yet, unless they are younger than before or were
-- attempted just now. Attempted runs come after the others.
select id, starts from runs
where workflow_run_id is null and status in ('open', 'processing')
  and case when start_after is null then coalesce(last_heartbeat_at, created_at) < @before else start_after < clock_timestamp() end
order by coalesce(start_after, created_at)
limit 100;

-- name: PostponeStart :exec
update runs set starts = @starts, start_after = @start_after where id = @id and workflow_run_id is null;

-- name: StaleRuns :many
-- Active runs that were not written since before, ordered by id, after the given id.
select id, generation, claim, last_heartbeat_at
from runs
where status in ('open', 'processing') and workflow_run_id is not null and last_heartbeat_at < @before and id > @after
order by id
limit 200;

-- name: ParkRun :one
-- Parks a run as failed, even when parts of it cannot be read, and ends every claim on it. It changes nothing
-- when the run has changed since it was seen.
with parked as (
    update runs r
    set status = 'failed', phase = 'parked', claim = @claim, unreturned = 0, finished_at = @at, last_heartbeat_at = @at, error = @error::json,
        failed_step = (select s.step_id from run_steps s where s.run_id = r.id and s.status = 'processing' order by s.position limit 1)
    where r.id = @id and r.generation = @generation and r.claim is not distinct from sqlc.narg('seen_claim')::uuid
      and r.last_heartbeat_at is not distinct from sqlc.narg('seen_at')::timestamptz and r.status in ('open', 'processing')
    returning r.id, r.generation, r.template_ref, r.trace_parent, r.created_at, r.reopened_at
), stopped as (
    update run_steps s set status = 'failed', ended_at = @at, error = @error::json
    from parked
    where s.run_id = parked.id and s.status = 'processing'
), appended as (
    insert into run_events (run_id, type, body, key, created_at)
    select id, 'completion', @body::json, generation || '/completion', @at from parked
    on conflict (run_id, key) do nothing
)
select template_ref, trace_parent, created_at, reopened_at from parked;

-- name: DeleteSecretsOfExpiredRuns :execrows
-- Deletes the secrets of parked and cancelled runs about which nobody decided in time. Their workflows do so,
-- too, if they still exist.
with expired as (
    select s.run_id from run_secrets s join runs r on r.id = s.run_id
    where r.phase in ('parked', 'cancelled') and r.finished_at < @before
    limit 500
    for share of r skip locked
)
delete from run_secrets s using expired where s.run_id = expired.run_id;

-- name: UpdateRun :exec
-- Updates a run; a null keeps the current value. It fails, and with it the whole transaction, when the claim
-- is not the newest, or when this transition is not permitted from the run's lifecycle. A transaction that
-- appends events to a run writes the run's row first. So the events' ids ascend in the order of the commits,
-- and a reader who remembers the last id misses none.
with moved as (
    update runs
    set claim = @claim,
        status = coalesce(sqlc.narg('status'), status),
        phase = coalesce(sqlc.narg('phase'), phase),
        workflow_run_id = coalesce(sqlc.narg('execution'), workflow_run_id),
        replaced_executions = case when workflow_run_id <> sqlc.narg('execution')
            then array_append(replaced_executions, workflow_run_id) else replaced_executions end,
        started_at = coalesce(started_at, sqlc.narg('began_at')),
        finished_at = coalesce(sqlc.narg('ended_at'), finished_at),
        failed_step = case when @concludes::bool then sqlc.narg('failed_step') else failed_step end,
        error = case when @concludes::bool then sqlc.narg('error')::json else error end,
        output = case when @concludes::bool then sqlc.narg('output')::json else output end,
        warnings = case when cardinality(sqlc.narg('warnings')::text[]) > 0
            then array(select warning from unnest(warnings) as warning except select unnest(sqlc.narg('warnings')::text[])) || sqlc.narg('warnings')::text[]
            else warnings end,
        -- A rollback cannot be cancelled.
        cancel_requested = cancel_requested and coalesce(sqlc.narg('phase'), phase) <> 'rollingBack',
        unreturned = coalesce(sqlc.narg('unreturned'), unreturned),
        last_heartbeat_at = clock_timestamp()
    where id = @id and generation = @generation
      and (claim = @claim or claim is not distinct from sqlc.narg('claim_before')::uuid)
      and status || '/' || phase = any (@from_lifecycles::text[])
      and (sqlc.narg('execution')::text is null or sqlc.narg('execution')::text <> all (replaced_executions))
    returning id
)
select require_moved(count(*)) from moved;

-- name: CancelRun :exec
-- Records that somebody cancelled the run. An ended run is not cancelled. The claim does not change.
update runs
set cancel_requested = cancel_requested or status in ('open', 'processing'), last_heartbeat_at = clock_timestamp()
where id = @id;

-- name: ReopenRun :one
-- Reopens a run that has not changed since the generation that the caller saw. It ends every claim on the
-- run.
update runs
set status = @status, phase = @phase, generation = generation + 1, claim = @claim, workflow_run_id = null, finished_at = null,
    timed_from = clock_timestamp() - greatest(finished_at - coalesce(timed_from, started_at, created_at), interval '0'),
    failed_step = null, error = null, cancel_requested = false, unreturned = 0, starts = 0, start_after = null,
    reopened_at = clock_timestamp()
where id = @id and generation = @generation and status || '/' || phase = any (@from_lifecycles::text[])
returning generation;

-- name: ResetStepsFrom :exec
-- Reopens the step and all steps after it.
with gone as (
    delete from run_iterations i
    using run_steps reset
    where reset.run_id = @run_id and reset.position >= @position and i.run_id = reset.run_id and i.position = reset.position
)
update run_steps s
set status = 'open', failed_attempts = 0, started_at = null, ended_at = null, waiting_until = null, input = null, output = null,
    sealed_output = null, sealed_iterations = null, iterations_done = 0, error = null, workspace = null, workspace_spent = false,
    warnings = null
where s.run_id = @run_id and s.position >= @position;

-- name: UpdateRunStep :exec
-- When the step ends, the outputs of its iterations are deleted.
with gone as (
    delete from run_iterations i
    where i.run_id = @run_id and i.position = @position and sqlc.narg('ended_at')::timestamptz is not null
)
update run_steps s
set status = @status,
    failed_attempts = coalesce(sqlc.narg('failed_attempts'), failed_attempts),
    started_at = coalesce(started_at, @began_at),
    ended_at = sqlc.narg('ended_at'),
    waiting_until = sqlc.narg('waiting_until'),
    input = coalesce(sqlc.narg('input')::json, input),
    output = sqlc.narg('output')::json,
    sealed_output = sqlc.narg('sealed_output'),
    sealed_iterations = case when sqlc.narg('ended_at')::timestamptz is null then sealed_iterations end,
    iterations_done = greatest(iterations_done, @iterations_done),
    error = sqlc.narg('error')::json,
    warnings = coalesce(sqlc.narg('warnings')::text[], warnings),
    workspace = coalesce(sqlc.narg('workspace'), workspace),
    workspace_spent = workspace_spent and sqlc.narg('workspace')::text is null
where s.run_id = @run_id and s.position = @position;

-- name: InsertRunIterations :exec
insert into run_iterations (run_id, position, index, sealed)
select @run_id::uuid, @position::int, unnest(@indexes::int[]), unnest(@sealed::bytea[])
on conflict (run_id, position, index) do update set sealed = excluded.sealed;

-- name: RunIterations :many
select index, sealed from run_iterations where run_id = @run_id and position = @position order by index;

-- name: WorkspacesExpired :one
-- Reports whether a run that continues at a step would need an expired snapshot.
select exists (
    select from run_steps s
    where s.run_id = @run_id and s.position < @position and s.workspace_spent
      and exists (select from run_steps rest where rest.run_id = s.run_id and rest.position >= @position)
);

-- name: ExpireWorkspaces :execrows
-- Expires the snapshots of runs that were done or rolled back before one time, or parked or cancelled before
-- another.
with resting as materialized (
    select r.id from runs r
    where r.id in (select s.run_id from run_steps s where s.workspace is not null and not s.workspace_spent)
      and (r.phase in ('done', 'rolledBack') and r.finished_at < @done_before::timestamptz
        or r.phase in ('parked', 'cancelled') and r.finished_at < @parked_before::timestamptz)
    limit 200
    for share skip locked
)
update run_steps s set workspace_spent = true
from resting
where s.run_id = resting.id and s.workspace is not null and not s.workspace_spent;

-- name: ExpiredWorkspaces :many
-- Snapshots that have expired for every step that saved them.
select distinct s.workspace
from run_steps s
where s.workspace is not null and s.workspace_spent
  and not exists (select from run_steps other where other.workspace = s.workspace and not other.workspace_spent)
limit 500;

-- name: ForgetWorkspaces :exec
-- An active run may have saved the same content since; its own reference to the snapshot stays.
update run_steps set workspace = null where workspace = any (@digests::text[]) and workspace_spent;

-- name: DeleteRuns :execrows
-- Deletes a batch of the runs that ended before a time, the oldest first, with all their data. A run stays
-- while one of its effects may exist that nobody decided to keep, and until its snapshots are deleted.
delete from runs where id in (
    select r.id from runs r
    where r.finished_at < @before::timestamptz and r.status in ('completed', 'failed')
      and not exists (
        select from run_effects e
        where e.run_id = r.id and (e.state = 'intended' or e.state = 'created' and r.status <> 'completed')
      )
      and not exists (select from run_steps s where s.run_id = r.id and s.workspace is not null)
    order by r.finished_at
    limit @max_rows
    for update skip locked
);

-- name: CountRunsAtHand :many
-- Counts active and parked runs by template, phase and cause. The largest groups come first; groups beyond
-- the limit are left out. Older releases stored errors with the character NUL, which text cannot contain.
select template_ref, phase, coalesce(case when phase = 'parked' then replace(error::text, '\u0000', '\ufffd')::json ->> 'name' end, '')::text as cause, count(*) as runs
from runs
where phase in ('running', 'waiting', 'rollingBack', 'parked')
group by 1, 2, 3
order by count(*) desc, 1, 2, 3
limit @max_groups;

-- name: CountRunsQueued :one
-- Counts the runs that no workflow execution has started, and how many seconds the oldest has waited.
select count(*) as runs, coalesce(extract(epoch from clock_timestamp() - min(coalesce(reopened_at, created_at))), 0)::float8 as oldest
from runs
where workflow_run_id is null and status in ('open', 'processing');
