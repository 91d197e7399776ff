-- name: InsertRunCommand :exec
insert into run_commands (id, run_id, command, given_by, generation, phase, finished_at, failed_step, error)
select @id, r.id, @command, @given_by, r.generation, r.phase, r.finished_at, r.failed_step, r.error
from runs r where r.id = @run_id
on conflict (id) do nothing;

-- name: RunCommandExists :one
select exists (select from run_commands where id = @id);

-- name: RunCommandsByRun :many
select c.*, coalesce((select s.name from run_steps s where s.run_id = c.run_id and s.step_id = c.failed_step limit 1), '')::text as failed_step_name
from run_commands c
where c.run_id = @run_id
order by c.given_at desc
limit @max_rows;
