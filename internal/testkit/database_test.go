package testkit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/internal/testkit"
)

func TestDatabaseIsMigratedAndPrivate(t *testing.T) {
	t.Parallel()
	first, second := testkit.Database(t), testkit.Database(t)

	_, err := first.Exec(t.Context(), "create table only_in_the_first (id int)")
	require.NoError(t, err)
	var found *string
	require.NoError(t, second.QueryRow(t.Context(), "select to_regclass('only_in_the_first')::text").Scan(&found))
	require.Nil(t, found)

	// A second migration finds nothing to do.
	require.NoError(t, db.Migrate(t.Context(), second))
	require.NoError(t, second.QueryRow(t.Context(), "select to_regclass('goose_db_version')::text").Scan(&found))
	require.NotNil(t, found)
}

func TestDatabaseIsDroppedWithItsTest(t *testing.T) { //nolint:tparallel // it goes on when its subtest has ended
	t.Parallel()
	var name string
	t.Run("use", func(t *testing.T) {
		pool := testkit.Database(t)
		require.NoError(t, pool.QueryRow(t.Context(), "select current_database()").Scan(&name))
	})
	var exists bool
	err := testkit.Database(t).QueryRow(t.Context(), "select exists (select from pg_database where datname = $1)", name).Scan(&exists)
	require.NoError(t, err)
	require.False(t, exists)
}

func BenchmarkDatabase(b *testing.B) {
	for b.Loop() {
		testkit.Database(b)
	}
}
