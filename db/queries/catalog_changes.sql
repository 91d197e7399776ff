-- name: CatalogAddWebhooks :exec
insert into catalog_webhooks (name) select unnest(@names::text[]) on conflict do nothing;

-- name: CatalogDeleteOtherWebhooks :exec
-- Deletes the webhooks that the configuration has no more, with what they have not taken.
delete from catalog_webhooks where name <> all (@names::text[]);

-- name: CatalogLeaseWebhook :execrows
-- No row while there is nothing to send, while another worker sends, or while the next attempt has to wait.
update catalog_webhooks w set lease = @holder::uuid, leased_until = now() + make_interval(secs => @lease_seconds::float8)
where name = @name and leased_until <= now() and next_attempt_at <= now()
  and exists (select from catalog_changes c where c.webhook = w.name);

-- name: CatalogNextChanges :many
select id, change, entity_ref, entity_id, changed_at from catalog_changes where webhook = @webhook order by id limit @max_rows;

-- name: CatalogTakenChanges :execrows
-- Deletes what a webhook has taken. No row when the lease is over: another worker sends the changes again.
with held as (
    update catalog_webhooks set failures = 0 where name = @webhook and lease = @holder::uuid and leased_until > now() returning name
)
delete from catalog_changes c using held where c.webhook = held.name and c.id = any (@ids::bigint[]);

-- name: CatalogReleaseWebhook :exec
update catalog_webhooks set leased_until = now() where name = @name and lease = @holder::uuid;

-- name: CatalogFailWebhook :one
-- The next attempt is after two seconds, then four, and so on up to five minutes; the receiver may ask for a longer wait.
-- No row when another worker has the lease.
update catalog_webhooks set failures = failures + 1, leased_until = now(),
    next_attempt_at = now() + make_interval(secs => greatest(@asked_seconds::float8, least(300, power(2, least(failures + 1, 9)))))
where name = @name and lease = @holder::uuid
returning failures, extract(epoch from next_attempt_at - now())::float as wait_seconds;

-- name: CatalogWebhookBacklogs :many
-- How many changes each webhook has not taken, up to 10,000, and for how many seconds the oldest has waited.
select w.name, (select count(*) from (select from catalog_changes c where c.webhook = w.name limit 10000) as waiting) as pending,
    coalesce((select greatest(extract(epoch from clock_timestamp() - c.changed_at), 0) from catalog_changes c
        where c.webhook = w.name order by c.id limit 1), 0)::float8 as oldest
from catalog_webhooks w order by w.name;

-- name: CatalogDeleteOldChanges :execrows
-- Deletes changes that were not taken for too long.
delete from catalog_changes where id in (select c.id from catalog_changes c where c.changed_at < @before order by c.changed_at limit @max_rows);
