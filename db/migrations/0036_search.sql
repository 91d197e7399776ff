-- +goose Up

-- Similar words, for what was typed wrongly. Whoever owns the database may create it: it is a trusted extension.
create extension if not exists pg_trgm;

create sequence search_document_ids;

-- What can be found: one row for each entity, each section of documentation, each operation and schema of an API, and each
-- document of another system.
create table search_documents (
    type text collate "C" not null,
    id bigint not null default nextval('search_document_ids'),
    -- The entity that the document is about. Who may read the entity may read the document; null is a document that is
    -- about none.
    entity_id uuid,
    entity_ref text collate "C",
    -- Name and title in lower case, letters and digits only; '' for what has no name of its own.
    name text collate "C" not null default '',
    title text collate "C" not null default '',
    -- What a query answers, in the form of Backstage's documents.
    document jsonb not null,
    -- Title (A), text (B) and the other fields (C) as Backstage has them, stemmed for the configured language, and what Backstage does
    -- not find (D): words, tags, and words within other words.
    body tsvector not null,
    -- The words of names and titles (A) and of tags (B) as they are written, and names as one word.
    words tsvector not null,
    -- What fields of a query match: kind:component, owner:group:default/team-a, tag:java, ...
    facets text[] collate "C" not null default '{}',
    -- The hash of all of the above: a row that stays the same is not written.
    digest text not null,
    -- Whose document it is among those of its type in another system.
    key text collate "C",
    primary key (type, id)
) partition by list (type);

create table search_entities partition of search_documents for values in ('software-catalog');
create table search_sections partition of search_documents for values in ('techdocs');
create table search_apis partition of search_documents for values in ('api');
create table search_others partition of search_documents default;

create index search_documents_by_words on search_documents using gin (body, words, facets) with (fastupdate = off);
create index search_documents_by_name on search_documents (name, type) where name <> '';
create index search_documents_by_title on search_documents (title, type) where title <> '';
create index search_documents_by_entity on search_documents (entity_id);
create unique index search_entities_once on search_entities (entity_id);
create unique index search_others_once on search_others (type, key);

-- Served entities that changed and are not in the index yet. Rows are only added and deleted: nobody waits for anybody.
create table search_changes (
    id bigint generated always as identity primary key,
    entity_id uuid not null,
    queued_at timestamptz not null default now()
);

-- What all rows are made with; another one makes all of them anew.
create table search_state (
    one boolean primary key default true check (one),
    made_with text not null default ''
);

insert into search_state default values;

-- The words in names and titles, to find the one that was meant.
create table search_vocabulary (
    word text collate "C" primary key
);

create index search_vocabulary_by_likeness on search_vocabulary using gin (word gin_trgm_ops);

-- What was searched and not found, by day: words only, not who searched.
create table search_misses (
    day date not null,
    words text collate "C" not null,
    times bigint not null,
    primary key (day, words)
);

-- The sites of documentation whose search index is read: those that others publish, and those of entities that came or changed.
create table search_sites (
    entity_id uuid primary key,
    entity_ref text collate "C" not null,
    -- The hash of what sections say about the entity.
    about text not null,
    -- What identifies the search index that was read last; '' is none.
    version text not null default '',
    due_at timestamptz not null default now()
);

create index search_sites_due on search_sites (due_at);

-- +goose StatementBegin
create function search_note_changes() returns trigger language plpgsql as $$
begin
    insert into search_changes (entity_id) select entity_id from changed;
    return null;
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
create function search_forget_entities() returns trigger language plpgsql as $$
begin
    delete from search_documents where entity_id = any (array(select entity_id from gone));
    delete from search_sites where entity_id = any (array(select entity_id from gone));
    -- Whoever writes documents of them at this moment finds that there is more to do.
    insert into search_changes (entity_id) select entity_id from gone;
    return null;
end $$;
-- +goose StatementEnd

-- Whoever writes served entities, a process of an older release included, says so in the same transaction. What is deleted
-- leaves the index with it.
create trigger catalog_entities_added_to_search after insert on catalog_entities
    referencing new table as changed for each statement execute function search_note_changes();
create trigger catalog_entities_changed_in_search after update on catalog_entities
    referencing new table as changed for each statement execute function search_note_changes();
create trigger catalog_entities_gone_from_search after delete on catalog_entities
    referencing old table as gone for each statement execute function search_forget_entities();

-- The words of runs: of the title, what is made, the template and who started it. Everything else is in the run's own row.
create table search_runs (
    run_id uuid primary key references runs (id) on delete cascade,
    words tsvector not null
);

create index search_runs_by_words on search_runs using gin (words);

-- +goose StatementBegin
create function search_run_words(title text, subject text, template_ref text, created_by text) returns tsvector
language sql immutable parallel safe as $$
    select to_tsvector('simple', regexp_replace(concat_ws(' ', title, subject, split_part(template_ref, '/', 2), split_part(created_by, '/', 2)), '[^[:alnum:]]+', ' ', 'g'))
$$;
-- +goose StatementEnd

-- +goose StatementBegin
create function search_note_run() returns trigger language plpgsql as $$
begin
    insert into search_runs (run_id, words) values (new.id, search_run_words(new.title, new.subject, new.template_ref, new.created_by))
    on conflict (run_id) do update set words = excluded.words;
    return null;
end $$;
-- +goose StatementEnd

create trigger runs_added_to_search after insert or update of title, subject on runs for each row execute function search_note_run();

insert into search_runs (run_id, words) select id, search_run_words(title, subject, template_ref, created_by) from runs;
