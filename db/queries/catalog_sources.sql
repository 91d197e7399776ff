-- name: CatalogSaveSource :exec
-- Records a source of the configuration. A schedule that has not changed keeps its beginning.
insert into catalog_sources as s (name, kind, place, every_seconds, cron, timeout_seconds, first_at)
values (@name, @kind, @place, @every_seconds, @cron, @timeout_seconds, now() + make_interval(secs => @delay_seconds::float8))
on conflict (name) do update
set kind = excluded.kind, place = excluded.place, every_seconds = excluded.every_seconds, cron = excluded.cron,
    timeout_seconds = excluded.timeout_seconds, left_at = null,
    first_at = case when s.every_seconds = excluded.every_seconds and s.cron = excluded.cron and s.left_at is null
        then s.first_at else excluded.first_at end;

-- name: CatalogLeaveSources :many
-- Records that the configuration has only these sources, and returns those that left it just now.
update catalog_sources set left_at = now()
where left_at is null and name <> all (@names::text[])
returning name;

-- name: CatalogSources :many
select s.*,
    (select count(*) from catalog_references r where r.source_key = s.name)::int as emits
from catalog_sources s
where @name::text = '' or s.name = @name::text
order by s.name;

-- name: CatalogSourceScheduled :exec
-- Copies what Temporal says of the schedule of a source.
update catalog_sources set paused = @paused, next_at = @next_at, period_seconds = @period_seconds where name = @name;

-- name: CatalogDeleteSource :execrows
-- Deletes a source that has left the configuration and emits nothing any more.
delete from catalog_sources s
where s.name = @name and s.left_at is not null and s.left_at < now() - make_interval(secs => @retention_seconds::float8)
  and not exists (select from catalog_references r where r.source_key = s.name)
  and not exists (select from catalog_sweeps w where w.source = s.name and w.ended_at is null);

-- name: CatalogSourceForShare :one
select * from catalog_sources where name = @name for share;

-- name: CatalogPauseSource :execrows
update catalog_sources set paused = @paused where name = @name;
