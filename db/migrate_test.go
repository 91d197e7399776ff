package db_test

import (
	"fmt"
	"io/fs"
	"regexp"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/internal/testkit"
)

func TestProcessesThatMigrateAtOnceTakeTurns(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	// Empty the database, as at the first start.
	_, err := pool.Exec(t.Context(), "drop schema public cascade; create schema public")
	require.NoError(t, err)

	var group errgroup.Group
	for range 4 {
		group.Go(func() error { return db.Migrate(t.Context(), pool) })
	}
	require.NoError(t, group.Wait())

	var applied int
	require.NoError(t, pool.QueryRow(t.Context(), "select count(*) from goose_db_version where version_id > 0").Scan(&applied))
	files, err := fs.Glob(db.Migrations(), "*.sql")
	require.NoError(t, err)
	require.Len(t, files, applied)
}

func TestAnOutdatedSchemaIsAnError(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	require.NoError(t, db.CheckSchema(t.Context(), pool))

	_, err := pool.Exec(t.Context(), "insert into goose_db_version (version_id, is_applied) values (9999, true)")
	require.NoError(t, err)
	require.NoError(t, db.CheckSchema(t.Context(), pool), "the next release has migrated already")

	_, err = pool.Exec(t.Context(), "delete from goose_db_version where version_id > 1")
	require.NoError(t, err)
	require.ErrorContains(t, db.CheckSchema(t.Context(), pool), "is at version 1 and this Portico needs")

	_, err = pool.Exec(t.Context(), "drop schema public cascade; create schema public")
	require.NoError(t, err)
	require.ErrorContains(t, db.CheckSchema(t.Context(), pool), "run `portico migrate` first")
}

func TestMigrationsAreNumberedWithoutGapsAndForwardOnly(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(db.Migrations(), "*")
	require.NoError(t, err)
	name := regexp.MustCompile(`^(\d{4})_[a-z0-9_]+\.sql$`)
	for i, file := range files {
		match := name.FindStringSubmatch(file)
		require.NotNil(t, match, file)
		require.Equal(t, numbered(i+1), match[1], file)
		content, err := fs.ReadFile(db.Migrations(), file)
		require.NoError(t, err)
		require.NotContains(t, string(content), "+goose Down", file)
	}
}

func TestOpenNamesTheDatabaseWithoutThePassword(t *testing.T) {
	t.Parallel()
	for name, dsn := range map[string]string{
		"connection refused": "postgres://someone:hunter2@127.0.0.1:1/portico",
		"not a DSN":          "postgres://someone:hunter2@127.0.0.1:port/portico",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := db.Open(t.Context(), dsn)
			require.ErrorContains(t, err, "database")
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestOpenKeepsThePoolSizeOfTheDSN(t *testing.T) {
	t.Parallel()
	dsn := testkit.Database(t).Config().ConnString()
	for size, dsn := range map[int32]string{16: dsn, 3: dsn + "&pool_max_conns=3"} {
		pool, err := db.Open(t.Context(), dsn)
		require.NoError(t, err)
		defer pool.Close()
		require.Equal(t, size, pool.Config().MaxConns)
		require.Equal(t, "portico", applicationName(t, pool))
	}
}

func numbered(n int) string { return fmt.Sprintf("%04d", n) }

func applicationName(t *testing.T, pool *pgxpool.Pool) string {
	t.Helper()
	var name string
	require.NoError(t, pool.QueryRow(t.Context(), "show application_name").Scan(&name))
	return name
}
