package build_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/hostevents"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
	"github.com/portico-dev/portico/internal/testkit/hosttest"
	"github.com/portico-dev/portico/techdocs/build"
	"github.com/portico-dev/portico/techdocs/store"
)

// versioned makes the shop an entity with versions, whose sites are in a real store.
func versioned(t *testing.T, patterns string) (*field, *forgetest.Server, *store.Store) {
	t.Helper()
	f, server := forge(t)
	sites, err := store.NewFolder(f.sites.directory, store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sites.Close()) })
	f.builder.Sites, f.builder.MaxVersions = sites, 5
	f.renders.whole = true
	e := withDocs("dir:.")
	e.SetAnnotation(build.AnnotationVersions, patterns)
	f.entities.put(e, provenance.At(provenance.URL, server.URL+"/demo/shop/blob/main/catalog-info.yaml"))
	return f, server, sites
}

// tag sets a tag of the shop to what a branch has.
func tag(t *testing.T, server *forgetest.Server, name, branch string) {
	t.Helper()
	server.PushRefs(t, "demo/shop", "+refs/heads/"+branch+":refs/tags/"+name)
}

// runAll carries out the builds of versions that were asked for, and returns how they ended, by version.
func (f *field) runAll() map[string]build.Build {
	f.Helper()
	f.engine.mu.Lock()
	woken := f.engine.sites
	f.engine.sites = nil
	f.engine.mu.Unlock()
	ended := map[string]build.Build{}
	for _, name := range woken {
		_, version, is := strings.Cut(name, "@")
		if !is {
			continue
		}
		f.runs++
		begun, err := f.store.Begin(f.Context(), build.BeginRequest{Site: name, WorkflowID: build.WorkflowID(name), RunID: fmt.Sprint(f.runs)})
		require.NoError(f, err)
		if begun.ID != uuid.Nil {
			ended[version] = f.finishSite(begun, name)
		}
	}
	return ended
}

// names are the versions that people see, in their order.
func (f *field) names() []string {
	f.Helper()
	versions, err := f.service.Versions(f.Context(), writer, shop)
	require.NoError(f, err)
	var names []string
	for _, version := range versions {
		if !version.PublishedAt.IsZero() {
			names = append(names, version.Version)
		}
	}
	return names
}

// versionPage is the first page of a version, "" without one.
func (f *field) versionPage(sites *store.Store, version string) string {
	f.Helper()
	file, err := sites.Open(f.Context(), refOf(version), "index.html")
	if fault.KindOf(err) == fault.NotFound {
		return ""
	}
	require.NoError(f, err)
	text := make([]byte, file.Size)
	_, err = file.Read(text)
	require.NoError(f, errors.Join(err, file.Close()))
	return string(text)
}

// TestAVersionIsPublishedThroughOneConnection: it holds one meanwhile, and others that publish may hold the rest.
func TestAVersionIsPublishedThroughOneConnection(t *testing.T) {
	t.Parallel()
	f, server, sites := versioned(t, "v*")
	tag(t, server, "v1", "main")
	f.start()
	require.Equal(t, build.Published, f.run().State)
	config := f.pool.Config()
	config.MaxConns = 1
	narrow, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(narrow.Close)
	options := f.store.StoreOptions
	options.Pool = narrow
	f.builder.Store = build.NewStore(options)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	const version = site + "@v1"
	begun, err := f.builder.Store.Begin(ctx, build.BeginRequest{Site: version, WorkflowID: build.WorkflowID(version), RunID: "1"})
	require.NoError(t, err)
	made, err := f.builder.Build(ctx, build.Request{ID: begun.ID, Site: version})
	require.NoError(t, err)
	require.True(t, made.Built)
	require.Equal(t, "# One", f.versionPage(sites, "v1"))
}

// TestTagsAndBranchesBecomeVersions from the annotation to the pages, and go when their tags do.
func TestTagsAndBranchesBecomeVersions(t *testing.T) {
	t.Parallel()
	f, server, sites := versioned(t, "v*, release/*, main")
	tag(t, server, "v1.9", "main")
	server.Push(t, "demo/shop", "release/2", true, map[string]string{"docs/index.md": "# Release"})
	server.Push(t, "demo/shop", "other", true, map[string]string{"docs/index.md": "# Other"})
	server.Push(t, "demo/shop", "main", true, map[string]string{"docs/index.md": "# Two"})
	tag(t, server, "v1.10", "main")
	tag(t, server, "v1.10-rc.1", "main")
	f.start()
	require.Equal(t, build.Published, f.run().State)
	for version, done := range f.runAll() {
		require.Equal(t, build.Published, done.State, "%s: %+v", version, done.Failure)
	}
	require.Equal(t, []string{"v1.10", "v1.10-rc.1", "v1.9", "release/2"}, f.names(), "main is the current one")
	require.Equal(t, "# Two", f.page("index.html"))
	require.Equal(t, "# One", f.versionPage(sites, "v1.9"))
	require.Equal(t, "# Release", f.versionPage(sites, "release/2"))
	require.Len(t, f.index.sections, 1, "only the current documentation is found")
	current, builds, err := f.service.Builds(t.Context(), writer, shop)
	require.NoError(t, err)
	require.Equal(t, []any{"", "main", 1}, []any{current.Version, current.Ref, len(builds)})
	found, builds, err := f.service.Builds(t.Context(), writer, entity.Ref{Kind: "Component", Namespace: "default", Name: "shop@release~2"})
	require.NoError(t, err)
	require.Equal(t, []any{"release/2", 1}, []any{found.Version, len(builds)})
	listed, _, err := f.service.Sites(t.Context(), writer, "", false)
	require.NoError(t, err)
	require.Len(t, listed, 1, "versions are no sites of the list")

	// A look that finds the same asks for nothing.
	f.start()
	require.Equal(t, build.Unchanged, f.run().State)
	require.Empty(t, f.runAll())

	// A tag moves, and a branch is deleted.
	tag(t, server, "v1.9", "release/2")
	server.PushRefs(t, "demo/shop", ":refs/heads/release/2")
	f.push(server, "v1.9")
	f.push(server, "release/2")
	ended := f.runAll()
	require.Equal(t, build.Published, ended["v1.9"].State, "%+v", ended["v1.9"].Failure)
	require.Equal(t, "# Release", f.versionPage(sites, "v1.9"))
	require.Equal(t, build.Unchanged, ended["release~2"].State, "%+v", ended["release~2"].Failure)
	require.Equal(t, []string{"v1.10", "v1.10-rc.1", "v1.9"}, f.names())
	require.NoError(t, f.builder.RemoveGoneVersions(t.Context()))
	require.Empty(t, f.versionPage(sites, "release/2"))
	_, _, err = f.service.Builds(t.Context(), writer, entity.Ref{Kind: "component", Namespace: "default", Name: "shop@release~2"})
	require.Equal(t, fault.NotFound, fault.KindOf(err))

	// A new tag is found by its push alone.
	tag(t, server, "v2.0", "main")
	f.push(server, "v2.0")
	f.run()
	require.Equal(t, build.Published, f.runAll()["v2.0"].State)
	require.Equal(t, "v2.0", f.names()[0])

	// The entity wants no versions any more.
	f.entities.put(withDocs("dir:."), provenance.At(provenance.URL, server.URL+"/demo/shop/blob/main/catalog-info.yaml"))
	f.start()
	f.run()
	require.Empty(t, f.names())
	require.NoError(t, f.builder.RemoveGoneVersions(t.Context()))
	f.exec("update techdocs_sites set garbage_at = now() - interval '1 hour' where garbage_at is not null")
	require.NoError(t, f.builder.Collect(t.Context()))
	left, err := filepath.Glob(filepath.Join(f.sites.directory, ".versions/default/component/shop/*/*"))
	require.NoError(t, err)
	require.Empty(t, left)
	require.Equal(t, "# Two", f.page("index.html"))
}

// push tells of a push to a branch or tag that any file may have been changed by.
func (f *field) push(server *forgetest.Server, ref string) {
	f.Helper()
	event := hostevents.Event{Kind: hostevents.Pushed, Host: server.Host, Repository: "demo/shop", Push: hostevents.Push{Ref: ref, DefaultBranch: "main", AllPaths: true}}
	f.exec("update techdocs_sites set versions_wanted = 'v*, release/*' where version_of is null")
	var sites []string
	require.NoError(f, pgx.BeginFunc(f.Context(), f.pool, func(tx pgx.Tx) (err error) {
		sites, err = f.store.RequestPushed(f.Context(), tx, event)
		return err
	}))
	require.NoError(f, f.store.WakePushed(f.Context(), sites))
}

// TestTooManyVersionsAndStrangeNames are bounded, and said in the log.
func TestTooManyVersionsAndStrangeNames(t *testing.T) {
	t.Parallel()
	f, server, _ := versioned(t, "keep, *")
	refs := []string{"+refs/heads/main:refs/heads/keep", "+refs/heads/main:refs/tags/pr-7", "+refs/heads/main:refs/tags/\u202egnp.exe", "+refs/heads/main:refs/tags/a=b",
		"+refs/heads/main:refs/tags/größe"}
	for n := range 20 {
		refs = append(refs, fmt.Sprintf("+refs/heads/main:refs/tags/v1.%d", n))
	}
	server.PushRefs(t, "demo/shop", refs...)
	f.start()
	done := f.run()
	f.runAll()
	require.Equal(t, []string{"v1.19", "v1.18", "v1.17", "v1.16", "keep"}, f.names())
	_, lines, err := f.service.Build(t.Context(), writer, done.ID, 0)
	require.NoError(t, err)
	require.Contains(t, fmt.Sprint(lines), "22 branches and tags are versions; the newest 5 have documentation")
	require.Contains(t, fmt.Sprint(lines), "pr-7 has no documentation of its own")
	require.Contains(t, fmt.Sprint(lines), "a=b has no documentation of its own")

	f.builder.MaxVersions = 0
	f.start()
	f.run()
	require.Empty(t, f.names(), "there are none where the operator wants none")
}

// TestABranchThatIsDeletedWhileItIsBuilt leaves nothing, and neither does one whose entity goes.
func TestABranchThatIsDeletedWhileItIsBuilt(t *testing.T) {
	t.Parallel()
	f, server, sites := versioned(t, "v*")
	tag(t, server, "v1", "main")
	f.start()
	f.run()
	f.renders.during = func() {
		f.renders.during = nil
		f.exec("update techdocs_sites set gone_at = now() where version = 'v1'")
		require.NoError(t, f.builder.RemoveGoneVersions(t.Context()))
		var left int
		require.NoError(t, f.pool.QueryRow(t.Context(), "select count(*) from techdocs_sites where version = 'v1'").Scan(&left))
		require.Equal(t, 1, left, "while it is built, it stays")
	}
	require.Equal(t, build.Published, f.runAll()["v1"].State)
	require.Empty(t, f.names())
	require.NoError(t, f.builder.RemoveGoneVersions(t.Context()))
	require.Empty(t, f.versionPage(sites, "v1"))

	// A worker that was considered dead comes to its end after the version is gone.
	f.start()
	f.run()
	f.renders.during = func() {
		f.renders.during = nil
		f.exec("delete from techdocs_sites where version = 'v1'")
	}
	for _, name := range f.engine.sites {
		if strings.Contains(name, "@") {
			begun, err := f.store.Begin(t.Context(), build.BeginRequest{Site: name, WorkflowID: "late", RunID: "late"})
			require.NoError(t, err)
			_, err = f.builder.Build(t.Context(), build.Request{ID: begun.ID, Site: name})
			require.Error(t, err)
		}
	}
	require.Empty(t, f.versionPage(sites, "v1"))
}

// TestNothingIsCollectedWhileAVersionIsPublished: a build counts on the contents that it found.
func TestNothingIsCollectedWhileAVersionIsPublished(t *testing.T) {
	t.Parallel()
	f, server, sites := versioned(t, "v*")
	tag(t, server, "v1", "main")
	f.start()
	f.run()
	f.runAll()
	f.exec("update techdocs_sites set garbage_at = now() - interval '1 hour' where version_of is null")
	tx, err := f.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "select pg_advisory_xact_lock_shared(hashtextextended('portico techdocs versions ' || $1, 0))", site)
	require.NoError(t, err)
	orphan := filepath.Join(f.sites.directory, ".versions/default/component/shop/blobs", strings.Repeat("0", 64))
	require.NoError(t, os.WriteFile(orphan, []byte("of a build that has not written its list"), 0o600))
	require.NoError(t, f.builder.Collect(t.Context()))
	require.FileExists(t, orphan)
	require.NoError(t, tx.Rollback(t.Context()))
	require.NoError(t, f.builder.Collect(t.Context()))
	require.NoFileExists(t, orphan)
	require.Equal(t, "# One", f.versionPage(sites, "v1"))
}

// TestAHostThatListsNothingTakesNoVersionAway: a credential that may not read a repository sees none of its branches.
func TestAHostThatListsNothingTakesNoVersionAway(t *testing.T) {
	t.Parallel()
	f, server, _ := versioned(t, "v*")
	tag(t, server, "v1", "main")
	f.start()
	f.run()
	f.runAll()
	f.builder.Hosts = listsNothing{f.hosts}
	f.start()
	require.Equal(t, build.Unchanged, f.run().State)
	require.Equal(t, []string{"v1"}, f.names())
}

// TestWhoMayNotReadTheEntitySeesNoVersion: neither which there are nor their builds.
func TestWhoMayNotReadTheEntitySeesNoVersion(t *testing.T) {
	t.Parallel()
	f, server, _ := versioned(t, "v*")
	tag(t, server, "v1", "main")
	f.start()
	f.run()
	done := f.runAll()["v1"]
	reader := identity.Principal{Kind: identity.KindUser, Subject: "user:default/eve"}
	version := entity.Ref{Kind: "component", Namespace: "default", Name: "shop@v1"}
	_, err := f.service.Start(t.Context(), reader, version, false)
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	_, err = f.service.Start(t.Context(), writer, entity.Ref{Kind: "component", Namespace: "default", Name: "shop@v9"}, false)
	require.Equal(t, fault.NotFound, fault.KindOf(err), "nobody makes a version by asking for it")
	asked, err := f.service.Start(t.Context(), writer, version, true)
	require.NoError(t, err)
	require.Equal(t, build.Requested, asked.State)
	f.entities.hidden[site] = true
	_, err = f.service.Versions(t.Context(), reader, shop)
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	_, _, err = f.service.Builds(t.Context(), reader, version)
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	_, _, err = f.service.Build(t.Context(), reader, done.ID, 0)
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	_, err = f.service.Sync(t.Context(), reader, refOf("v1"), nil)
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	require.WithinDuration(t, time.Now(), done.EndedAt, time.Minute)
}

// TestAPullRequestHasAPreview with a link at its commit, until it is closed. Its author may be a stranger.
func TestAPullRequestHasAPreview(t *testing.T) {
	t.Parallel()
	f, server, sites := versioned(t, "")
	trusted, untrusted := f.renders, &generator{whole: true}
	f.builder.Untrusted, f.builder.PortalURL = untrusted, "https://portal.example.com/"
	f.store.MaxPreviews = 2
	f.start()
	f.run()
	require.Equal(t, 1, trusted.count())
	server.Push(t, "demo/shop", "feature", true, map[string]string{"docs/index.md": "# Proposed"})
	pull := server.Propose(t, "demo/shop", "feature")

	tell := func(number int, head string, isClosed bool) {
		event := hostevents.Event{Kind: hostevents.Proposed, Host: server.Host, Repository: "demo/shop",
			Pull: &hostevents.Pull{Number: number, URL: pull.GetHTMLURL(), Head: head, IsClosed: isClosed}}
		var asked []string
		require.NoError(t, pgx.BeginFunc(t.Context(), f.pool, func(tx pgx.Tx) (err error) {
			asked, err = f.store.RequestPushed(t.Context(), tx, event)
			return err
		}))
		require.NoError(t, f.store.WakePushed(t.Context(), asked))
	}
	preview := fmt.Sprintf("pr-%d", pull.GetNumber())
	f.engine.sites = nil
	tell(pull.GetNumber(), pull.GetHead().GetSHA(), false)
	require.Empty(t, f.runAll(), "the entity does not want previews")
	f.exec("update techdocs_sites set previews_wanted = 'true' where version_of is null")
	tell(pull.GetNumber(), pull.GetHead().GetSHA(), false)
	done := f.runAll()[preview]
	require.Equal(t, build.Published, done.State, "%+v", done.Failure)
	require.Equal(t, []any{1, 1}, []any{trusted.count(), untrusted.count()}, "strangers run no program")
	require.Equal(t, "# Proposed", f.versionPage(sites, preview))
	require.Equal(t, "# One", f.page("index.html"))
	versions, err := f.service.Versions(t.Context(), writer, shop)
	require.NoError(t, err)
	require.Equal(t, []any{preview, pull.GetNumber(), pull.GetHTMLURL()}, []any{versions[0].Version, versions[0].PullRequest, versions[0].PullRequestURL})
	said, err := server.Statuses("demo", "shop", pull.GetHead().GetSHA())
	require.NoError(t, err)
	status := said["portico/docs/component:default/shop"]
	require.Equal(t, []string{"success", "https://portal.example.com/docs/default/component/shop@" + preview + "/"}, []string{status.State, status.TargetURL})

	// A mistake of the author is at the new commit, and the preview stays as it was.
	server.PushOn(t, "demo/shop", "feature", map[string]string{"docs/index.md": "broken"})
	head := server.Tip(t, "demo/shop", "feature")
	tell(pull.GetNumber(), head, false)
	require.Equal(t, build.Failed, f.runAll()[preview].State)
	require.Equal(t, "# Proposed", f.versionPage(sites, preview))
	said, err = server.Statuses("demo", "shop", head)
	require.NoError(t, err)
	require.Equal(t, "failure", said["portico/docs/component:default/shop"].State)
	require.Contains(t, said["portico/docs/component:default/shop"].Description, "docs/index.md:3")

	// A look at the branches leaves previews, there are no more than wanted, and what is no commit is not fetched.
	f.start()
	f.run()
	require.Equal(t, []string{preview}, f.names())
	tell(101, head, false)
	tell(102, head, false)
	tell(103, "refs/heads/main", false)
	versions, err = f.service.Versions(t.Context(), writer, shop)
	require.NoError(t, err)
	require.Len(t, versions, 2)

	f.exec("update techdocs_sites set created_at = now() - interval '31 days' where version = 'pr-101'")
	require.NoError(t, f.builder.RemoveGoneVersions(t.Context()))
	versions, err = f.service.Versions(t.Context(), writer, shop)
	require.NoError(t, err)
	require.Len(t, versions, 1, "the event of its end was lost")
	tell(pull.GetNumber(), head, true)
	tell(101, head, true)
	require.Empty(t, f.names())
	require.NoError(t, f.builder.RemoveGoneVersions(t.Context()))
	require.Empty(t, f.versionPage(sites, preview))
	tell(pull.GetNumber(), pull.GetHead().GetSHA(), false)
	require.Equal(t, build.Published, f.runAll()[preview].State, "it was opened again")
}

// TestAMergeRequestOfGitLabHasAPreview with a link at its commit.
func TestAMergeRequestOfGitLabHasAPreview(t *testing.T) {
	t.Parallel()
	server := hosttest.Start(t, hosttest.GitLab)
	repository := server.Repository
	repository.Change(t, "docs/index.md", "# Proposed")
	head := repository.Commit("main")
	repository.Change(t, "docs/index.md", "# broken")
	broken := repository.Commit("main")
	repository.Change(t, "docs/index.md", "# One")
	f := newField(t)
	set := server.Set(t, hosttest.Token, integration.Limits{})
	f.store.Hosts, f.builder.Hosts, f.builder.Trees = set, set, set
	sites, err := store.NewFolder(f.sites.directory, store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sites.Close()) })
	f.builder.Sites, f.builder.PortalURL, f.renders.whole, f.store.MaxPreviews = sites, "https://portal.example.com", true, 2
	f.entities.put(withDocs("dir:."), provenance.At(provenance.URL, server.At("main", "catalog-info.yaml")))
	f.start()
	done := f.run()
	require.Equal(t, build.Published, done.State, "%+v", done.Failure)
	f.exec("update techdocs_sites set previews_wanted = 'true' where version_of is null")
	f.engine.sites = nil

	address, err := url.Parse(server.URL)
	require.NoError(t, err)
	propose := func(head string) build.Build {
		var asked []string
		require.NoError(t, pgx.BeginFunc(t.Context(), f.pool, func(tx pgx.Tx) (err error) {
			asked, err = f.store.RequestPushed(t.Context(), tx, hostevents.Event{Kind: hostevents.Proposed, Host: address.Host, Repository: "acme/teams/shop",
				Pull: &hostevents.Pull{Number: 7, URL: server.URL + "/git/acme/teams/shop/-/merge_requests/7", Head: head}})
			return err
		}))
		require.NoError(t, f.store.WakePushed(t.Context(), asked))
		return f.runAll()["pr-7"]
	}
	done = propose(head)
	require.Equal(t, build.Published, done.State, "%+v", done.Failure)
	require.Equal(t, "# Proposed", f.versionPage(sites, "pr-7"))
	require.Equal(t, []hosttest.Status{{State: "success", Name: "portico/docs/component:default/shop", Description: "The preview of the documentation",
		TargetURL: "https://portal.example.com/docs/default/component/shop@pr-7/"}}, repository.Statuses(head))
	require.Equal(t, build.Failed, propose(broken).State)
	said := repository.Statuses(broken)
	require.Len(t, said, 1)
	require.Equal(t, "failed", said[0].State)
	require.Contains(t, said[0].Description, "docs/index.md:3")
}
