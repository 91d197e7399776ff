-- name: TechDocsDiscoverSites :execrows
-- Adds the sites of entities that have documentation and no site yet.
insert into techdocs_sites (entity_ref, annotation)
select distinct on (e.entity_ref) e.entity_ref, s.original_value
from catalog_search s
join catalog_entities e on e.entity_id = s.entity_id
where s.key = 'metadata.annotations.backstage.io/techdocs-ref'
  and not exists (select from techdocs_sites t where t.entity_ref = e.entity_ref)
on conflict do nothing;

-- name: TechDocsNoteAnnotations :execrows
-- Makes sites due whose entities say something else about their documentation than before.
update techdocs_sites t set annotation = s.original_value, next_check_at = now()
from catalog_search s
join catalog_entities e on e.entity_id = s.entity_id
where s.key = 'metadata.annotations.backstage.io/techdocs-ref' and e.entity_ref = t.entity_ref
  and t.annotation is distinct from s.original_value;

-- name: TechDocsMarkGoneSites :execrows
-- Notes which sites have no entity with documentation any more, and which have one again.
update techdocs_sites t set gone_at = case when t.gone_at is null then now() end
where t.version_of is null and (t.gone_at is null) <> exists (
    select from catalog_entities e
    join catalog_search s on s.entity_id = e.entity_id and s.key = 'metadata.annotations.backstage.io/techdocs-ref'
    where e.entity_ref = t.entity_ref);

-- name: TechDocsGoneSites :many
select entity_ref from techdocs_sites t
where t.gone_at < @before::timestamptz and t.version_of is null
  and not exists (select from techdocs_builds b join techdocs_sites v on v.entity_ref = b.entity_ref
      where (v.entity_ref = t.entity_ref or v.version_of = t.entity_ref) and b.state in ('waiting', 'building'))
order by t.gone_at limit @max_rows;

-- name: TechDocsForgetSite :execrows
delete from techdocs_sites where entity_ref = @entity_ref and gone_at is not null;

-- name: TechDocsEnsureSite :exec
insert into techdocs_sites (entity_ref) values (@entity_ref) on conflict do nothing;

-- name: TechDocsSite :one
select * from techdocs_sites where entity_ref = @entity_ref;

-- name: TechDocsLockSite :one
select * from techdocs_sites where entity_ref = @entity_ref for update;

-- name: TechDocsSitesByRef :many
-- Sites by reference after one of them; only those whose last build failed, if that is asked for.
select * from techdocs_sites
where entity_ref > @after and gone_at is null and version_of is null and (failed or not @failed_only::bool)
order by entity_ref limit @max_rows;

-- name: TechDocsSitesInRepositories :many
select entity_ref, repository, url, version_of, version, versions_wanted, previews_wanted from techdocs_sites where repository = any (@repositories::text[]) and gone_at is null;

-- name: TechDocsTakeDueSites :many
-- Takes sites that are due for a look, some of each host, and postpones their next look; a build sets that again.
update techdocs_sites t set next_check_at = now() + interval '1 hour'
where t.entity_ref in (
    select d.entity_ref from (
        select s.entity_ref, row_number() over (partition by s.host order by s.next_check_at, s.entity_ref) as place
        from techdocs_sites s
        where s.gone_at is null and s.next_check_at <= now()
          and not exists (select from techdocs_builds b where b.entity_ref = s.entity_ref and b.ended_at is null)
    ) d
    where d.place <= @per_host::int
    limit @max_rows)
  and t.next_check_at <= now()
returning t.entity_ref;

-- name: TechDocsWaiting :one
-- How many builds wait or are under way.
select count(*)::int from techdocs_builds where ended_at is null and state <> 'building';

-- name: TechDocsRead :exec
-- Notes that somebody read a site. One that nobody had read for long is looked at soon.
update techdocs_sites set read_at = now(), next_check_at = least(next_check_at, now() + make_interval(secs => @interval_seconds))
where entity_ref = @entity_ref and (read_at is null or read_at < now() - interval '1 hour');

-- name: TechDocsRequestBuild :one
-- Asks for a build. Requests that no workflow has begun to answer are one.
insert into techdocs_builds as b (id, entity_ref, state, cause, asked_by, force)
values (@id, @entity_ref, 'requested', @cause, @asked_by, @force)
on conflict (entity_ref) where state = 'requested' do update
set requests = b.requests + 1, force = b.force or excluded.force,
    cause = case when excluded.cause = 'person' then excluded.cause else b.cause end,
    asked_by = case when excluded.cause = 'person' then excluded.asked_by else b.asked_by end
returning *;

-- name: TechDocsActiveBuild :one
select * from techdocs_builds where entity_ref = @entity_ref and state in ('waiting', 'building');

-- name: TechDocsAdoptBuild :one
-- Gives the build that was asked for to the workflow that has begun.
update techdocs_builds set state = 'waiting', workflow_id = @workflow_id, run_id = @run_id
where entity_ref = @entity_ref and state = 'requested'
returning *;

-- name: TechDocsClaimBuild :one
-- Begins to build, or begins again. What had claimed the build before cannot write any more.
update techdocs_builds set state = 'building', claim = @claim, started_at = coalesce(started_at, now())
where id = @id and state in ('waiting', 'building')
returning *;

-- name: TechDocsHoldsClaim :one
-- Whether a claim still holds; the row is locked until the transaction ends.
select id from techdocs_builds where id = @id and claim = @claim and state = 'building' for update;

-- name: TechDocsAddLines :execrows
-- Adds lines to the log of a build, as many as it may have.
insert into techdocs_build_lines (build_id, number, line)
select b.id, n.first + l.place::int, l.line
from techdocs_builds b
cross join lateral (select coalesce(max(k.number), 0)::int as first from techdocs_build_lines k where k.build_id = b.id) n
cross join unnest(@lines::text[]) with ordinality as l (line, place)
where b.id = @id and b.claim = @claim and b.state = 'building' and n.first + l.place <= @max_lines::int
on conflict do nothing;

-- name: TechDocsLines :many
select number, at, line from techdocs_build_lines where build_id = @build_id and number > @after order by number limit @max_rows;

-- name: TechDocsProgress :execrows
-- Notes what a build under way has found so far.
update techdocs_builds set source = @source, etag = @etag, engine = @engine, pages = @pages, files = @files,
    fetch_seconds = @fetch_seconds, render_seconds = @render_seconds, publish_seconds = @publish_seconds, problems = @problems
where id = @id and claim = @claim and state = 'building';

-- name: TechDocsEndBuild :one
update techdocs_builds set state = @state, ended_at = now(), claim = null, index_seconds = @index_seconds,
    failure = nullif(@failure::text, '')::json
where id = @id and ended_at is null
returning *;

-- name: TechDocsPlaceSite :exec
-- Notes where the files of a site are.
update techdocs_sites set host = @host, repository = @repository, url = @url where entity_ref = @entity_ref;

-- name: TechDocsPublished :exec
-- Notes what the published site was made from.
update techdocs_sites set digest = @digest, maker = @maker, engine = @engine, pages = @pages, files = @files, published_at = now()
where entity_ref = @entity_ref;

-- name: TechDocsChecked :exec
-- Notes the end of a build. One that found nothing new leaves what is known of the one before.
update techdocs_sites set etag = @etag, failed = case when @unchanged::bool then failed else @failed::bool end, checked_at = now(),
    next_check_at = now() + make_interval(secs => @interval_seconds)
where entity_ref = @entity_ref;

-- name: TechDocsBuild :one
select * from techdocs_builds where id = @id;

-- name: TechDocsBuildsOfEntity :many
select * from techdocs_builds where entity_ref = @entity_ref order by asked_at desc, id limit @max_rows;

-- name: TechDocsUnbegun :many
-- Sites whose builds no workflow has begun, and those whose build has not ended for long: their workflows may be lost.
select distinct entity_ref from techdocs_builds b
where b.state = 'requested' and b.asked_at < @asked_before::timestamptz
    and not exists (select from techdocs_builds a where a.entity_ref = b.entity_ref and a.state in ('waiting', 'building'))
  or b.state in ('waiting', 'building') and coalesce(b.started_at, b.asked_at) < @started_before::timestamptz
limit @max_rows;

-- name: TechDocsDeleteOldBuilds :execrows
-- Deletes builds that ended before a time, except for the latest of each site.
delete from techdocs_builds b
where b.id in (
    select o.id from techdocs_builds o
    where o.ended_at < @before::timestamptz
      and exists (select from techdocs_builds n where n.entity_ref = o.entity_ref and n.ended_at is not null
          and (n.asked_at, n.id) > (o.asked_at, o.id))
    limit @max_rows);

-- name: TechDocsUnendedBuild :one
-- The build of a site that is under way or asked for; the later one of both.
select * from techdocs_builds where entity_ref = @entity_ref and ended_at is null order by asked_at desc, id limit 1;

-- name: TechDocsNoteWishes :execrows
-- Makes sites due whose entities say something else about versions or previews than before.
with said as (
    select e.entity_ref, max(s.original_value) filter (where s.key = 'metadata.annotations.portico.dev/techdocs-versions') as versions,
        max(s.original_value) filter (where s.key = 'metadata.annotations.portico.dev/techdocs-previews') as previews
    from catalog_search s
    join catalog_entities e on e.entity_id = s.entity_id
    where s.key in ('metadata.annotations.portico.dev/techdocs-versions', 'metadata.annotations.portico.dev/techdocs-previews')
    group by e.entity_ref)
update techdocs_sites t set versions_wanted = w.versions, previews_wanted = w.previews, next_check_at = now()
from techdocs_sites b
left join said w on w.entity_ref = b.entity_ref
where b.entity_ref = t.entity_ref and b.version_of is null
  and (t.versions_wanted is distinct from w.versions or t.previews_wanted is distinct from w.previews);

-- name: TechDocsVersions :many
-- The versions of a site that are not gone.
select * from techdocs_sites where version_of = @version_of::text and gone_at is null order by entity_ref limit @max_rows;

-- name: TechDocsKnownVersions :many
-- The names of all versions of a site that are branches or tags, and whether they are gone.
select version::text as version, (gone_at is not null)::bool as is_gone from techdocs_sites
where version_of = @version_of::text and pull_request is null order by entity_ref;

-- name: TechDocsAddVersion :exec
-- Adds a version, or one that was gone.
insert into techdocs_sites (entity_ref, version_of, version, ref, host, repository, url, pull_request, pull_request_url, next_check_at)
select @entity_ref, b.entity_ref, @version::text, @ref, b.host, b.repository, b.url, sqlc.narg('pull_request'), @pull_request_url, now() + interval '1 day'
from techdocs_sites b where b.entity_ref = @version_of::text
on conflict (entity_ref) do update set gone_at = null, created_at = now(), ref = excluded.ref, host = excluded.host, repository = excluded.repository, url = excluded.url,
    pull_request = excluded.pull_request, pull_request_url = excluded.pull_request_url;

-- name: TechDocsDropVersions :execrows
-- Notes that the branches and tags of versions are gone, except for those that are kept.
update techdocs_sites set gone_at = now()
where version_of = @version_of::text and pull_request is null and gone_at is null and version <> all (@kept::text[]);

-- name: TechDocsDropVersion :execrows
-- Notes that one version is gone.
update techdocs_sites set gone_at = now() where entity_ref = @entity_ref and version_of is not null and gone_at is null;

-- name: TechDocsOtherPreviews :one
-- How many previews a site has besides one.
select count(*)::int from techdocs_sites
where version_of = @version_of::text and pull_request is not null and gone_at is null and entity_ref <> @other::text;

-- name: TechDocsExpirePreviews :execrows
-- Notes that previews are gone that have had no other commit since a time: the event of their end may have been lost.
update techdocs_sites set gone_at = now()
where pull_request is not null and gone_at is null and created_at < @before::timestamptz and coalesce(published_at, created_at) < @before::timestamptz;

-- name: TechDocsNoteRef :exec
-- Notes the branch of the current documentation.
update techdocs_sites set ref = @ref where entity_ref = @entity_ref and ref <> @ref;

-- name: TechDocsGoneVersions :many
-- Versions that are gone and that nobody builds.
select entity_ref, version_of::text as version_of from techdocs_sites t
where t.version_of is not null and t.gone_at is not null
  and not exists (select from techdocs_builds b where b.entity_ref = t.entity_ref and b.state in ('waiting', 'building'))
order by t.gone_at, t.entity_ref limit @max_rows;

-- name: TechDocsNoteGarbage :exec
-- Notes that contents may be stored that no version of a site has.
update techdocs_sites set garbage_at = coalesce(garbage_at, now()) where entity_ref = @entity_ref;

-- name: TechDocsGarbage :many
-- Sites of which contents may be stored for some time that no version has.
select entity_ref from techdocs_sites where garbage_at < @before::timestamptz order by garbage_at, entity_ref limit @max_rows;

-- name: TechDocsCollected :exec
update techdocs_sites set garbage_at = null where entity_ref = @entity_ref;

-- name: TechDocsShareVersions :exec
-- Waits until nobody deletes of the versions of a site. Until the end of the transaction, nobody does.
select pg_advisory_xact_lock_shared(hashtextextended('portico techdocs versions ' || @entity_ref::text, 0));

-- name: TechDocsTryOwnVersions :one
-- Whether nobody publishes versions of a site. Until the end of the transaction, nobody does then.
select pg_try_advisory_xact_lock(hashtextextended('portico techdocs versions ' || @entity_ref::text, 0));
