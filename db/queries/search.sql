-- name: SearchTakeChanges :many
-- Takes the oldest changes. A process that takes changes holds the lock of SearchLockIndexer.
delete from search_changes where id in (select c.id from search_changes c order by c.id limit @max_rows) returning entity_id;

-- name: SearchIsImporting :one
-- Whether this many entities wait to be served: an import.
select (count(*) >= @many::int)::bool from (select from catalog_stitches limit @many::int) as waiting;

-- name: SearchMergeWords :exec
-- Moves the words of entities and APIs from the lists to which they are added first to their indexes. Whoever does not own these may not;
-- then PostgreSQL does it when a list is long, or when it vacuums.
select gin_clean_pending_list(x.indexrelid) from pg_catalog.pg_index x join pg_catalog.pg_class c on c.oid = x.indexrelid join pg_catalog.pg_am a on a.oid = c.relam
where x.indrelid in ('search_entities'::regclass, 'search_apis'::regclass) and a.amname = 'gin' and pg_has_role(c.relowner, 'usage');

-- name: SearchLockIndexer :one
-- One process at a time writes documents of entities: an older state of one never replaces a newer.
select pg_try_advisory_xact_lock(hashtext('portico search'));

-- name: SearchEntitiesByID :many
select entity_id, entity_ref, entity from catalog_entities where entity_id = any (@entity_ids::uuid[]);

-- name: SearchSaveEntities :exec
-- Writes documents of entities. An entity that was deleted meanwhile has none.
insert into search_entities (type, entity_id, entity_ref, name, title, document, body, words, facets, digest)
select 'software-catalog', made.entity_id, made.entity_ref, made.name, made.title, made.document::jsonb,
    setweight(to_tsvector((@language::text)::regconfig, made.document::jsonb ->> 'title'), 'A')
    || setweight(to_tsvector((@language::text)::regconfig, made.document::jsonb ->> 'text'), 'B')
    || setweight(to_tsvector((@language::text)::regconfig, made.rest), 'C')
    || setweight(to_tsvector('simple', made.heading || ' ' || made.tags || ' ' || made.inner_words), 'D'),
    setweight(to_tsvector('simple', made.heading), 'A') || setweight(to_tsvector('simple', made.tags), 'B'),
    string_to_array(made.facets, chr(10)), made.digest
from (select unnest(@entity_ids::uuid[]) as entity_id, unnest(@refs::text[]) as entity_ref, unnest(@names::text[]) as name, unnest(@titles::text[]) as title,
        unnest(@documents::text[]) as document, unnest(@rests::text[]) as rest, unnest(@headings::text[]) as heading, unnest(@tags::text[]) as tags,
        unnest(@inner_words::text[]) as inner_words, unnest(@facets::text[]) as facets, unnest(@digests::text[]) as digest) as made
where exists (select from catalog_entities e where e.entity_id = made.entity_id)
  and not exists (select from search_entities s where s.entity_id = made.entity_id and s.digest = made.digest)
on conflict (entity_id) do update
set entity_ref = excluded.entity_ref, name = excluded.name, title = excluded.title, document = excluded.document, body = excluded.body,
    words = excluded.words, facets = excluded.facets, digest = excluded.digest;

-- name: SearchDeleteSections :exec
delete from search_documents where type = @type and entity_id = any (@entity_ids::uuid[]);

-- name: SearchAddSections :exec
-- Adds documents of one type about entities that are served.
insert into search_documents (type, entity_id, entity_ref, title, document, body, words, facets, digest)
select @type, made.entity_id, made.entity_ref, made.title, made.document::jsonb,
    setweight(to_tsvector((@language::text)::regconfig, made.document::jsonb ->> 'title'), 'A')
    || setweight(to_tsvector((@language::text)::regconfig, made.document::jsonb ->> 'text'), 'B')
    || setweight(to_tsvector((@language::text)::regconfig, made.rest), 'C')
    || setweight(to_tsvector('simple', made.heading || ' ' || made.tags || ' ' || made.inner_words), 'D'),
    setweight(to_tsvector('simple', made.heading), 'A') || setweight(to_tsvector('simple', made.tags), 'B'),
    string_to_array(made.facets, chr(10)), made.digest
from (select unnest(@entity_ids::uuid[]) as entity_id, unnest(@refs::text[]) as entity_ref, unnest(@titles::text[]) as title,
        unnest(@documents::text[]) as document, unnest(@rests::text[]) as rest, unnest(@headings::text[]) as heading, unnest(@tags::text[]) as tags,
        unnest(@inner_words::text[]) as inner_words, unnest(@facets::text[]) as facets, unnest(@digests::text[]) as digest) as made
where exists (select from catalog_entities e where e.entity_id = made.entity_id);

-- name: SearchLockSections :exec
-- Has one transaction at a time replace the sections of an entity: another one would not see, and not delete, those that are being added.
select pg_advisory_xact_lock(hashtext('portico search sections'), hashtext(@entity_ref::text));

-- name: SearchEntityByRef :one
-- Finds an entity, and keeps it from being deleted until the transaction ends.
select entity_id, entity_ref, entity from catalog_entities where entity_ref = @entity_ref for key share;

-- name: SearchForget :exec
-- Deletes the documents about entities that are not served.
delete from search_documents d where d.entity_id = any (@entity_ids::uuid[])
  and not exists (select from catalog_entities e where e.entity_id = d.entity_id);

-- name: SearchAddWords :exec
insert into search_vocabulary (word)
select distinct w from unnest(@words::text[]) as w where not exists (select from search_vocabulary v where v.word = w) order by w
on conflict do nothing;

-- name: SearchMadeWith :one
select made_with from search_state for update;

-- name: SearchSetMadeWith :exec
update search_state set made_with = @made_with;

-- name: SearchRequestAll :execrows
insert into search_changes (entity_id) select entity_id from catalog_entities order by entity_ref;

-- name: SearchCountMiss :exec
-- Counts words that were not found, on a day as many different ones as it may have.
insert into search_misses as m (day, words, times)
select current_date, @words, 1
where exists (select from search_misses k where k.day = current_date and k.words = @words)
   or (select count(*) from search_misses k where k.day = current_date) < @max_words::int
on conflict (day, words) do update set times = m.times + 1;

-- name: SearchMisses :many
-- What was searched most often without a result since a day.
select words, sum(times)::bigint as times, max(day)::date as latest from search_misses where day >= @since::date group by words
order by times desc, words limit @max_rows;

-- name: SearchDeleteMisses :exec
delete from search_misses where day < @before::date;

-- name: SearchRuns :many
-- The newest runs with these words. The first two conditions are those of all lists of runs: what the caller may see.
select r.id, r.title, r.subject, r.template_ref, coalesce(r.created_by, '')::text as created_by, r.status, r.phase, r.created_at
from runs r
where exists (select from search_runs s where s.run_id = r.id and s.words @@ to_tsquery('simple', @words))
  and (@everybody::bool or r.created_by = any (@only_creators::text[]))
  and (cardinality(@except_creators::text[]) = 0 or r.created_by is null or r.created_by <> all (@except_creators::text[]))
  and (cardinality(@creators::text[]) = 0 or r.created_by = any (@creators::text[]))
  and (cardinality(@states::text[]) = 0 or r.status = any (@states::text[]) or r.phase = any (@states::text[]))
order by r.created_at desc, r.id
limit @max_rows;

-- name: SearchNoteSites :exec
-- Has the sites of entities read that are new, or about which their sections say something else now.
insert into search_sites as s (entity_id, entity_ref, about)
select unnest(@entity_ids::uuid[]), unnest(@refs::text[]), unnest(@abouts::text[])
on conflict (entity_id) do update set entity_ref = excluded.entity_ref, about = excluded.about, version = '', due_at = now()
where s.about <> excluded.about;

-- name: SearchForgetSections :exec
-- Deletes the sections of entities that had documentation. Sections are locked before their sites, as whoever replaces them does.
delete from search_documents d where d.type = 'techdocs' and d.entity_id in (select s.entity_id from search_sites s where s.entity_id = any (@entity_ids::uuid[]));

-- name: SearchForgetSites :exec
delete from search_sites where entity_id = any (@entity_ids::uuid[]);

-- name: SearchTakeSites :many
-- Takes sites that are due. They are due again after a time, in seconds.
update search_sites set due_at = now() + make_interval(secs => @again::float8)
where entity_id in (select s.entity_id from search_sites s where s.due_at <= now() order by s.due_at limit @max_rows for update skip locked)
returning entity_id, entity_ref, version;

-- name: SearchSetSiteVersion :exec
update search_sites set version = @version where entity_id = @entity_id;

-- name: SearchDigests :many
-- What the documents of one type about entities are made from, which is the same for all documents of an entity.
select distinct on (entity_id) entity_id::uuid as entity_id, digest from search_documents where type = @type and entity_id = any (@entity_ids::uuid[]);

-- name: SearchWordsNear :many
-- Words that differ from one in a letter or in the order of two neighbours, and some that differ a little more.
select word from search_vocabulary where near && search_near(@typed::text) order by abs(length(word) - length(@typed::text)), word limit @max_rows;

-- name: SearchWordsLike :many
-- Words that have letters in common with one, the most similar first.
select word from search_vocabulary where word % @typed::text order by similarity(word, @typed::text) desc, word limit @max_rows;

-- name: SearchWordsAround :many
-- Words that contain what a pattern says.
select word from search_vocabulary where word like @pattern::text order by length(word), word limit @max_rows;

-- name: SearchBeginRebuild :execrows
-- Begins to rebuild the index, unless that goes on already.
insert into search_rebuild as r (entities, runs) select (select count(*) from catalog_entities), (select count(*) from runs)
on conflict (one) do update
set begun_at = now(), ended_at = null, phase = 'entities', after = excluded.after, entities = excluded.entities, runs = excluded.runs, done = 0
where r.ended_at is not null;

-- name: SearchRebuild :one
-- The rebuild that goes on or was the last, with the sites of documentation that wait to be read.
select r.begun_at, r.ended_at, r.phase, r.entities, r.runs, r.done,
    (select count(*) from search_sites s where s.version = '' and s.due_at <= coalesce(r.ended_at, now()))::bigint as sites
from search_rebuild r;

-- name: SearchIsRebuilding :one
select exists (select from search_rebuild where ended_at is null);

-- name: SearchRebuildPlace :one
select phase, after from search_rebuild where ended_at is null for update;

-- name: SearchMoveRebuild :exec
-- Says up to where documents were written again. Without another phase the rebuild has ended.
update search_rebuild
set after = @after, phase = @phase, done = done + @done, ended_at = case when @phase::text = '' then clock_timestamp() end;

-- name: SearchEntitiesAfter :many
select entity_id from catalog_entities where entity_id > @after order by entity_id limit @max_rows;

-- name: SearchEmptyRange :exec
-- Deletes documents of entities in a range of ids, to be made again: all but the sections of those that are served.
delete from search_documents d
where d.entity_id > @after::uuid and d.entity_id <= @last::uuid
  and (d.type <> 'techdocs' or not exists (select from catalog_entities e where e.entity_id = d.entity_id));

-- name: SearchDeleteStraySites :exec
-- Deletes sites of documentation whose entities are not served, in a range of ids.
delete from search_sites s
where s.entity_id > @after::uuid and s.entity_id <= @last::uuid
  and not exists (select from catalog_entities e where e.entity_id = s.entity_id);

-- name: SearchDeleteStraySections :exec
-- Deletes the sections of entities that have no documentation.
delete from search_documents d
where d.type = 'techdocs' and d.entity_id = any (@entity_ids::uuid[]) and not exists (select from search_sites s where s.entity_id = d.entity_id);

-- name: SearchReadSitesAgain :exec
update search_sites set version = '', due_at = now() where entity_id = any (@entity_ids::uuid[]);

-- name: SearchWriteRunsAfter :many
-- Writes the words of the next runs again, which keep theirs until the transaction ends.
with next as (
    select r.id, r.title, r.subject, r.template_ref, r.created_by from runs r where r.id > @after order by r.id limit @max_rows for share
), written as (
    insert into search_runs (run_id, words) select id, search_run_words(title, subject, template_ref, created_by) from next
    on conflict (run_id) do update set words = excluded.words
)
select id from next order by id;
