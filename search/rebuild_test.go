package search_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/search"
	"github.com/portico-dev/portico/techdocs/store"
)

// rebuilt is a bench with enough for several batches: entities, APIs, a site of documentation, and runs.
type rebuilt struct {
	*bench

	sites search.Sites
}

const rebuiltEntities = 700

var job = identity.Principal{Kind: identity.KindService, Subject: "external:job"}

func newRebuilt(t *testing.T) *rebuilt {
	t.Helper()
	b := newBench(t)
	directory := t.TempDir()
	docs, err := store.Open(t.Context(), config.TechDocs{Publisher: config.TechDocsPublisher{Type: "local", Local: config.DocsFolder{PublishDirectory: directory}}}, store.Settings{})
	require.NoError(t, err)
	path := filepath.Join(directory, "default", "component", "documented", "search")
	require.NoError(t, os.MkdirAll(path, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(path, "search_index.json"), []byte(`{"docs":[{"location":"","title":"Home","text":"Hello"},{"location":"a/","title":"Guide"}]}`), 0o600))
	b.exec(`insert into catalog_entities (entity_id, entity_ref, hash, entity) select gen_random_uuid(), 'component:default/thing-' || n, '',
		json_build_object('kind', 'Component', 'metadata', json_build_object('name', 'thing-' || n, 'description', 'every thing')) from generate_series(1, $1) n`, rebuiltEntities)
	b.serve(`{"kind":"Component","metadata":{"name":"documented","annotations":{"backstage.io/techdocs-ref":"dir:."}}}`)
	b.serve(`{"kind":"API","metadata":{"name":"orders"},"spec":{"type":"openapi","definition":"{\"paths\":{\"/orders\":{\"get\":{}}}}"}}`)
	b.exec(`insert into runs (id, template_ref, title, spec, spec_digest) select gen_random_uuid(), 'template:default/hello', 'run ' || n, '{}', '' from generate_series(1, 300) n`)
	r := &rebuilt{b, search.Sites{Index: b.index, Store: docs, Every: time.Hour}}
	r.finish()
	return r
}

func (b *bench) exec(sql string, args ...any) {
	b.Helper()
	_, err := b.pool.Exec(b.Context(), sql, args...)
	require.NoError(b, err, sql)
}

// finish works off what is to be done, a rebuild too.
func (r *rebuilt) finish() {
	r.Helper()
	for isMore := true; isMore; {
		var err error
		isMore, err = r.index.RebuildNext(r.Context())
		require.NoError(r, err)
	}
	r.catchUp()
	_, err := r.sites.CatchUp(r.Context())
	require.NoError(r, err)
}

// state is all that is found, a line each.
func (r *rebuilt) state() string {
	r.Helper()
	rows, err := r.pool.Query(r.Context(), `select concat_ws(' | ', type, entity_id, entity_ref, name, title, document, body, words, facets, digest) from search_documents
		union all select concat_ws(' | ', run_id, words) from search_runs union all select word from search_vocabulary
		union all select concat_ws(' | ', entity_id, entity_ref, about, version) from search_sites order by 1`)
	require.NoError(r, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(r, err)
	return strings.Join(lines, "\n")
}

func (r *rebuilt) begin() {
	r.Helper()
	_, isNew, err := r.service(policy.AllowKnown{}).BeginRebuild(r.Context(), job)
	require.NoError(r, err)
	require.True(r, isNew)
}

func (r *rebuilt) progress() search.Rebuild {
	r.Helper()
	state, err := r.service(policy.AllowKnown{}).LastRebuild(r.Context(), job)
	require.NoError(r, err)
	return state
}

func TestADamagedIndexIsRebuilt(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string][]string{
		"emptied": {`truncate search_documents, search_runs, search_vocabulary, search_sites, search_changes`},
		"damaged": {
			`delete from search_documents where id % 3 = 0`,
			`update search_documents set body = '', words = '', facets = '{}', title = 'wrong', document = '{"title":"wrong"}'`, // the digests still say that they are right
			`insert into search_documents (type, entity_id, entity_ref, document, body, words, digest)
				select type, gen_random_uuid(), 'component:default/stray', '{}', '', '', '' from unnest(array['software-catalog', 'techdocs', 'api']) type`,
			`insert into search_documents (type, entity_id, entity_ref, document, body, words, digest)
				select 'techdocs', entity_id, entity_ref, '{}', '', '', '' from catalog_entities where entity_ref = 'component:default/thing-1'`,
			`insert into search_sites (entity_id, entity_ref, about, version) values (gen_random_uuid(), 'component:default/stray', '', '1')`,
			`update search_runs set words = 'wrong'`,
			`delete from search_runs where run_id in (select run_id from search_runs limit 100)`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRebuilt(t)
			whole := r.state()
			for _, statement := range damage {
				r.exec(statement)
			}
			require.NotEqual(t, whole, r.state())
			r.begin()
			r.finish()
			require.Equal(t, whole, r.state())
			state := r.progress()
			require.False(t, state.IsRunning())
			require.Equal(t, []int64{rebuiltEntities + 2, 300, rebuiltEntities + 302, 0}, []int64{state.Entities, state.Runs, state.Done, state.Sites})
		})
	}
}

// TestARebuildMayBeKilled: what has it in hand ends at any moment, and others carry on, while documents change.
func TestARebuildMayBeKilled(t *testing.T) {
	t.Parallel()
	r := newRebuilt(t)
	r.exec(`truncate search_documents, search_runs, search_sites`)
	r.begin()
	var all errgroup.Group
	stopped := make(chan struct{})
	all.Go(func() error {
		for n := 1; ; n++ {
			select {
			case <-stopped:
				return nil
			default:
			}
			// The first and the last that are rebuilt among them.
			_, err := r.pool.Exec(t.Context(), `update catalog_entities set entity = jsonb_set(entity::jsonb, '{metadata,title}', to_jsonb('changed ' || $1::text))::json
				where entity_ref = 'component:default/thing-' || $2::text`, fmt.Sprint(n), fmt.Sprint(n%rebuiltEntities+1))
			if err == nil && n%10 == 0 {
				_, err = r.pool.Exec(t.Context(), `delete from catalog_entities where entity_ref = 'component:default/thing-' || $1::text`, fmt.Sprint((n*7)%rebuiltEntities+1))
			}
			if err != nil {
				return err
			}
		}
	})
	killed := 0
	for n := 0; r.progress().EndedAt == nil; n++ {
		// A process that lives for so long, and then is gone.
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n+1)*5*time.Millisecond)
		_, err := search.NewIndex(r.pool, slog.New(slog.DiscardHandler), search.IndexOptions{}).RebuildNext(ctx)
		isOver := ctx.Err() != nil
		cancel()
		if err != nil && isOver {
			killed++
		} else {
			require.NoError(t, err)
		}
	}
	close(stopped)
	require.NoError(t, all.Wait())
	require.Positive(t, killed)
	r.finish()
	state := r.state()
	require.Contains(t, state, "changed")
	// An index that was made of what is served now is the same.
	r.exec(`truncate search_documents, search_runs, search_sites`)
	r.exec(`update search_state set made_with = ''`)
	r.exec(`insert into search_runs select id, search_run_words(title, subject, template_ref, created_by) from runs`)
	r.finish()
	require.Equal(t, r.state(), state)
}

// TestQueriesAnswerWhileTheIndexIsRebuilt: at each moment everything is found, once.
func TestQueriesAnswerWhileTheIndexIsRebuilt(t *testing.T) {
	t.Parallel()
	r := newRebuilt(t)
	service := r.service(policy.AllowKnown{})
	r.begin()
	again, isNew, err := service.BeginRebuild(t.Context(), job)
	require.NoError(t, err)
	require.False(t, isNew, "it goes on already")
	require.True(t, again.IsRunning())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.index.Run(ctx) }()
	asked := 0
	for r.progress().EndedAt == nil {
		asked++
		answer, err := service.Search(t.Context(), ann, search.Ask{Text: "every", Types: []string{search.TypeCatalog}, Limit: 1})
		require.NoError(t, err)
		require.Equal(t, rebuiltEntities, answer.Groups[0].Count)
	}
	require.Greater(t, asked, 1)
	r.serve(`{"kind":"Component","metadata":{"name":"later"}}`)
	r.begin() // the first has ended
	require.Eventually(t, func() bool { return r.progress().EndedAt != nil }, time.Minute, 10*time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
	var count int
	require.NoError(t, r.pool.QueryRow(t.Context(), "select count(*) from audit_events where action = 'search.rebuild'").Scan(&count))
	require.Equal(t, 2, count)
}

// TestWhatChangesIsFoundDuringARebuild: it does not wait for its turn.
func TestWhatChangesIsFoundDuringARebuild(t *testing.T) {
	t.Parallel()
	r := newRebuilt(t)
	r.begin()
	// The last in the order in which entities are written again.
	r.exec(`insert into catalog_entities (entity_id, entity_ref, hash, entity) values ($1, 'component:default/new', '', '{"kind":"Component","metadata":{"name":"new"}}')`, uuid.Max)
	isMore, err := r.index.RebuildNext(t.Context())
	require.NoError(t, err)
	require.True(t, isMore)
	r.catchUp()
	require.Contains(t, r.titles(search.TypeCatalog), "new")
	require.Nil(t, r.progress().EndedAt)
}

func TestWhoMayRebuildTheIndex(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	service := b.service(policytest.Table{policy.SearchIndexUpdate: policytest.Deny})
	_, _, err := service.BeginRebuild(t.Context(), ann)
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	_, err = service.LastRebuild(t.Context(), ann)
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	_, _, err = b.service(policy.AllowKnown{}).BeginRebuild(t.Context(), ann)
	require.Equal(t, fault.NotAllowed, fault.KindOf(err), "a person without a role")
	_, err = b.service(policy.AllowKnown{}).LastRebuild(t.Context(), job)
	require.Equal(t, fault.NotFound, fault.KindOf(err))
}
