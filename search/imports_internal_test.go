package search

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit"
)

func TestTheIndexLetsAnImportGoFirst(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	x := NewIndex(pool, slog.New(slog.DiscardHandler), IndexOptions{})
	request := func(from, to int) {
		_, err := pool.Exec(t.Context(), "insert into catalog_stitches (entity_ref) select 'component:default/c-' || n from generate_series($1::int, $2::int) as n", from, to)
		require.NoError(t, err)
	}
	var seen imports
	waits := func(now time.Time) bool {
		first, err := seen.goFirst(t.Context(), x, now)
		require.NoError(t, err)
		return first
	}
	begun := time.Now()
	request(1, manyStitches-1)
	require.False(t, waits(begun), "a few entities are waiting to be served")
	request(manyStitches, manyStitches)
	require.True(t, waits(begun), "an import has begun")
	require.True(t, waits(begun.Add(importWait-1)))
	require.False(t, waits(begun.Add(importWait)), "it takes long")
	_, err := pool.Exec(t.Context(), "delete from catalog_stitches")
	require.NoError(t, err)
	require.False(t, waits(begun.Add(2*importWait)), "it is over")
	request(1, manyStitches)
	require.True(t, waits(begun.Add(2*importWait)), "there is another one")
}
