-- name: SearchLockSource :exec
-- One push of a source at a time.
select pg_advisory_xact_lock(hashtext('portico search source'), hashtext(@source::text));

-- name: SearchTouchPushed :many
-- Notes that documents were pushed again without a change, and returns their keys.
update search_pushed p
set version = made.version, generation = case when @generation::text = '' then p.generation else @generation::text end, pushed_at = clock_timestamp()
from (select unnest(@keys::text[]) as key, unnest(@versions::bigint[]) as version, unnest(@digests::text[]) as digest) as made
where p.source = @source and p.key = made.key and not p.is_deleted and p.version <= made.version and p.digest = made.digest
returning p.key;

-- name: SearchSavePushed :execrows
-- Writes documents, except those of which a newer version was pushed or deleted.
insert into search_pushed as p (source, key, version, generation, pushed_at, entity_ref, readers, title, document, body, words, facets, digest)
select @source, made.key, made.version, @generation::text, clock_timestamp(), nullif(made.entity_ref, ''),
    case when made.readers = '' then null else string_to_array(made.readers, chr(10)) end, made.title, made.document::jsonb,
    setweight(to_tsvector((@language::text)::regconfig, made.document::jsonb ->> 'title'), 'A')
    || setweight(to_tsvector((@language::text)::regconfig, made.document::jsonb ->> 'text'), 'B')
    || setweight(to_tsvector('simple', made.heading || ' ' || made.tags || ' ' || made.inner_words), 'D'),
    setweight(to_tsvector('simple', made.heading), 'A') || setweight(to_tsvector('simple', made.tags), 'B'),
    string_to_array(made.facets, chr(10)), made.digest
from (select unnest(@keys::text[]) as key, unnest(@versions::bigint[]) as version, unnest(@entity_refs::text[]) as entity_ref,
        unnest(@readers::text[]) as readers, unnest(@titles::text[]) as title, unnest(@documents::text[]) as document,
        unnest(@headings::text[]) as heading, unnest(@tags::text[]) as tags, unnest(@inner_words::text[]) as inner_words,
        unnest(@facets::text[]) as facets, unnest(@digests::text[]) as digest) as made
on conflict (source, key) do update
set version = excluded.version, generation = case when excluded.generation = '' then p.generation else excluded.generation end,
    pushed_at = excluded.pushed_at, is_deleted = false, entity_ref = excluded.entity_ref, readers = excluded.readers, title = excluded.title,
    document = excluded.document, body = excluded.body, words = excluded.words, facets = excluded.facets, digest = excluded.digest
where p.version < excluded.version or p.version = excluded.version and not p.is_deleted;

-- name: SearchKeepPushed :exec
-- Notes that documents are part of a full push, which has older versions of them.
update search_pushed set generation = @generation::text
where source = @source and key = any (@keys::text[]) and not is_deleted and generation <> @generation::text;

-- name: SearchDeletePushed :execrows
-- Deletes documents, whatever their versions.
delete from search_pushed where source = @source and key = any (@keys::text[]) and not is_deleted;

-- name: SearchMarkPushedDeleted :one
-- Deletes documents up to a version, and remembers that. It returns how many there were.
with before as (
    select p.key from search_pushed p where p.source = @source and p.key = any (@keys::text[]) and not p.is_deleted and p.version <= @version
), marked as (
    insert into search_pushed as p (source, key, version, pushed_at, is_deleted)
    select @source, unnest(@keys::text[]), @version, clock_timestamp(), true
    on conflict (source, key) do update
    set version = excluded.version, pushed_at = excluded.pushed_at, is_deleted = true, generation = '', entity_ref = null, readers = null, title = '',
        document = '{}', body = '', words = '', facets = '{}', digest = ''
    where p.version <= excluded.version
)
select count(*) from before;

-- name: SearchDeleteSource :execrows
-- Deletes everything of a source.
with generations as (delete from search_generations g where g.source = @source), pushes as (delete from search_pushes s where s.source = @source)
delete from search_pushed p where p.source = @source;

-- name: SearchCountPushed :one
select count(*) from search_pushed where source = @source and not is_deleted;

-- name: SearchBeginGeneration :one
-- Begins a full push, unless it has begun.
insert into search_generations as g (source, generation, begun_at) values (@source, @generation, clock_timestamp())
on conflict (source, generation) do update set generation = g.generation
returning begun_at, completed_at;

-- name: SearchHasGeneration :one
-- Whether there is a document of a full push.
select exists (select from search_pushed where source = @source and generation = @generation and not is_deleted);

-- name: SearchDeleteOtherGenerations :execrows
-- Deletes what was pushed before a full push began and is no part of it.
delete from search_pushed p
where p.source = @source and not p.is_deleted and p.generation <> @generation::text and p.pushed_at < @begun_at::timestamptz;

-- name: SearchCompleteGeneration :exec
update search_generations set completed_at = clock_timestamp() where source = @source and generation = @generation;

-- name: SearchNotePush :exec
insert into search_pushes (source, pushed_at, pushed_by) values (@source, clock_timestamp(), @pushed_by)
on conflict (source) do update set pushed_at = excluded.pushed_at, pushed_by = excluded.pushed_by;

-- name: SearchSources :many
-- The last push of each source, with the number of its documents and the full push that has begun and is not completed.
select s.source, s.pushed_at, s.pushed_by,
    (select count(*) from search_pushed p where p.source = s.source and not p.is_deleted) as documents,
    coalesce((select g.generation from search_generations g where g.source = s.source and g.completed_at is null order by g.begun_at desc limit 1), '')::text as incomplete
from search_pushes s order by s.source;

-- name: SearchDeletePushedBefore :execrows
-- Deletes documents of a source that were last pushed before a time.
delete from search_pushed
where (source, key) in (select p.source, p.key from search_pushed p where p.source = @source and not p.is_deleted and p.pushed_at < @before::timestamptz limit @max_rows);

-- name: SearchForgetDeletions :exec
-- Forgets deletions, and full pushes that were completed or never were, of before a time.
with generations as (delete from search_generations g where g.begun_at < @before::timestamptz)
delete from search_pushed p where p.is_deleted and p.pushed_at < @before::timestamptz;
