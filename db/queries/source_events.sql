-- name: AddSourceEvents :execrows
-- No row for a delivery that is there already.
insert into source_events (topic, delivery, part, event)
select @topic::text, @delivery::text, e.part, e.event::json
from unnest(@events::text[]) with ordinality as e(event, part)
on conflict do nothing;

-- name: NotifySourceEvents :exec
-- Wakes the workers when the transaction commits.
select pg_notify('portico_source_events', '');

-- name: TrySourceEventsLock :one
-- One worker at a time works events off, so that their order is kept, also between repositories.
select pg_try_advisory_xact_lock(hashtext('portico source events'));

-- name: PendingSourceEvents :many
select id, event from source_events where done_at is null order by id limit @max_rows;

-- name: FinishSourceEvents :exec
update source_events e set done_at = clock_timestamp(), touched = done.touched
from (select unnest(@ids::bigint[]) as id, unnest(@touched::int[]) as touched) as done
where e.id = done.id;

-- name: SetSourceEventAside :one
-- Ends an event that cannot be acted on, with the reason.
update source_events set done_at = clock_timestamp(), touched = 0, failure = @failure::text where id = @id returning topic, delivery;

-- name: DeleteOldSourceEvents :execrows
-- Deletes events that were worked off before the given time.
delete from source_events where id in (
    select e.id from source_events e where e.received_at < @before and e.done_at is not null order by e.received_at limit @max_rows);

-- name: SourceEventsBacklog :one
-- How many events wait, up to 10,000, for how many seconds the oldest has waited, and how many were set aside, up to 10,000.
select (select count(*) from (select from source_events where done_at is null limit 10000) as pending) as pending,
    (select count(*) from (select from source_events where failure is not null limit 10000) as failed) as failed,
    coalesce((select greatest(extract(epoch from clock_timestamp() - received_at), 0) from source_events where done_at is null order by id limit 1), 0)::float8 as oldest;

-- name: PausedSources :many
-- Those of the sources of the catalog that somebody has paused.
select name from catalog_sources where paused and name = any (@names::text[]);
