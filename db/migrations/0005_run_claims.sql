-- +goose Up

-- A cancellation that came in the middle of a first turn could leave a run that goes on and has ended at once. Its phase,
-- which was written with its end, is right.
update runs set status = 'failed' where phase in ('parked', 'cancelled', 'rolledBack') and status <> 'failed';
update runs set status = 'completed' where phase = 'done' and status <> 'completed';
update runs set status = 'processing' where phase in ('waiting', 'rollingBack') and status <> 'processing';
update runs set phase = 'done' where phase = 'running' and status = 'completed';
update runs set phase = 'parked' where phase = 'running' and status in ('failed', 'cancelled', 'skipped');
update runs set status = 'failed' where phase = 'parked' and status <> 'failed';

alter table runs
    -- Where a run can stand. How it may come from one to another is the table in scaffolder/run/standing.go.
    add constraint runs_standing check ((status, phase) in (
        ('open', 'running'),
        ('processing', 'running'), ('processing', 'waiting'), ('processing', 'rollingBack'),
        ('completed', 'done'),
        ('failed', 'parked'), ('failed', 'cancelled'), ('failed', 'rolledBack'))),
    -- The claim under which the run was written last: who read the run before that changes nothing any more. Null before
    -- the first.
    add column claim uuid,
    -- Executions of the workflow that a later one took the run from. They do not come back.
    add column replaced_executions text[] not null default '{}';

-- Refuses all that is written together with a move of a run that changed no row.
-- +goose StatementBegin
create function require_moved(moved bigint) returns void language plpgsql as $$
begin
    if moved = 0 then
        raise exception 'the run is not where this write takes it to be' using errcode = 'PR001';
    end if;
end
$$;
-- +goose StatementEnd
