-- +goose NO TRANSACTION
-- +goose Up

drop index concurrently if exists catalog_entities_by_stitch_version;
create index concurrently catalog_entities_by_stitch_version on catalog_entities (stitch_version(hash));
