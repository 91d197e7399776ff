-- +goose Up

-- Search rows and relations are most of what the catalog writes. A foreign key looks up the entity of each row; what wrote
-- the rows holds the entity's row already, so only its deletion matters, and that is one statement for many.
alter table catalog_search drop constraint catalog_search_entity_id_fkey;
alter table catalog_relations drop constraint catalog_relations_origin_id_fkey;

-- +goose StatementBegin
create function catalog_delete_search_rows() returns trigger language plpgsql as $$
begin
    -- An array, and not a join: its plan is kept, and must suit one entity as well as thousands.
    delete from catalog_search where entity_id = any (array(select entity_id from gone));
    return null;
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
create function catalog_delete_relations() returns trigger language plpgsql as $$
begin
    delete from catalog_relations where origin_id = any (array(select entity_id from gone));
    return null;
end $$;
-- +goose StatementEnd

create trigger catalog_entities_deleted after delete on catalog_entities
    referencing old table as gone for each statement execute function catalog_delete_search_rows();
create trigger catalog_states_deleted after delete on catalog_states
    referencing old table as gone for each statement execute function catalog_delete_relations();
