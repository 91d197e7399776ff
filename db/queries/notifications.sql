-- name: InsertNotification :exec
-- Stores a notification, and drops those that are too old.
with expired as (
    delete from notifications n where n.id in (
        select o.id from notifications o where o.created_at < statement_timestamp() - make_interval(days => @keep_days::int) order by o.created_at limit 1000
    )
)
insert into notifications (id, created_at, effect_id, recipients, entity_refs, title, description, link, severity, scope, topic)
values (@id, statement_timestamp(), @effect_id, @recipients, @entity_refs, @title, @description, @link, @severity, @scope, @topic);

-- name: NotificationOf :one
-- The notification that was sent for an effect.
select id, delivered_at from notifications where effect_id = @effect_id;

-- name: DeleteNotification :execrows
-- Withdraws a notification that nobody has got yet.
delete from notifications where id = @id and delivered_at is null;
