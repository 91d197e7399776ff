-- name: RateBudgetRecord :exec
-- Stores what a host said. Answers overtake each other: a budget that ends earlier is an older answer, and of two with the
-- same end, the later one has less left.
insert into rate_budgets as known (credential, resource, allowance, remaining, resets_at)
values (@credential, @resource, @allowance, @remaining, @resets_at)
on conflict (credential, resource) do update set
    allowance = excluded.allowance,
    remaining = case when excluded.resets_at = known.resets_at then least(known.remaining, excluded.remaining) else excluded.remaining end,
    resets_at = excluded.resets_at
where excluded.resets_at >= known.resets_at;

-- name: RateBudgetBlock :exec
-- Stores until when a host wants no request with a credential.
insert into rate_budgets as known (credential, resource, blocked_until)
values (@credential, '', @blocked_until)
on conflict (credential, resource) do update set blocked_until = greatest(known.blocked_until, excluded.blocked_until);

-- name: RateBudgetWait :one
-- How many seconds a request has to wait that leaves a share of a budget to others, 0 for not at all.
select coalesce(max(greatest(
    extract(epoch from blocked_until - now()),
    case when remaining <= allowance * @reserve::float8 then extract(epoch from resets_at - now()) else 0 end,
    0)), 0)::float8
from rate_budgets where credential = @credential and resource in ('', @resource::text);
