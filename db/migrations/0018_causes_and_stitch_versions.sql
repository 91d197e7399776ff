-- +goose Up

-- What failed runs of one cause have in common: the template, the step, and the error's message without what differs between runs, which
-- is the run's subject, quoted names, numbers and ids. The subject is replaced where it is a whole word, so "sit" is kept in "exists". One
-- of one or two characters is never replaced, because it is often a common word. JSON can contain the character NUL and text cannot, so
-- it is read as U+FFFD. Null for a run that is not parked. It is PL/pgSQL, because PostgreSQL parses a function in SQL again for each row that
-- it writes.
-- +goose StatementBegin
create or replace function run_cause(template_ref text, failed_step text, subject text, phase text, error json) returns text
language plpgsql immutable parallel safe as $$
begin
    if phase <> 'parked' then
        return null;
    end if;
    return to_hex(hashtextextended(
        template_ref || chr(10) || coalesce(failed_step, '') || chr(10) || regexp_replace(regexp_replace(regexp_replace(
            coalesce(replace(error::text, '\u0000', '\ufffd')::json ->> 'message', ''),
            case when length(subject) < 3 then '(?!)'
                 else '(?<![[:alnum:]])' || regexp_replace(subject, '(\W)', '\\\1', 'g') || '(?![[:alnum:]])' end, '…', 'g'),
            '"[^"]*"|''[^'']*''|“[^”]*”|`[^`]*`', '…', 'g'),
            '\y[0-9a-f]{8,}(-[0-9a-f]+)*\y|\d+', '…', 'gi'), 0));
end
$$;
-- +goose StatementEnd

-- The column is computed when a row is written.
update runs set phase = phase where phase = 'parked';

-- The version that stitched an entity is the beginning of its hash; older releases write none, which is 0.
create function stitch_version(hash text) returns integer
language sql immutable parallel safe return coalesce(substring(hash from '^([0-9]{1,9}):'), '0')::integer;
