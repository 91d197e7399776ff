-- +goose Up

-- The number of transactions that changed served entities. Whoever keeps an answer about them, such as a count, knows by it
-- whether the answer still holds.
create table catalog_revision (
    one boolean primary key default true check (one),
    revision bigint not null default 0
);

insert into catalog_revision default values;

-- +goose StatementBegin
create function catalog_revise() returns trigger language plpgsql as $$
begin
    if current_setting('portico.catalog_revised', true) is distinct from pg_current_xact_id()::text then
        update catalog_revision set revision = revision + 1;
        perform set_config('portico.catalog_revised', pg_current_xact_id()::text, true);
    end if;
    return null;
end $$;
-- +goose StatementEnd

-- At the end of a transaction, once for all of its entities: transactions wait for each other only while they commit, and
-- hold the row after every other lock.
create constraint trigger catalog_entities_revised after insert or update or delete on catalog_entities
    deferrable initially deferred for each row execute function catalog_revise();
