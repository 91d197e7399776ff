package testkit

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

const vacuumTimeout = 5 * time.Minute

// Vacuum vacuums and analyzes tables until all their rows are visible to all transactions, on which plans with
// index-only scans depend. A concurrent analysis by Postgres keeps a vacuum from marking them, which happens on a busy
// machine.
func Vacuum(t testing.TB, pool *pgxpool.Pool, tables ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), vacuumTimeout)
	defer cancel()
	for seen := false; !seen; {
		_, err := pool.Exec(ctx, "vacuum analyze "+strings.Join(tables, ", "))
		require.NoError(t, err)
		require.NoError(t, pool.QueryRow(ctx, "select not exists (select from pg_class where relkind = 'r' and relname = any($1) and relallvisible < relpages)", tables).Scan(&seen))
	}
}
