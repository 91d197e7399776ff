-- +goose Up

-- What hosts have said about the rate limits of credentials, for all processes.
create table rate_budgets (
    -- The host and the configured credential, never its secret: github.com/token, github.com/app/4711/99.
    credential text collate "C" not null,
    -- The host's name of the budget, such as core or graphql; empty for what holds for all.
    resource text collate "C" not null,
    allowance integer not null default 0,
    remaining integer not null default 0,
    resets_at timestamptz not null default 'epoch',
    -- Until when the host wants no request at all.
    blocked_until timestamptz not null default 'epoch',
    primary key (credential, resource)
);
