package search_test

import (
	"encoding/json"
	"log/slog"
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
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/search"
	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/store"
)

// bench is a database with an index.
type bench struct {
	*testing.T

	pool  *pgxpool.Pool
	index *search.Index
}

func newBench(t *testing.T) *bench {
	t.Helper()
	pool := testkit.Database(t)
	return &bench{t, pool, search.NewIndex(pool, slog.New(slog.DiscardHandler), search.IndexOptions{})}
}

// serve serves an entity, as stitching would.
func (b *bench) serve(document string) {
	b.Helper()
	var e entity.Entity
	require.NoError(b, json.Unmarshal([]byte(document), &e), document)
	id, ref := uuid.New(), strings.ToLower(e.Kind()+":"+e.Namespace()+"/"+e.Name())
	require.NoError(b, pgx.BeginFunc(b.Context(), b.pool, func(tx pgx.Tx) error {
		err := tx.QueryRow(b.Context(), `insert into catalog_entities (entity_id, entity_ref, hash, entity) values ($1, $2, '', $3)
			on conflict (entity_ref) do update set entity = excluded.entity returning entity_id`, id, ref, document).Scan(&id)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(b.Context(), "delete from catalog_search where entity_id = $1", id); err != nil {
			return err
		}
		for _, row := range entity.SearchRows(e, entity.ServedRelations(e)) {
			if _, err := tx.Exec(b.Context(), "insert into catalog_search (entity_id, kind, key, value, original_value) values ($1, $2, $3, $4, $5)",
				id, strings.ToLower(e.Kind()), row.Key, withoutNUL(row.Value), withoutNUL(row.OriginalValue)); err != nil {
				return err
			}
		}
		return nil
	}))
}

func withoutNUL(value *string) *string {
	if value == nil {
		return nil
	}
	return new(strings.ReplaceAll(*value, "\x00", "\uFFFD"))
}

// catchUp brings the index up to date.
func (b *bench) catchUp() {
	b.Helper()
	for {
		done, err := b.index.CatchUp(b.Context())
		require.NoError(b, err)
		if done == 0 {
			return
		}
	}
}

func (b *bench) replaceDocs(ref string, sections ...techdocs.Section) {
	b.Helper()
	require.NoError(b, pgx.BeginFunc(b.Context(), b.pool, func(tx pgx.Tx) error {
		return b.index.ReplaceDocs(b.Context(), tx, ref, sections)
	}))
}

// titles are the titles of the documents of a type.
func (b *bench) titles(kind string) []string {
	b.Helper()
	rows, err := b.pool.Query(b.Context(), "select document ->> 'title' from search_documents where type = $1 order by 1", kind)
	require.NoError(b, err)
	titles, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(b, err)
	return titles
}

func TestDocumentsFollowTheirEntities(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.serve(`{"kind":"Component","metadata":{"name":"shop"},"spec":{"type":"service"}}`)
	b.serve(`{"kind":"API","metadata":{"name":"orders","description":"a\u0000b"},"spec":{"type":{"odd":true},"profile":"odd"}}`)
	b.catchUp()
	require.Equal(t, []string{"orders", "shop"}, b.titles(search.TypeCatalog))

	b.serve(`{"kind":"Component","metadata":{"name":"shop","title":"The Shop"},"spec":{"type":"service"}}`)
	b.replaceDocs("Component:default/Shop", techdocs.Section{Title: "A &amp; B", Text: "first"}, techdocs.Section{Title: "Set up", Location: "guide/#set-up"})
	b.replaceDocs("component:default/unknown", techdocs.Section{Title: "Lost"})
	b.catchUp()
	require.Equal(t, []string{"The Shop", "orders"}, b.titles(search.TypeCatalog))
	require.Equal(t, []string{"A & B", "Set up"}, b.titles(search.TypeDocs))
	b.replaceDocs("component:default/shop", techdocs.Section{Title: "New"})
	require.Equal(t, []string{"New"}, b.titles(search.TypeDocs))

	_, err := b.pool.Exec(t.Context(), "delete from catalog_entities where entity_ref = 'component:default/shop'")
	require.NoError(t, err)
	require.Equal(t, []string{"orders"}, b.titles(search.TypeCatalog), "at once, not when somebody catches up")
	require.Empty(t, b.titles(search.TypeDocs))
}

// Queries would have to look through a list of words that were not merged into their index.
func TestTheWordsOfABatchAreMergedIntoTheirIndexes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.serve(`{"kind":"API","metadata":{"name":"orders"},"spec":{"type":"openapi","definition":"paths: {/orders: {get: {summary: list}}}"}}`)
	b.catchUp()
	require.Equal(t, []string{"GET /orders"}, b.titles(search.TypeAPI))
	_, err := b.pool.Exec(t.Context(), "create extension pgstattuple")
	require.NoError(t, err)
	var lists, waiting int
	require.NoError(t, b.pool.QueryRow(t.Context(), `
		select count(*) filter (where c.reloptions @> '{fastupdate=on}'), sum((pgstatginindex(c.oid)).pending_tuples)
		from pg_index x join pg_class c on c.oid = x.indexrelid join pg_am a on a.oid = c.relam
		where x.indrelid in ('search_entities'::regclass, 'search_apis'::regclass) and a.amname = 'gin'`).Scan(&lists, &waiting))
	require.Equal(t, 6, lists)
	require.Zero(t, waiting)
}

func TestOtherSettingsMakeAllDocumentsAnew(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.serve(`{"kind":"Component","metadata":{"name":"shop"}}`)
	b.catchUp()
	b.index = search.NewIndex(b.pool, slog.New(slog.DiscardHandler), search.IndexOptions{Language: "german", Places: search.Places{Catalog: "/c/:name"}})
	b.catchUp()
	var location string
	require.NoError(t, b.pool.QueryRow(t.Context(), "select document ->> 'location' from search_entities").Scan(&location))
	require.Equal(t, "/c/shop", location)
}

func TestSectionsFollowWhatOthersPublish(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	directory := t.TempDir()
	docs, err := store.Open(t.Context(), config.TechDocs{Publisher: config.TechDocsPublisher{Type: "local", Local: config.DocsFolder{PublishDirectory: directory}}}, store.Settings{})
	require.NoError(t, err)
	sites := search.Sites{Index: b.index, Store: docs, Every: time.Nanosecond}
	publish := func(index string) {
		path := filepath.Join(directory, "default", "component", "shop", "search")
		require.NoError(t, os.MkdirAll(path, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(path, "search_index.json"), []byte(index), 0o600))
	}
	look := func() {
		b.catchUp()
		_, err := sites.CatchUp(t.Context())
		require.NoError(t, err)
	}
	b.serve(`{"kind":"Component","metadata":{"name":"shop","annotations":{"backstage.io/techdocs-ref":"dir:."}}}`)
	look()
	require.Empty(t, b.titles(search.TypeDocs))
	publish(`{"docs":[{"location":"","title":"Home","text":"Hello"},{"location":"#a","title":"A"}]}`)
	look()
	require.Equal(t, []string{"A", "Home"}, b.titles(search.TypeDocs))
	publish(`{"docs":[`)
	look()
	require.Equal(t, []string{"A", "Home"}, b.titles(search.TypeDocs), "a broken index replaces nothing")
	publish(`{"docs":[{"location":"","title":"Other","text":"Hello"}]}`)
	look()
	require.Equal(t, []string{"Other"}, b.titles(search.TypeDocs))

	sites.Every = time.Hour
	look()
	b.serve(`{"kind":"Component","metadata":{"name":"shop","title":"The Shop","annotations":{"backstage.io/techdocs-ref":"dir:."}}}`)
	look()
	var title string
	require.NoError(t, b.pool.QueryRow(t.Context(), "select document ->> 'entityTitle' from search_sections").Scan(&title))
	require.Equal(t, "The Shop", title, "sections say what their entity is called now")

	b.serve(`{"kind":"Component","metadata":{"name":"shop","title":"The Shop"}}`)
	look()
	require.Empty(t, b.titles(search.TypeDocs), "there is no page to which they lead")
	b.serve(`{"kind":"Component","metadata":{"name":"shop","title":"The Shop","annotations":{"backstage.io/techdocs-ref":"dir:."}}}`)
	look()
	require.Equal(t, []string{"Other"}, b.titles(search.TypeDocs), "the site was there all the time")
	require.NoError(t, os.RemoveAll(filepath.Join(directory, "default")))
	_, err = b.pool.Exec(t.Context(), "update search_sites set due_at = now()")
	require.NoError(t, err)
	look()
	require.Empty(t, b.titles(search.TypeDocs))
}

// TestSectionsThatTwoReplaceAreThereOnce: a build that has published and a look at the site may do it at the same moment.
func TestSectionsThatTwoReplaceAreThereOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.serve(`{"kind":"Component","metadata":{"name":"shop"}}`)
	b.catchUp()
	first, err := b.pool.Begin(t.Context())
	require.NoError(t, err)
	require.NoError(t, b.index.ReplaceDocs(t.Context(), first, "component:default/shop", []techdocs.Section{{Title: "Home"}}))
	second := make(chan error, 1)
	go func() {
		second <- pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error {
			return b.index.ReplaceDocs(t.Context(), tx, "component:default/shop", []techdocs.Section{{Title: "Home"}})
		})
	}()
	select {
	case err := <-second:
		require.NoError(t, err)
		require.Fail(t, "the second did not wait for the first")
	case <-b.waiting():
	}
	require.NoError(t, first.Commit(t.Context()))
	require.NoError(t, <-second)
	require.Equal(t, []string{"Home"}, b.titles(search.TypeDocs))
}

// waiting is closed when a transaction waits for a lock of another one.
func (b *bench) waiting() <-chan struct{} {
	found := make(chan struct{})
	go func() {
		for b.Context().Err() == nil {
			var is bool
			if err := b.pool.QueryRow(b.Context(), "select exists (select from pg_locks l join pg_database d on d.oid = l.database where d.datname = current_database() and not l.granted)").Scan(&is); err == nil && is {
				close(found)
				return
			}
		}
	}()
	return found
}
