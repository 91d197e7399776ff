package processing_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
)

// readFaults are what a host can do in place of a file.
var readFaults = map[string]http.HandlerFunc{
	"too many requests":         answer(http.StatusTooManyRequests, ""),
	"not authenticated":         answer(http.StatusUnauthorized, ""),
	"not permitted":             answer(http.StatusForbidden, ""),
	"not found":                 answer(http.StatusNotFound, ""),
	"an internal error":         answer(http.StatusInternalServerError, ""),
	"a gateway's timeout":       answer(http.StatusGatewayTimeout, ""),
	"no answer":                 func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	"a page to sign in":         answer(http.StatusOK, "<html>Please sign in</html>"),
	"a document that ends soon": answer(http.StatusOK, "apiVersion: backstage.io/v1alpha1\nkind: Component\nmeta"),
	"a truncated answer": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte("apiVersion: backstage.io/v1alpha1\n"))
		panic(http.ErrAbortHandler)
	},
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// TestNoErrorOfALocationRemovesAnything: configured and registered locations are no sources with sweeps, and keep the same promise.
// Each fault comes at each file of a tree in turn: what came from there stays, what is wrong is shown, and it passes.
func TestNoErrorOfALocationRemovesAnything(t *testing.T) {
	t.Parallel()
	const files = 4
	for name, fault := range readFaults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			contents, targets, refs := map[string]string{}, []string{}, []string{}
			for n := range files {
				file := fmt.Sprintf("part-%d.yaml", n)
				contents[file] = fmt.Sprintf(component, fmt.Sprint("part-", n), "", "team-a")
				targets, refs = append(targets, "./"+file), append(refs, fmt.Sprint("component:default/part-", n))
			}
			contents["all.yaml"] = fmt.Sprintf(location, strings.Join(targets, ", "))
			b := newBench(t, contents, processing.Options{OrphanInterval: 20 * time.Millisecond})
			root := b.bring("all.yaml")[0].Ref
			b.awaitServed(append(refs, root, "location:default/all")...)
			b.settled()
			before := b.uids()
			for file := range contents {
				b.site.fail(file, fault)
				reader := "location:default/all"
				if file == "all.yaml" {
					reader = root
				}
				b.refresh(reader)
				b.eventually("the error is shown", func() bool { return len(b.complaints(reader)) == 1 })
				b.settled()
				require.Equal(t, before, b.uids(), "%s is not readable", file)
				b.site.fail(file, nil)
				b.refresh(reader)
				b.eventually("it has passed", func() bool { return len(b.complaints(reader)) == 0 })
				b.settled()
				require.Equal(t, before, b.uids(), "%s is readable again", file)
			}
			require.Zero(t, b.count("select count(*) from catalog_entities where entity::jsonb -> 'metadata' -> 'annotations' ? 'backstage.io/orphan'"))
		})
	}
}

// uids are the ids of all served entities, which an entity that is removed and found again does not keep.
func (b *bench) uids() []string {
	b.Helper()
	rows, err := b.pool.Query(b.Context(), "select entity_ref || ' ' || entity_id::text from catalog_entities order by entity_ref")
	require.NoError(b, err)
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(b, err)
	return found
}

// TestALocationsListIsReplacedWholeOrNotAtAll: the list of the configuration is known as a whole, and becomes the catalog's in one
// transaction. One that fails at its end has changed nothing.
func TestALocationsListIsReplacedWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{}, processing.Options{Paused: true})
	list := func(names ...string) (emitted []processing.Emitted) {
		for _, name := range names {
			spec := entity.LocationSpec{Type: "url", Target: b.site.URL + "/" + name}
			one, err := processing.Emit(entity.LocationEntity(spec), nil, spec)
			require.NoError(t, err)
			emitted = append(emitted, one)
		}
		return emitted
	}
	emits := func() int {
		return b.count("select count(*) from catalog_references where source_key = $1", processing.SourceConfig)
	}
	b.change(func(ctx context.Context, tx pgx.Tx) error {
		return b.state.Replace(ctx, tx, processing.SourceConfig, list("a.yaml", "b.yaml", "c.yaml"))
	})
	require.Equal(t, 3, emits())
	err := processing.Transact(t.Context(), b.pool, func(tx pgx.Tx) error {
		if err := b.state.Replace(t.Context(), tx, processing.SourceConfig, list("d.yaml")); err != nil {
			return err
		}
		return context.Canceled // the process dies
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 3, emits())
	b.change(func(ctx context.Context, tx pgx.Tx) error {
		return b.state.Replace(ctx, tx, processing.SourceConfig, list("c.yaml", "d.yaml"))
	})
	require.Equal(t, 2, emits())
	require.Equal(t, 1, b.count("select count(*) from catalog_states where unprocessed -> 'spec' ->> 'target' like '%/d.yaml'"))
}
