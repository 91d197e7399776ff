-- +goose Up

-- A sample of the documents, and a part of them, with indexes of their own. The sample says how many documents have a word; of a word
-- that many have, the part or the sample has enough.
create index search_documents_in_sample on search_documents using gin (body, words, facets) with (fastupdate = off) where id % 128 = 0;
create index search_documents_in_part on search_documents using gin (body, words, facets) with (fastupdate = off) where id % 16 = 0;

-- Hashes of a word and of what remains of it without one of its letters. Two words that differ in one letter, or in the order of two
-- neighbours, have one in common. Longer words than most, which are several in one, have none.
-- +goose StatementBegin
create function search_near(word text) returns integer[] language sql immutable strict parallel safe as $$
    select coalesce(array_agg(distinct ('x' || substr(md5(case place when 0 then word else overlay(word placing '' from place for 1) end), 1, 8))::bit(32)::integer), '{}')
    from generate_series(0, length(word)) as place where length(word) <= 16
$$;
-- +goose StatementEnd

alter table search_vocabulary add column near integer[] not null generated always as (search_near(word)) stored;

create index search_vocabulary_by_near on search_vocabulary using gin (near);
