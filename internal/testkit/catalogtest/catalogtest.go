// Package catalogtest fills a database with a catalog that is large enough to show a bad plan. It writes the
// tables in the state after processing; other tests cover processing itself.
package catalogtest

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit"
)

//go:embed fill.sql
var fill string

const fillTimeout = 15 * time.Minute

// Fill writes a catalog of this many entities, a multiple of 20, into an empty database. Entity n is called
// kind-n ("component-1", "group-19"), or generated-n for a location; fill.sql defines its kind and owner.
func Fill(t testing.TB, pool *pgxpool.Pool, entities int) {
	t.Helper()
	write(t, pool, entities)
	testkit.Vacuum(t, pool, "catalog_states", "catalog_references", "catalog_relations", "catalog_locations", "catalog_entities", "catalog_search")
}

// write executes the statements on one connection, because temporary tables are part of them.
func write(t testing.TB, pool *pgxpool.Pool, entities int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), fillTimeout)
	defer cancel()
	connection, err := pool.Acquire(ctx)
	require.NoError(t, err)
	defer connection.Release()
	for statement := range strings.SplitSeq(fmt.Sprintf(fill, entities), ";\n\n") {
		_, err := connection.Exec(ctx, statement)
		require.NoError(t, err, statement)
	}
}
