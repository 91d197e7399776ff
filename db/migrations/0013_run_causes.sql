-- +goose Up

-- What makes failed runs alike: the template, the step, and the words of the error without what differs from run to run, which is what
-- the run makes, names in quotes, numbers and ids. Null for a run that has not failed.
-- +goose StatementBegin
create function run_cause(template_ref text, failed_step text, subject text, phase text, error json) returns text
language sql immutable parallel safe as $$
    select case when phase = 'parked' then to_hex(hashtextextended(
        template_ref || chr(10) || coalesce(failed_step, '') || chr(10) || regexp_replace(regexp_replace(
            case when subject = '' then coalesce(error ->> 'message', '') else replace(coalesce(error ->> 'message', ''), subject, '…') end,
            '"[^"]*"|''[^'']*''|“[^”]*”|`[^`]*`', '…', 'g'),
            '\y[0-9a-f]{8,}(-[0-9a-f]+)*\y|\d+', '…', 'gi'), 0)) end
$$;
-- +goose StatementEnd

alter table runs add column cause text generated always as (run_cause(template_ref, failed_step, subject, phase, error)) stored;

create index runs_by_cause on runs (cause, created_at desc) include (template_ref, created_by) where cause is not null;
