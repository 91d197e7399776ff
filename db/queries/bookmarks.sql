-- name: Bookmarks :many
select entity_ref from bookmarks where user_ref = @user_ref and list = @list order by marked_at desc, entity_ref limit @most::bigint;

-- name: AddBookmark :execrows
-- Adds a reference, or moves an existing one to the front. No row means that the list is full.
insert into bookmarks (user_ref, list, entity_ref, marked_at)
select @user_ref, @list, @entity_ref, clock_timestamp()
where (select count(*) from bookmarks b where b.user_ref = @user_ref and b.list = @list and b.entity_ref <> @entity_ref) < @most::bigint
on conflict (user_ref, list, entity_ref) do update set marked_at = excluded.marked_at;

-- name: RemoveBookmark :exec
delete from bookmarks where user_ref = @user_ref and list = @list and entity_ref = @entity_ref;

-- name: TrimBookmarks :exec
-- Removes all but the first entries of a list.
delete from bookmarks m where m.user_ref = @user_ref and m.list = @list and m.entity_ref in (
    select b.entity_ref from bookmarks b where b.user_ref = @user_ref and b.list = @list
    order by b.marked_at desc, b.entity_ref offset @most::bigint
);
