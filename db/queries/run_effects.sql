-- name: IntendEffect :one
-- Records an intent, or finds the effect that the same run recorded under the same key before. One that is new has changed
-- when it was intended; one that is found has changed since.
insert into run_effects (id, run_id, step_id, action, kind, name, key, data, intended_at, changed_at)
values (@id, @run_id, @step_id, @action, @kind, @name, @key, @data, statement_timestamp(), statement_timestamp())
on conflict (run_id, key) do update
    -- What was undone is intended anew, and nothing of the old story holds.
    set state = case when run_effects.state = 'undone' then 'intended' else run_effects.state end,
        data = case when run_effects.state = 'undone' then excluded.data else run_effects.data end,
        external_id = case when run_effects.state = 'undone' then '' else run_effects.external_id end,
        url = case when run_effects.state = 'undone' then '' else run_effects.url end,
        note = case when run_effects.state = 'undone' then '' else run_effects.note end,
        intended_at = case when run_effects.state = 'undone' then excluded.intended_at else run_effects.intended_at end,
        changed_at = case when run_effects.state = 'undone' then excluded.changed_at else clock_timestamp() end
returning *;

-- name: ConfirmEffect :exec
update run_effects
set state = 'created', external_id = @external_id, url = @url, data = coalesce(sqlc.narg('data')::json, data), note = '',
    changed_at = clock_timestamp()
where id = @id;

-- name: SetEffectState :exec
update run_effects set state = @state, note = @note, changed_at = clock_timestamp() where id = @id;

-- name: EffectsByRun :many
select * from run_effects where run_id = @run_id order by sequence;

-- name: EffectByID :one
select * from run_effects where id = @id;
