-- +goose Up

-- Two steps of a template may have the same id, as in Backstage: where a step stands is what it is known by.
alter table run_iterations add column position integer;
update run_iterations i set position = s.position from run_steps s where s.run_id = i.run_id and s.step_id = i.step_id;
alter table run_iterations
    drop constraint run_iterations_pkey,
    drop column step_id,
    alter column position set not null,
    add primary key (run_id, position, index);

alter table run_steps
    drop constraint run_steps_pkey,
    add primary key (run_id, position),
    -- What of its input was not as its author may think: masked, a line each.
    add column warnings text[];

-- The same of the template itself and of its output.
alter table runs add column warnings text[];
