-- +goose Up

-- The sites of documentation that the catalog's entities ask for, with what their last builds left.
create table techdocs_sites (
    entity_ref text collate "C" primary key,
    -- What the entity says about its documentation, as the catalog had it last. Another annotation is looked at soon.
    annotation text,
    -- The host that is asked for news, and its repository in small letters (github.com/acme/shop) and the folder's URL;
    -- null until a build has found them. The host of local files is ''.
    host text collate "C",
    repository text collate "C",
    url text collate "C",
    -- The commit, or the digest of local files, of the last build that came to an end, whether or not it was published.
    etag text not null default '',
    -- The digest of the files from which the published site was made, and what made it. Another digest or maker makes the
    -- site anew.
    digest text not null default '',
    maker text not null default '',
    engine text not null default '',
    pages integer not null default 0,
    files integer not null default 0,
    -- When the site was published last; null while there is none.
    published_at timestamptz,
    -- Whether the last build that came to an end failed.
    failed boolean not null default false,
    checked_at timestamptz,
    next_check_at timestamptz not null default now(),
    -- When somebody read the site, to the hour.
    read_at timestamptz,
    -- Since when the catalog has no such entity with documentation; null while it has.
    gone_at timestamptz,
    created_at timestamptz not null default now()
);
create index techdocs_sites_due on techdocs_sites (next_check_at) where gone_at is null;
create index techdocs_sites_by_repository on techdocs_sites (repository);
create index techdocs_sites_gone on techdocs_sites (gone_at) where gone_at is not null;
create index techdocs_sites_failed on techdocs_sites (entity_ref) where failed;

-- Builds of sites. The row is what counts: whoever builds writes only under the claim that the row has.
create table techdocs_builds (
    id uuid primary key,
    entity_ref text collate "C" not null references techdocs_sites (entity_ref) on delete cascade,
    -- requested, waiting (for a worker), building; and when it has ended: published, unchanged or failed.
    state text not null,
    -- person, push, schedule or read, of the request that asked first; and how many requests the build answers.
    cause text not null,
    asked_by text not null default '',
    requests integer not null default 1,
    -- Build even if nothing has changed.
    force boolean not null default false,
    asked_at timestamptz not null default now(),
    -- The workflow that builds and its first execution; null until it has begun.
    workflow_id text,
    run_id text,
    claim uuid,
    started_at timestamptz,
    ended_at timestamptz,
    -- Where the files are from, for people, and their commit or digest.
    source text not null default '',
    etag text not null default '',
    engine text not null default '',
    pages integer not null default 0,
    files integer not null default 0,
    fetch_seconds float8 not null default 0,
    render_seconds float8 not null default 0,
    publish_seconds float8 not null default 0,
    index_seconds float8 not null default 0,
    problems json not null default '[]',
    failure json
);

-- One build of a site at a time, and one that waits for its end.
create unique index techdocs_builds_requested on techdocs_builds (entity_ref) where state = 'requested';
create unique index techdocs_builds_active on techdocs_builds (entity_ref) where state in ('waiting', 'building');
create index techdocs_builds_by_entity on techdocs_builds (entity_ref, asked_at desc);
create index techdocs_builds_by_age on techdocs_builds (ended_at) where ended_at is not null;

-- What builds say while they are under way.
create table techdocs_build_lines (
    build_id uuid not null references techdocs_builds (id) on delete cascade,
    number integer not null,
    at timestamptz not null default clock_timestamp(),
    line text not null,
    primary key (build_id, number)
);
