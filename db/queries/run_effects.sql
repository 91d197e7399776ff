-- name: IntendEffect :one
-- Records an intent, or returns the effect that the run recorded with the same key before. It returns no row
-- for a claim that has ended. A new effect has changed_at = intended_at; for one that existed, changed_at is
-- later.
with held as (select r.id from runs r where r.id = @run_id and r.claim = @claim for share)
insert into run_effects (id, run_id, step_id, action, kind, name, key, data, intended_at, changed_at)
select @id::uuid, held.id, @step_id::text, @action::text, @kind::text, @name::text, @key::text, @data::json,
       statement_timestamp(), statement_timestamp()
from held
on conflict (run_id, key) do update
    -- An undone effect is intended again, and its old data is replaced.
    set state = case when run_effects.state = 'undone' then 'intended' else run_effects.state end,
        data = case when run_effects.state = 'undone' then excluded.data else run_effects.data end,
        external_id = case when run_effects.state = 'undone' then '' else run_effects.external_id end,
        url = case when run_effects.state = 'undone' then '' else run_effects.url end,
        note = case when run_effects.state = 'undone' then '' else run_effects.note end,
        intended_at = case when run_effects.state = 'undone' then excluded.intended_at else run_effects.intended_at end,
        changed_at = case when run_effects.state = 'undone' then excluded.changed_at else clock_timestamp() end
returning *;

-- name: ConfirmEffect :execrows
-- Records that the thing exists. It changes nothing for a claim that has ended: see ConfirmEffectLate.
with held as (select r.id from runs r where r.id = @run_id and r.claim = @claim for share)
update run_effects e
set state = 'created', external_id = @external_id, url = @url, data = coalesce(sqlc.narg('data')::json, data), note = '',
    changed_at = clock_timestamp()
from held
where e.id = @id and e.run_id = held.id;

-- name: ConfirmEffectLate :exec
-- Records a thing that a worker created before it lost the run. It completes an open intent. If the effect is
-- not open any more, the thing becomes an effect of its own.
with known as (
    select * from run_effects e where e.id = @id for update
), completed as (
    update run_effects e
    set state = 'created', external_id = @external_id, url = @url, data = coalesce(sqlc.narg('data')::json, e.data), note = '',
        changed_at = clock_timestamp()
    from known
    where e.id = known.id and known.state = 'intended'
)
insert into run_effects (id, run_id, step_id, action, kind, name, key, state, external_id, url, data, note)
select @new_id, run_id, step_id, action, kind, name, key || '#' || @external_id::text, 'created', @external_id, @url,
       coalesce(sqlc.narg('data')::json, data), @note
from known
where state <> 'intended' and external_id <> @external_id
on conflict (run_id, key) do nothing;

-- name: AbandonEffect :execrows
with held as (select r.id from runs r where r.id = @run_id and r.claim = @claim for share)
update run_effects e
set state = 'undone', note = @note, changed_at = clock_timestamp()
from held
where e.id = @id and e.run_id = held.id;

-- name: SetEffectState :exec
update run_effects set state = @state, note = @note, changed_at = clock_timestamp() where id = @id and run_id = @run_id;

-- name: EffectsByRun :many
select * from run_effects where run_id = @run_id order by sequence;

-- name: EffectByID :one
select * from run_effects where id = @id;
