package sweep_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/sweep"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/internal/testkit"
)

// source is the name of the source of these tests.
const source = "json-provider:org"

// place is where its entities are found.
var place = entity.LocationSpec{Type: "url", Target: "https://example.com/org"}

// named is a provider that is only known by name: the tests read its pages themselves.
type named string

func (n named) Name() string { return string(n) }

func (n named) ReadPage(context.Context, string) (provider.Page, error) { return provider.Page{}, nil }

// bench is a store with a database of its own and one source.
type bench struct {
	*testing.T
	pool  *pgxpool.Pool
	store *sweep.Store
	runs  int
}

func newBench(t *testing.T) *bench {
	t.Helper()
	pool := testkit.Database(t)
	b := &bench{T: t, pool: pool, store: sweep.NewStore(sweep.StoreOptions{Pool: pool})}
	b.configure(source)
	return b
}

func (b *bench) configure(names ...string) {
	b.Helper()
	require.NoError(b, b.store.Configure(b.Context(), configured(names...)))
}

func configured(names ...string) []provider.Source {
	var sources []provider.Source
	for _, name := range names {
		sources = append(sources, provider.Source{Provider: named(name), Kind: "json", Place: "example.com/org", Schedule: provider.Schedule{Every: time.Hour}})
	}
	return sources
}

// begin begins a sweep of a source.
func (b *bench) begin(of string) sweep.Progress {
	b.Helper()
	b.runs++
	progress, err := b.store.Begin(b.Context(), sweep.BeginRequest{Source: of, WorkflowID: sweep.WorkflowID(of), RunID: fmt.Sprintf("run %d of %s", b.runs, of)})
	require.NoError(b, err)
	return progress
}

// stage stages a page where the sweep is.
func (b *bench) stage(progress sweep.Progress, page provider.Page) sweep.Progress {
	b.Helper()
	at, err := b.store.Point(b.Context(), progress.ID)
	require.NoError(b, err)
	staged, err := b.store.Stage(b.Context(), at, page)
	require.NoError(b, err)
	return staged
}

// read makes a sweep that has read these pages.
func (b *bench) read(of string, pages ...provider.Page) sweep.Progress {
	b.Helper()
	progress := b.begin(of)
	for i, page := range pages {
		if i < len(pages)-1 {
			page.Next = fmt.Sprint(i + 1)
		}
		progress = b.stage(progress, page)
	}
	return progress
}

func (b *bench) commit(progress sweep.Progress) sweep.Progress {
	b.Helper()
	committed, err := b.store.Commit(b.Context(), progress.ID)
	require.NoError(b, err)
	return committed
}

// sweep makes a whole sweep.
func (b *bench) sweep(of string, pages ...provider.Page) sweep.Progress {
	b.Helper()
	return b.commit(b.read(of, pages...))
}

// column is the first column of a query.
func (b *bench) column(sql string, args ...any) []string {
	b.Helper()
	rows, err := b.pool.Query(b.Context(), sql, args...)
	require.NoError(b, err)
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(b, err)
	return found
}

// refs are the names of the entities in the catalog, with a description.
func (b *bench) refs() []string {
	b.Helper()
	return b.column("select split_part(entity_ref, '/', 2) || coalesce('=' || (unprocessed -> 'metadata' ->> 'description'), '') from catalog_states order by 1")
}

// catalogDigest is a checksum of the catalog without the record of sweeps.
func (b *bench) catalogDigest() string {
	b.Helper()
	var parts []string
	for _, table := range []string{"catalog_states", "catalog_references", "catalog_conflicts", "catalog_stitches", "catalog_files"} {
		parts = append(parts, b.column("select coalesce(md5(string_agg(r.xmin::text || r::text, '' order by r::text)), '') from "+table+" r")...)
	}
	return strings.Join(parts, " ")
}

func (b *bench) requireUnstaged() {
	b.Helper()
	require.Empty(b, b.column("select entity_ref from catalog_sweep_entities union all select url from catalog_sweep_files"))
}

// component is an entity of the source. A name may have a description after "=".
func component(name string) provider.Entity {
	name, description, has := strings.Cut(name, "=")
	metadata := map[string]any{"name": name}
	if has {
		metadata["description"] = description
	}
	return provider.Entity{Location: place, Entity: entity.Entity{"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": metadata,
		"spec": map[string]any{"type": "service", "lifecycle": "production", "owner": "team"}}}
}

func page(names ...string) provider.Page {
	p := provider.Page{Requests: 1}
	for _, name := range names {
		p.Entities = append(p.Entities, component(name))
	}
	return p
}

// many are names with numbers from and up to.
func many(from, to int) []string {
	var names []string
	for i := from; i < to; i++ {
		names = append(names, fmt.Sprintf("c%03d", i))
	}
	return names
}

func TestASweepMakesTheCatalogWhatTheSourceHas(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	done := b.sweep(source, page("a", "b"), page("c"))
	require.Equal(t, sweep.Committed, done.State)
	require.Equal(t, []int{2, 2, 3, 3, 0, 0}, []int{done.Pages, done.Requests, done.Entities, done.Added, done.Changed, done.Removed})
	require.Equal(t, []string{"a", "b", "c"}, b.refs())
	b.requireUnstaged()

	before := b.catalogDigest()
	done = b.sweep(source, page("c", "a"), page("b"))
	require.Equal(t, []int{3, 0, 0, 0}, []int{done.Entities, done.Added, done.Changed, done.Removed})
	require.Equal(t, before, b.catalogDigest(), "nothing is written without a change")

	done = b.sweep(source, page("a"), page("b=changed", "d"))
	require.Equal(t, []int{1, 1, 1}, []int{done.Added, done.Changed, done.Removed})
	require.Equal(t, []string{"a", "b=changed", "d"}, b.refs())
	require.Equal(t, []string{"sweep.commit", "sweep.commit"}, b.column("select action from audit_events where action like 'sweep.%'"), "one event for each change")
}

func TestOnlyACompleteSweepChangesTheCatalog(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.sweep(source, page("a", "b"))
	before := b.catalogDigest()
	for _, end := range []sweep.State{sweep.Failed, sweep.Cancelled, sweep.Dropped} {
		progress := b.begin(source)
		first := page("new")
		first.Next, first.Files = "2", []provider.File{{URL: "https://example.com/f", ETag: "1", Body: []byte("x")}}
		progress = b.stage(progress, first)
		require.Equal(t, sweep.Reading, progress.State)
		require.Equal(t, sweep.Reading, b.commit(progress).State, "an incomplete sweep cannot be committed")
		require.Equal(t, before, b.catalogDigest())
		ended, err := b.store.End(t.Context(), sweep.EndRequest{ID: progress.ID, State: end, Failure: &fault.Failure{Name: "Error", Message: "the host is gone"}})
		require.NoError(t, err)
		require.Equal(t, end, ended.State)
		require.Equal(t, "the host is gone", ended.Failure.Message)
		require.Equal(t, end, b.commit(progress).State)
		require.Equal(t, end, b.stage(progress, page("a")).State)
		require.Equal(t, before, b.catalogDigest())
		b.requireUnstaged()
	}
}

// TestAPageCountsOnce although the activity that reads it runs twice, or ends when the sweep is further already.
func TestAPageCountsOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	progress := b.begin(source)
	start, err := b.store.Point(t.Context(), progress.ID)
	require.NoError(t, err)
	first := page("a", "a", "b")
	first.Next = "2"
	for range 3 {
		staged, err := b.store.Stage(t.Context(), start, first)
		require.NoError(t, err)
		require.Equal(t, []int{1, 1, 2}, []int{staged.Pages, staged.Requests, staged.Entities})
	}
	last := b.stage(progress, page("b", "c"))
	require.Equal(t, sweep.Complete, last.State)
	require.Equal(t, 3, last.Entities, "an entity of two pages counts once")
	late, err := b.store.Stage(t.Context(), start, first)
	require.NoError(t, err)
	require.Equal(t, last, late)
	require.Equal(t, 3, b.commit(progress).Added)
	require.Equal(t, sweep.Committed, b.commit(progress).State, "a commit that is repeated changes nothing")
}

func TestASweepThatWouldRemoveTooMuchWaits(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		limit string
		had   int
		keeps int
		once  *int
		waits bool
	}{
		"a fifth":                         {"", 200, 160, nil, false},
		"more than a fifth":               {"", 200, 159, nil, true},
		"few, although they are all":      {"", 20, 0, nil, false},
		"all":                             {"", 21, 0, nil, true},
		"a share of one's own":            {"50%", 200, 101, nil, false},
		"a number":                        {"5", 200, 194, nil, true},
		"a number that is not reached":    {"5", 200, 195, nil, false},
		"raised once":                     {"", 200, 100, new(100), false},
		"raised once, and more than that": {"", 200, 99, new(100), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			limit, err := sweep.ParseLimit(test.limit)
			require.NoError(t, err)
			b.store = sweep.NewStore(sweep.StoreOptions{Pool: b.pool, Limit: limit})
			b.sweep(source, page(many(0, test.had)...))
			before := b.catalogDigest()
			if test.once != nil {
				_, err := newService(b).Start(t.Context(), operator, source, test.once)
				require.NoError(t, err)
			}
			// New entities do not make the share of those that go smaller.
			done := b.sweep(source, page(append(many(0, test.keeps), many(500, 700)...)...))
			if !test.waits {
				require.Equal(t, sweep.Committed, done.State)
				require.Equal(t, test.had-test.keeps, done.Removed)
				return
			}
			require.Equal(t, sweep.Waiting, done.State)
			require.Equal(t, []int{200, test.had - test.keeps}, []int{done.Added, done.Removed})
			require.Equal(t, before, b.catalogDigest())
		})
	}
}

func TestAnUnknownLimitIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"many", "-1", "120%", "1.5", "%"} {
		_, err := sweep.ParseLimit(text)
		require.Equal(t, fault.Input, fault.KindOf(err), text)
	}
}

// TestWhatIsBelowCounts: removing one Location removes all that came from its file.
func TestWhatIsBelowCounts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.sweep(source, page("root", "other"))
	for _, name := range many(0, 40) {
		_, err := b.pool.Exec(t.Context(), `with s as (insert into catalog_states (entity_id, entity_ref, unprocessed, unprocessed_hash)
			values (gen_random_uuid(), 'component:default/' || $1, '{}', '') returning entity_ref)
			insert into catalog_references (source_ref, target_ref) select 'component:default/root', entity_ref from s`, name)
		require.NoError(t, err)
	}
	done := b.sweep(source, page("other"))
	require.Equal(t, sweep.Waiting, done.State)
	require.Equal(t, 41, done.Removed)
}

// TestTheDatabaseThatLostRowsRemovesNothing: what is missing among the staged entities looks like what is gone.
func TestTheDatabaseThatLostRowsRemovesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.sweep(source, page("a", "b"))
	progress := b.read(source, page("a", "b"))
	_, err := b.pool.Exec(t.Context(), "delete from catalog_sweep_entities where entity_ref like '%b'")
	require.NoError(t, err)
	_, err = b.store.Commit(t.Context(), progress.ID)
	require.ErrorContains(t, err, "2 entities were staged, and 1 are there")
	require.Equal(t, fault.Conflict, fault.KindOf(err))
	require.Equal(t, []string{"a", "b"}, b.refs())
}

func TestOneSweepOfASourceAtATime(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first := b.begin(source)
	again, err := b.store.Begin(t.Context(), sweep.BeginRequest{Source: source, WorkflowID: sweep.WorkflowID(source), RunID: "run 1 of " + source})
	require.NoError(t, err)
	require.Equal(t, first, again, "the same workflow begins once")

	second := b.begin(source)
	lost := b.stage(first, page("a"))
	require.Equal(t, sweep.Failed, lost.State, "its workflow is gone, or there would be no second one")
	require.Equal(t, "WorkflowLostError", lost.Failure.Name)
	require.Equal(t, sweep.Complete, b.stage(second, page("a")).State)

	_, err = b.store.Begin(t.Context(), sweep.BeginRequest{Source: "none", WorkflowID: "w", RunID: "r"})
	require.Equal(t, fault.NotFound, fault.KindOf(err))
}

func TestPagesThatCannotBeStoredFailTheSweep(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	at, err := b.store.Point(t.Context(), b.begin(source).ID)
	require.NoError(t, err)
	nameless := component("x")
	delete(nameless.Metadata(), "name")
	for name, bad := range map[string]provider.Page{
		"an entity without a name":  {Entities: []provider.Entity{component("a"), nameless}},
		"a cursor that is too long": {Next: strings.Repeat("x", provider.MaxCursor+1)},
		"a place that is too long": {Entities: []provider.Entity{{Entity: component("a").Entity,
			Location: entity.LocationSpec{Type: "url", Target: "https://example.com/" + strings.Repeat("x", 2000)}}}},
	} {
		_, err := b.store.Stage(t.Context(), at, bad)
		require.Error(t, err, name)
		require.NotEmpty(t, fault.KindOf(err), "it would come again: %s", name)
	}
	b.requireUnstaged()
}

// TestAnEntityThatMovedStays: the source has it in another place than before.
func TestAnEntityThatMovedStays(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.sweep(source, page("a"))
	moved := component("a")
	moved.Location.Target = "https://example.com/renamed"
	done := b.sweep(source, provider.Page{Entities: []provider.Entity{moved}})
	require.Equal(t, []int{0, 1, 0}, []int{done.Added, done.Changed, done.Removed})
	require.Equal(t, []string{"url:https://example.com/renamed"}, b.column("select location_key from catalog_states"))
}

// TestAConflictIsKeptUntilItEnds: the first place keeps the reference, and the other gets it when it is free.
func TestAConflictIsKeptUntilItEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.configure(source, "json-provider:other")
	b.sweep(source, page("a", "b"))
	claim := component("a=claimed")
	claim.Location.Target = "https://example.com/other"
	claims := provider.Page{Entities: []provider.Entity{claim}}
	require.Equal(t, 0, b.sweep("json-provider:other", claims).Added)
	conflicts := func() []string {
		return b.column("select entity_ref || ' ' || holder_key || ' ' || claimant_key || ' ' || claimant_ref from catalog_conflicts")
	}
	kept := []string{"component:default/a url:https://example.com/org url:https://example.com/other source:json-provider:other"}
	require.Equal(t, kept, conflicts())
	since := b.column("select first_seen_at::text from catalog_conflicts")
	b.sweep("json-provider:other", claims)
	require.Equal(t, kept, conflicts())
	require.Equal(t, since, b.column("select first_seen_at::text from catalog_conflicts"))

	b.sweep(source, page("b"))
	require.Equal(t, 1, b.sweep("json-provider:other", claims).Added)
	require.Empty(t, conflicts())
	require.Equal(t, []string{"a=claimed", "b"}, b.refs())
}

// TestASourceRemovesOnlyItsOwn: what another source emits too stays.
func TestASourceRemovesOnlyItsOwn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.configure(source, "json-provider:other")
	b.sweep(source, page("a", "b"))
	b.sweep("json-provider:other", page("b", "c"))
	require.Equal(t, 1, b.sweep(source, page()).Removed)
	require.Equal(t, []string{"b", "c"}, b.refs())
}

func TestFilesAreKeptWithTheCommit(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	files := sweep.NewFiles(b.pool)
	url := place.Target
	stored := func() *processing.StoredFile {
		found, err := files.StoredFile(t.Context(), url)
		require.NoError(t, err)
		return found
	}
	due := func() bool {
		return slices.Contains(b.column("select entity_ref from catalog_states where next_update_at <= now()"), "component:default/a")
	}
	later := func() {
		_, err := b.pool.Exec(t.Context(), "update catalog_states set next_update_at = now() + interval '1 day'")
		require.NoError(t, err)
	}
	with := func(etag, body string) provider.Page {
		p := page("a")
		p.Files = []provider.File{{URL: url, ETag: etag, Body: []byte(body)}}
		return p
	}
	progress := b.read(source, with("1", "one"))
	require.Nil(t, stored(), "not before the commit")
	b.commit(progress)
	require.Equal(t, &processing.StoredFile{URL: url, ETag: "1", Body: []byte("one")}, stored())

	later()
	b.sweep(source, with("1", "one"))
	require.False(t, due(), "it has not changed")
	b.sweep(source, with("2", "two"))
	require.True(t, due(), "what reads it is processed")
	require.Equal(t, "two", string(stored().Body))

	require.NoError(t, pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error {
		_, err := processing.NewState().Refresh(t.Context(), tx, "component:default/a")
		return err
	}))
	require.Nil(t, stored(), "a refresh asks the host")
	later()
	b.sweep(source, with("2", "two"))
	require.True(t, due(), "and the next sweep brings the file again")

	_, err := b.pool.Exec(t.Context(), "update catalog_sources set kind = 'awsS3'")
	require.NoError(t, err)
	require.NoError(t, pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error {
		_, err := processing.NewState().Refresh(t.Context(), tx, "component:default/a")
		return err
	}))
	require.Equal(t, "two", string(stored().Body), "no host can be asked for what is in a bucket")

	later()
	b.sweep(source, page("a"))
	require.Nil(t, stored())
	require.True(t, due(), "the host is asked now")
}

// TestWhatHasNotChangedIsTakenFromTheStore: a page without bodies leaves the catalog as it is, and one whose files were
// forgotten meanwhile is read again.
func TestWhatHasNotChangedIsTakenFromTheStore(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	url := place.Target
	with := func(etag string, body []byte) provider.Page {
		p := page("a")
		p.Files = []provider.File{{URL: url, ETag: etag, Body: body}, {URL: provider.AbsentURL("https://example.com/b"), ETag: "7", Body: []byte{}}}
		return p
	}
	known := func() map[string]string {
		found, err := b.store.Known(source)(t.Context(), []string{url, provider.AbsentURL("https://example.com/b"), "https://example.com/c"})
		require.NoError(t, err)
		return found
	}
	later := func() {
		_, err := b.pool.Exec(t.Context(), "update catalog_states set next_update_at = now() + interval '1 day'")
		require.NoError(t, err)
	}
	due := func() bool {
		return len(b.column("select entity_ref from catalog_states where next_update_at <= now()")) > 0
	}
	require.Empty(t, known())
	b.sweep(source, with("1", []byte("one")))
	require.Equal(t, map[string]string{url: "1", provider.AbsentURL("https://example.com/b"): "7"}, known())

	later()
	b.sweep(source, with("1", nil))
	require.Equal(t, []string{"one"}, b.column("select convert_from(body, 'utf8') from catalog_files where body <> ''"))
	require.False(t, due(), "nothing has changed")
	b.sweep(source, with("2", []byte("one")))
	require.False(t, due(), "another ETag is no other content")
	require.Equal(t, "2", known()[url])

	_, err := b.pool.Exec(t.Context(), "delete from catalog_files where url = $1", url)
	require.NoError(t, err)
	progress := b.begin(source)
	at, err := b.store.Point(t.Context(), progress.ID)
	require.NoError(t, err)
	_, err = b.store.Stage(t.Context(), at, with("2", nil))
	require.ErrorContains(t, err, "were forgotten while the page was read")
	_, passes := integration.MayPass(err)
	require.True(t, passes)
	b.requireUnstaged()
	require.Equal(t, []string{"a"}, b.refs(), "nothing is removed because of it")
	b.stage(progress, with("2", []byte("one")))
	b.commit(progress)
	require.Equal(t, "2", known()[url])
}
