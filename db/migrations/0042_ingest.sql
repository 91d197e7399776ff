-- +goose Up

-- The two documents of a state are compressed whenever they are written, which LZ4 does in half of the time of PostgreSQL's own method and
-- into as much room. A server that was built without it keeps its own. What is stored stays as it is until it is written again.
-- +goose StatementBegin
do $$
begin
    alter table catalog_states alter column unprocessed set compression lz4, alter column processed set compression lz4;
exception when feature_not_supported then
    raise notice 'this server has no LZ4';
end $$;
-- +goose StatementEnd

-- The words of entities and APIs are written by one worker, in batches of hundreds of documents. They go to a list first, and at the end of
-- the batch from there to the index: each word once for all documents that have it. Whoever writes few documents at a time, as other types
-- are written, writes them to the index at once.
-- +goose StatementBegin
do $$
declare
    words regclass;
begin
    for words in
        select x.indexrelid::regclass from pg_index x join pg_class c on c.oid = x.indexrelid join pg_am a on a.oid = c.relam
        where x.indrelid in ('search_entities'::regclass, 'search_apis'::regclass) and a.amname = 'gin'
    loop
        execute format('alter index %s set (fastupdate = on)', words);
    end loop;
end $$;
-- +goose StatementEnd
