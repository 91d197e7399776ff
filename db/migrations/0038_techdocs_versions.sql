-- +goose Up

-- Versions of documentation are sites of their own, whose entity_ref is that of the entity with @ and the version. Builds of them are
-- builds of such a site.
alter table techdocs_sites
    -- The site of the entity, and the name of the version: a branch, a tag or pr-12. Both are null for the current documentation.
    add column version_of text collate "C" references techdocs_sites (entity_ref) on delete cascade,
    add column version text collate "C",
    -- What is fetched: for a version, its branch, tag or commit; for the current documentation, its branch, as far as it is known.
    add column ref text not null default '',
    -- The pull request of a preview, with its page; null for others.
    add column pull_request bigint,
    add column pull_request_url text not null default '',
    -- What the entity says about versions and previews, as the catalog had it last.
    add column versions_wanted text,
    add column previews_wanted text,
    -- Since when contents may be stored that no version has; null when there are none.
    add column garbage_at timestamptz,
    add constraint techdocs_sites_version check ((version_of is null) = (version is null));

create index techdocs_sites_by_version on techdocs_sites (version_of) where version_of is not null;
create index techdocs_sites_garbage on techdocs_sites (garbage_at) where garbage_at is not null;
