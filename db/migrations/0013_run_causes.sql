-- +goose Up

-- What failed runs of one cause have in common: the template, the step, and the error's message without what differs between runs, which
-- is the run's subject, quoted names, numbers and ids. The subject is replaced where it is a whole word, so "sit" is kept in "exists". One
-- of one or two characters is never replaced, because it is often a common word. JSON can contain the character NUL and text cannot, so
-- it is read as U+FFFD. Null for a run that has not failed.
-- +goose StatementBegin
create function run_cause(template_ref text, failed_step text, subject text, phase text, error json) returns text
language sql immutable parallel safe as $$
    select case when phase = 'parked' then to_hex(hashtextextended(
        template_ref || chr(10) || coalesce(failed_step, '') || chr(10) || regexp_replace(regexp_replace(regexp_replace(
            coalesce(replace(error::text, '\u0000', '\ufffd')::json ->> 'message', ''),
            case when length(subject) < 3 then '(?!)'
                 else '(?<![[:alnum:]])' || regexp_replace(subject, '(\W)', '\\\1', 'g') || '(?![[:alnum:]])' end, '…', 'g'),
            '"[^"]*"|''[^'']*''|“[^”]*”|`[^`]*`', '…', 'g'),
            '\y[0-9a-f]{8,}(-[0-9a-f]+)*\y|\d+', '…', 'gi'), 0)) end
$$;
-- +goose StatementEnd

alter table runs add column cause text generated always as (run_cause(template_ref, failed_step, subject, phase, error)) stored;

create index runs_by_cause on runs (cause, created_at desc) include (template_ref, created_by) where cause is not null;
