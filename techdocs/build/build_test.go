package build_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration/hostevents"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/build"
)

func TestEveryMethodAsks(t *testing.T) {
	t.Parallel()
	f := newField(t)
	refuser := &policytest.Refuser{}
	service := build.NewService(build.ServiceOptions{Store: f.store, Catalog: catalog.New(catalog.Options{Pool: f.pool, Decider: refuser})})
	policytest.EveryMethodAsks(t, service, refuser, []string{"MarkRead"}, uuid.New(), shop)
}

func TestAPersonBuildsADocumentation(t *testing.T) {
	t.Parallel()
	f := newField(t)
	f.local(map[string]string{"docs/index.md": "# One"})
	asked := f.start()
	require.Equal(t, build.Requested, asked.State)
	require.Equal(t, []string{site}, f.engine.sites)
	done := f.run()
	require.Equal(t, build.Published, done.State, "%+v", done.Failure)
	require.Equal(t, "# One", f.page("index.html"))
	require.Equal(t, []techdocs.Section{{Title: "index.md", Text: "# One", Location: "index.md"}}, f.index.sections[site])
	require.Equal(t, []any{asked.ID, build.ByPerson, writer.Subject, "test", 1}, []any{done.ID, done.Cause, done.AskedBy, done.Engine, done.Pages})
	_, lines, err := f.service.Build(t.Context(), writer, done.ID, 0)
	require.NoError(t, err)
	require.Contains(t, fmt.Sprint(lines), "Step 1 of 3")
	require.Contains(t, fmt.Sprint(lines), "rendering for Shop")
	require.NotContains(t, fmt.Sprint(lines), f.directory, "the log shows no local path")
	require.NotContains(t, done.Source, f.directory)

	found, builds, err := f.service.Builds(t.Context(), writer, shop)
	require.NoError(t, err)
	require.Len(t, builds, 1)
	require.Equal(t, []any{done.ETag, "test", 1, 2, false}, []any{found.ETag, found.Engine, found.Pages, found.Files, found.Failed})
	require.WithinDuration(t, time.Now().Add(30*time.Minute), found.NextCheckAt, time.Minute)

	var recorded int
	require.NoError(t, f.pool.QueryRow(t.Context(), "select count(*) from audit_events where action = $1 and resource = $2", audit.DocsBuild, site).Scan(&recorded))
	require.Equal(t, 1, recorded)
	left, err := os.ReadDir(f.builder.Directory)
	require.NoError(t, err)
	require.Empty(t, left, "the folder of the build is gone")
}

func TestWhatHasNotChangedIsNotBuilt(t *testing.T) {
	t.Parallel()
	f, server := forge(t)
	f.start()
	first := f.run()
	require.Equal(t, build.Published, first.State, "%+v", first.Failure)
	f.start()
	require.Equal(t, build.Unchanged, f.run().State)
	require.Equal(t, 1, f.renders.count())

	server.Push(t, "demo/shop", "main", true, map[string]string{"docs/index.md": "# Two"})
	f.start()
	second := f.run()
	require.Equal(t, build.Published, second.State)
	require.NotEqual(t, first.ETag, second.ETag)
	require.Equal(t, "# Two", f.page("index.html"))

	f.builder.Maker = "test 2"
	f.start()
	require.Equal(t, build.Published, f.run().State, "another maker makes it anew")
	require.NoError(t, os.RemoveAll(f.sites.directory))
	f.start()
	require.Equal(t, build.Published, f.run().State, "a store that was emptied is filled")
	_, err := f.service.Start(t.Context(), writer, shop, true)
	require.NoError(t, err)
	require.Equal(t, build.Published, f.run().State, "a person may insist")
	require.Equal(t, 5, f.renders.count())
}

func TestACommitThatChangesNoFileOfTheDocumentationPublishesNothing(t *testing.T) {
	t.Parallel()
	f, server := forge(t)
	f.entities.put(withDocs("dir:./docs"), provenance.At(provenance.URL, server.URL+"/demo/shop/blob/main/catalog-info.yaml"))
	server.Push(t, "demo/shop", "main", true, map[string]string{"docs/docs/index.md": "# Deep"})
	f.start()
	first := f.run()
	require.Equal(t, build.Published, first.State)
	server.Push(t, "demo/shop", "main", true, map[string]string{"other/x.txt": "y"})
	f.start()
	second := f.run()
	require.Equal(t, build.Unchanged, second.State)
	require.NotEqual(t, first.ETag, second.ETag)
	require.Equal(t, 1, f.renders.count())
}

func TestAFailedBuildKeepsTheSiteAndNamesFileAndLine(t *testing.T) {
	t.Parallel()
	f := newField(t)
	f.local(map[string]string{"docs/index.md": "# Good"})
	f.start()
	require.Equal(t, build.Published, f.run().State)
	f.write(map[string]string{"docs/index.md": "# broken"})
	f.start()
	failed := f.run()
	require.Equal(t, build.Failed, failed.State)
	require.Equal(t, string(fault.Input), failed.Failure.Name)
	require.Contains(t, failed.Failure.Message, "docs/index.md:3: this page is broken")
	require.Equal(t, []techdocs.Problem{{Severity: "error", File: "docs/index.md", Line: 3, Message: "this page is broken"}}, failed.Problems)
	require.Equal(t, "# Good", f.page("index.html"))
	listed, _, err := f.service.Sites(t.Context(), writer, "", true)
	require.NoError(t, err)
	require.Len(t, listed, 1)

	f.due()
	require.NoError(t, f.store.RequestDue(t.Context(), build.Limits{PerHost: 10, Waiting: 10}))
	require.Equal(t, build.Unchanged, f.run().State, "the schedule does not build what the author has to mend first")
	require.Equal(t, 2, f.renders.count())
	f.start()
	require.Equal(t, build.Failed, f.run().State, "a person who asks gets the error")
	f.write(map[string]string{"docs/index.md": "# Mended"})
	f.due()
	require.NoError(t, f.store.RequestDue(t.Context(), build.Limits{PerHost: 10, Waiting: 10}))
	require.Equal(t, build.Published, f.run().State)
	require.Equal(t, "# Mended", f.page("index.html"))
	listed, _, err = f.service.Sites(t.Context(), writer, "", true)
	require.NoError(t, err)
	require.Empty(t, listed)
}

func TestAnUnreachableHostIsTriedAgain(t *testing.T) {
	t.Parallel()
	f := newField(t)
	f.local(map[string]string{"docs/index.md": "# One"})
	f.start()
	f.run()
	f.write(map[string]string{"docs/index.md": "# Two"})
	f.renders.err = fmt.Errorf("no space left")
	f.start()
	require.Equal(t, build.Failed, f.run().State)
	f.renders.err = nil
	f.due()
	require.NoError(t, f.store.RequestDue(t.Context(), build.Limits{PerHost: 10, Waiting: 10}))
	require.Equal(t, build.Published, f.run().State)
}

// TestFiveRequestsAtOnceAreOneBuild: the newest wins, and a request during a build is one more.
func TestFiveRequestsAtOnceAreOneBuild(t *testing.T) {
	t.Parallel()
	f := newField(t)
	f.local(map[string]string{"docs/index.md": "# One"})
	ids := make([]uuid.UUID, 5)
	var group sync.WaitGroup
	for i := range ids {
		group.Go(func() {
			if asked, err := f.service.Start(t.Context(), writer, shop, false); err == nil {
				ids[i] = asked.ID
			}
		})
	}
	group.Wait()
	for _, id := range ids {
		require.Equal(t, ids[0], id)
	}
	f.renders.during = func() {
		f.renders.during = nil
		f.write(map[string]string{"docs/index.md": "# Two"})
		for range 5 {
			_, err := f.service.Start(t.Context(), writer, shop, false)
			require.NoError(t, err)
		}
	}
	require.Equal(t, 5, f.run().Requests)
	second := f.run()
	require.Equal(t, []any{build.Published, 5}, []any{second.State, second.Requests})
	require.Equal(t, "# Two", f.page("index.html"))
	nothing, err := f.store.Begin(t.Context(), build.BeginRequest{Site: site, WorkflowID: "x", RunID: "x"})
	require.NoError(t, err)
	require.Equal(t, uuid.Nil, nothing.ID)
}

// TestAnAttemptThatWasTakenOverPublishesNothing: a worker that was considered dead comes to its end after another one has begun.
func TestAnAttemptThatWasTakenOverPublishesNothing(t *testing.T) {
	t.Parallel()
	f := newField(t)
	f.local(map[string]string{"docs/index.md": "# One"})
	f.start()
	begun, err := f.store.Begin(t.Context(), build.BeginRequest{Site: site, WorkflowID: "w", RunID: "1"})
	require.NoError(t, err)
	f.renders.during = func() {
		f.renders.during = nil
		f.write(map[string]string{"docs/index.md": "# Newer"})
		_, err := f.builder.Build(t.Context(), build.Request{ID: begun.ID, Site: site})
		require.NoError(t, err)
	}
	_, err = f.builder.Build(t.Context(), build.Request{ID: begun.ID, Site: site})
	require.ErrorContains(t, err, "another attempt has taken this build over")
	require.Equal(t, "# Newer", f.page("index.html"))
}

// TestAnAttemptAfterOneThatPublishedSaysSo: otherwise the pages would not be put into the index.
func TestAnAttemptAfterOneThatPublishedSaysSo(t *testing.T) {
	t.Parallel()
	f := newField(t)
	f.local(map[string]string{"docs/index.md": "# One"})
	f.start()
	begun, err := f.store.Begin(t.Context(), build.BeginRequest{Site: site, WorkflowID: "w", RunID: "1"})
	require.NoError(t, err)
	for range 2 {
		made, err := f.builder.Build(t.Context(), build.Request{ID: begun.ID, Site: site})
		require.NoError(t, err)
		require.True(t, made.Built)
	}
	require.Equal(t, 1, f.renders.count())
}

func TestABuildWhoseWorkflowWasLostFails(t *testing.T) {
	t.Parallel()
	f := newField(t)
	f.local(map[string]string{"docs/index.md": "# One"})
	lost := f.start()
	request := build.BeginRequest{Site: site, WorkflowID: "w", RunID: "lost"}
	begun, err := f.store.Begin(t.Context(), request)
	require.NoError(t, err)
	again, err := f.store.Begin(t.Context(), request)
	require.NoError(t, err)
	require.Equal(t, begun.ID, again.ID, "its own workflow finds it again")

	f.start()
	f.engine.sites = nil
	f.exec("update techdocs_builds set asked_at = now() - interval '2 hours'")
	require.NoError(t, f.store.WakeUnbegun(t.Context()))
	require.Equal(t, []string{site}, f.engine.sites)
	require.Equal(t, build.Published, f.run().State)
	require.Equal(t, "WorkflowLostError", f.build(lost.ID).Failure.Name)
}

func TestAPushBuildsWhatItTouches(t *testing.T) {
	t.Parallel()
	f, server := forge(t)
	f.start()
	require.Equal(t, build.Published, f.run().State)
	push := func(ref string, paths ...string) []string {
		event := hostevents.Event{Kind: hostevents.Pushed, Host: server.Host, Repository: "demo/shop",
			Push: hostevents.Push{Ref: ref, DefaultBranch: "main", Paths: paths}}
		var sites []string
		require.NoError(t, pgx.BeginFunc(t.Context(), f.pool, func(tx pgx.Tx) (err error) {
			sites, err = f.store.RequestPushed(t.Context(), tx, event)
			return err
		}))
		return sites
	}
	require.Empty(t, push("feature", "docs/index.md"), "another branch")
	server.Push(t, "demo/shop", "main", true, map[string]string{"docs/index.md": "# Pushed"})
	require.Equal(t, []string{site}, push("main", "docs/index.md"))
	done := f.run()
	require.Equal(t, []any{build.Published, build.ByPush}, []any{done.State, done.Cause})
	require.Equal(t, "# Pushed", f.page("index.html"))

	f.entities.put(withDocs("dir:./docs"), provenance.At(provenance.URL, server.URL+"/demo/shop/blob/main/catalog-info.yaml"))
	f.start()
	f.run()
	require.Empty(t, push("main", "other/x.txt"), "nothing of the documentation")
	require.Equal(t, []string{site}, push("main", "docs/deep/page.md"))
}

func TestSitesAreThoseOfTheCatalog(t *testing.T) {
	t.Parallel()
	f := newField(t)
	f.local(map[string]string{"docs/index.md": "# One"})
	id := uuid.New()
	f.exec("insert into catalog_entities (entity_id, entity_ref, hash, entity) values ($1, $2, 'x:y', '{}')", id, site)
	f.exec("insert into catalog_search (entity_id, kind, key, value, original_value) values ($1, 'component', 'metadata.annotations.backstage.io/techdocs-ref', 'dir:.', 'dir:.')", id)
	limits := build.Limits{PerHost: 10, Waiting: 10}
	require.NoError(t, f.store.Discover(t.Context()))
	require.NoError(t, f.store.RequestDue(t.Context(), limits))
	require.Equal(t, []string{site}, f.engine.sites)
	require.NoError(t, f.store.RequestDue(t.Context(), limits))
	require.Equal(t, []string{site}, f.engine.sites, "it is asked for once")
	done := f.run()
	require.Equal(t, []any{build.Published, build.BySchedule}, []any{done.State, done.Cause})

	f.exec("update catalog_search set original_value = 'dir:./other', value = 'dir:./other'")
	f.entities.put(withDocs("dir:./other"), provenance.At(provenance.File, filepath.Join(f.directory, "catalog-info.yaml")))
	f.write(map[string]string{"other/docs/index.md": "# Other"})
	require.NoError(t, f.store.Discover(t.Context()))
	require.NoError(t, f.store.RequestDue(t.Context(), limits))
	require.Equal(t, build.Published, f.run().State, "the documentation has moved")
	require.Equal(t, "# Other", f.page("index.html"))

	f.exec("delete from catalog_search")
	require.NoError(t, f.store.Discover(t.Context()))
	require.NoError(t, f.builder.RemoveGone(t.Context(), time.Now().Add(-time.Hour)))
	require.NotEmpty(t, f.page("index.html"), "it stays for a while")
	f.exec("insert into catalog_search (entity_id, kind, key, value, original_value) values ($1, 'component', 'metadata.annotations.backstage.io/techdocs-ref', 'dir:.', 'dir:.')", id)
	require.NoError(t, f.store.Discover(t.Context()))
	require.NoError(t, f.builder.RemoveGone(t.Context(), time.Now().Add(time.Hour)))
	require.NotEmpty(t, f.page("index.html"), "it came back")
	f.exec("delete from catalog_entities")
	require.NoError(t, f.store.Discover(t.Context()))
	require.NoError(t, f.builder.RemoveGone(t.Context(), time.Now().Add(time.Hour)))
	require.Empty(t, f.page("index.html"))
	require.Empty(t, f.index.sections[site])
	found, builds, err := f.service.Builds(t.Context(), writer, shop)
	require.NoError(t, err)
	require.Zero(t, found.CheckedAt)
	require.Empty(t, builds)
}

func TestLooksAreBoundedPerHost(t *testing.T) {
	t.Parallel()
	f := newField(t)
	f.exec("insert into techdocs_sites (entity_ref, host) select 'component:default/a' || n, 'a.example' from generate_series(1, 20) n")
	f.exec("insert into techdocs_sites (entity_ref, host) select 'component:default/b' || n, 'b.example' from generate_series(1, 3) n")
	require.NoError(t, f.store.RequestDue(t.Context(), build.Limits{PerHost: 5, Waiting: 100}))
	require.Len(t, f.engine.sites, 8, "five of the one host, and all of the other")
	require.NoError(t, f.store.RequestDue(t.Context(), build.Limits{PerHost: 5, Waiting: 10}))
	require.Len(t, f.engine.sites, 10, "no more than may wait")
}

// TestASiteThatNobodyReadsWaitsLonger looks at the time of the next look by the time since the last reader.
func TestASiteThatNobodyReadsWaitsLonger(t *testing.T) {
	t.Parallel()
	f := newField(t)
	f.local(map[string]string{"docs/index.md": "# One"})
	f.start()
	f.run()
	for unread, expected := range map[string]time.Duration{"1 day": 30 * time.Minute, "8 days": time.Hour, "15 days": 2 * time.Hour, "1 year": 24 * time.Hour} {
		f.exec("update techdocs_sites set created_at = now() - interval '2 years', read_at = now() - $1::interval", unread)
		f.start()
		f.run()
		listed, _, err := f.service.Builds(t.Context(), writer, shop)
		require.NoError(t, err)
		require.WithinDuration(t, time.Now().Add(expected), listed.NextCheckAt, time.Minute, unread)
	}
	f.service.MarkRead(t.Context(), techdocs.Ref{Namespace: "default", Kind: "Component", Name: "Shop"})
	var found build.Site
	require.Eventually(t, func() bool {
		var err error
		found, _, err = f.service.Builds(t.Context(), writer, shop)
		return err == nil && time.Since(found.ReadAt) < time.Minute
	}, time.Minute, 10*time.Millisecond)
	require.WithinDuration(t, time.Now().Add(30*time.Minute), found.NextCheckAt, time.Minute, "somebody reads it again")
}

func TestWhoMayNotIsRefused(t *testing.T) {
	t.Parallel()
	f := newField(t)
	f.local(map[string]string{"docs/index.md": "# One"})
	reader := identity.Principal{Kind: identity.KindUser, Subject: "user:default/eve"}
	_, err := f.service.Start(t.Context(), reader, shop, false)
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	f.start()
	done := f.run()
	f.entities.hidden[site] = true
	_, _, err = f.service.Build(t.Context(), reader, done.ID, 0)
	require.EqualError(t, err, fmt.Sprintf("There is no build of documentation '%s'", done.ID))
	_, _, err = f.service.Builds(t.Context(), reader, shop)
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	listed, _, err := f.service.Sites(t.Context(), reader, "", false)
	require.NoError(t, err)
	require.Empty(t, listed)
	_, err = f.service.Sync(t.Context(), reader, techdocs.Ref{Kind: "component", Name: "shop"}, nil)
	require.Equal(t, fault.NotFound, fault.KindOf(err))
}

// TestALongListOfSitesNamesNoneThatIsHidden: neither among its sites nor where its next page begins.
func TestALongListOfSitesNamesNoneThatIsHidden(t *testing.T) {
	t.Parallel()
	f := newField(t)
	const hidden = 1100
	f.exec("insert into techdocs_sites (entity_ref) select 'component:default/a' || to_char(n, 'FM0000') from generate_series(1, $1::int) n", hidden+build.MaxSites+1)
	for n := range build.MaxSites + 1 {
		f.entities.put(entity.Entity{"kind": "Component", "metadata": map[string]any{"name": fmt.Sprintf("a%04d", hidden+1+n)}}, provenance.Place{})
	}
	listed, next, err := f.service.Sites(t.Context(), writer, "", false)
	require.NoError(t, err)
	require.Len(t, listed, build.MaxSites)
	require.Equal(t, []string{"component:default/a1101", "component:default/a1300", "component:default/a1300"}, []string{listed[0].Entity, listed[build.MaxSites-1].Entity, next})
	listed, next, err = f.service.Sites(t.Context(), writer, next, false)
	require.NoError(t, err)
	require.Len(t, listed, 1)
	require.Empty(t, next)
}

func TestWhatCannotBeBuiltIsRefused(t *testing.T) {
	t.Parallel()
	f := newField(t)
	other := withDocs("")
	other.SetAnnotation(build.AnnotationEntity, "component:default/docs")
	f.entities.put(other, provenance.Place{})
	_, err := f.service.Start(t.Context(), writer, shop, false)
	require.EqualError(t, err, "component:default/shop shows the documentation of component:default/docs: build that")
	f.entities.put(entity.Entity{"kind": "Component", "metadata": map[string]any{"name": "shop"}}, provenance.Place{})
	_, err = f.service.Start(t.Context(), writer, shop, false)
	require.EqualError(t, err, "No backstage.io/techdocs-ref annotation provided in entity: shop")
	f.local(nil)
	f.service.External = true
	_, err = f.service.Start(t.Context(), writer, shop, false)
	require.Equal(t, fault.Conflict, fault.KindOf(err))
	updated, err := f.service.Sync(t.Context(), writer, techdocs.Ref{Kind: "component", Name: "shop"}, nil)
	require.NoError(t, err)
	require.False(t, updated)
	require.Empty(t, f.engine.sites)
}

func TestAReaderFollowsABuild(t *testing.T) {
	t.Parallel()
	f := newField(t)
	f.local(map[string]string{"docs/index.md": "# One"})
	type result struct {
		updated bool
		err     error
		lines   []string
	}
	read := func() chan result {
		done := make(chan result, 1)
		go func() {
			var r result
			r.updated, r.err = f.service.Sync(t.Context(), writer, techdocs.Ref{Kind: "Component", Name: "Shop"}, func(line string) { r.lines = append(r.lines, line) })
			done <- r
		}()
		return done
	}
	asked := func() {
		require.Eventually(t, func() bool {
			var count int
			err := f.pool.QueryRow(t.Context(), "select count(*) from techdocs_builds where state = 'requested'").Scan(&count)
			return err == nil && count == 1
		}, time.Minute, 10*time.Millisecond)
	}
	first := read()
	asked()
	second := read() // shares the build
	f.run()
	got := <-first
	require.NoError(t, got.err)
	require.True(t, got.updated)
	require.Contains(t, strings.Join(got.lines, "\n"), "Step 3 of 3: publishing the site")
	require.NoError(t, (<-second).err)
	require.Equal(t, 1, f.renders.count())

	got = <-read()
	require.NoError(t, got.err)
	require.False(t, got.updated, "it was looked at less than a minute ago")

	f.write(map[string]string{"docs/index.md": "# broken"})
	f.exec("update techdocs_sites set checked_at = now() - interval '2 minutes'")
	third := read()
	asked()
	f.run()
	require.ErrorContains(t, (<-third).err, "docs/index.md:3: this page is broken")
}

func TestSourcesAreBounded(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		files   map[string]string
		message string
	}{
		"too large": {map[string]string{"docs/index.md": strings.Repeat("x", 1_000_001)}, "more than 1 MB of files"},
		"too many": {func() map[string]string {
			files := map[string]string{}
			for i := range 60 {
				files[fmt.Sprintf("docs/%d.md", i)] = "x"
			}
			return files
		}(), "has more than 50 files"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newField(t)
			f.local(test.files)
			f.start()
			failed := f.run()
			require.Equal(t, build.Failed, failed.State)
			require.Contains(t, failed.Failure.Message, test.message)
			require.Contains(t, failed.Failure.Message, build.AnnotationRef, "it says what to do")
		})
	}
}

func TestNothingOutsideTheTreeIsRead(t *testing.T) {
	t.Parallel()
	f := newField(t)
	secret := filepath.Join(t.TempDir(), "secret.md")
	require.NoError(t, os.WriteFile(secret, []byte("# Secret"), 0o600))
	f.local(map[string]string{"docs/index.md": "# One", "beside.md": "# Beside"})
	require.NoError(t, os.Symlink(secret, filepath.Join(f.directory, "docs", "outside.md")))
	require.NoError(t, os.Symlink("../../../../../../"+secret, filepath.Join(f.directory, "docs", "above.md")))
	require.NoError(t, os.Symlink("../beside.md", filepath.Join(f.directory, "docs", "inside.md")))
	f.start()
	require.Equal(t, build.Published, f.run().State)
	require.Empty(t, f.page("outside.html"))
	require.Empty(t, f.page("above.html"))
	require.Equal(t, "# Beside", f.page("inside.html"))
}

func TestAWorkingCopyIsBuiltAsAClone(t *testing.T) {
	t.Parallel()
	f := newField(t)
	f.local(map[string]string{"docs/index.md": "# One", "docs/draft.md": "# Draft", "docs/kept.tmp.md": "# Kept", "docs/x.tmp.md": "# X", "bin/large": strings.Repeat("x", 2_000_000),
		"node_modules/large": strings.Repeat("x", 2_000_000), "deep/out/large": strings.Repeat("x", 2_000_000),
		".gitignore": "# what is built\n/bin/\nout/\n\ndocs/draft.md\n*.tmp.md\n!kept.tmp.md\n[\n"})
	f.start()
	done := f.run()
	require.Equal(t, build.Published, done.State, "%+v", done.Failure)
	require.Equal(t, 2, done.Pages)
	require.Equal(t, []string{"# One", "# Kept", ""}, []string{f.page("index.html"), f.page("kept.tmp.html"), f.page("draft.html")})
}

func TestOldBuildsAreDeleted(t *testing.T) {
	t.Parallel()
	f := newField(t)
	f.local(map[string]string{"docs/index.md": "# One"})
	for range 3 {
		f.start()
		f.run()
	}
	f.exec("update techdocs_builds set ended_at = now() - interval '1 day'")
	more, err := f.store.DeleteBefore(t.Context(), time.Now())
	require.NoError(t, err)
	require.False(t, more)
	_, builds, err := f.service.Builds(t.Context(), writer, shop)
	require.NoError(t, err)
	require.Len(t, builds, 1, "the latest stays")
}
