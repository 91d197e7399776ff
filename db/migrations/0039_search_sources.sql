-- +goose Up

-- What other systems push, so that it is found: one row for each document of a source of the configuration.
create table search_pushed (
    source text collate "C" not null,
    -- The id that the source has given.
    key text collate "C" not null,
    -- The newest version that was pushed or deleted. 0 is that of a document without one.
    version bigint not null,
    -- The full push that had the document last; '' is none.
    generation text collate "C" not null default '',
    pushed_at timestamptz not null,
    -- A deletion that has a version is remembered, so that an older push does not bring the document back.
    is_deleted boolean not null default false,
    -- The document is found by those who may read this entity; null is by all.
    entity_ref text collate "C",
    -- The document is found by these people and groups; null is by all.
    readers text[] collate "C",
    -- The rest is as in search_documents.
    title text collate "C" not null default '',
    document jsonb not null default '{}',
    body tsvector not null default '',
    words tsvector not null default '',
    facets text[] collate "C" not null default '{}',
    digest text not null default '',
    primary key (source, key)
) with (fillfactor = 80);

-- A document that is pushed again without a change writes no index: no index has its version, generation and time.
create index search_pushed_by_words on search_pushed using gin (body, words, facets) with (fastupdate = off);
create index search_pushed_by_title on search_pushed (title) where title <> '';

-- The last push of each source.
create table search_pushes (
    source text collate "C" primary key,
    pushed_at timestamptz not null,
    pushed_by text not null
);

-- Full pushes. What was pushed before one began, and was not part of it, is deleted when it is completed.
create table search_generations (
    source text collate "C" not null,
    generation text collate "C" not null,
    begun_at timestamptz not null,
    completed_at timestamptz,
    primary key (source, generation)
);
