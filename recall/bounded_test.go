package recall_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/recall"
)

// kept are those of the keys that a cache has. Asking keeps them.
func kept(cache *recall.Bounded[string, string], keys ...string) []string {
	var found []string
	for _, key := range keys {
		if value, ok := cache.Get(key); ok {
			found = append(found, value)
		}
	}
	return found
}

func TestABoundedCacheDropsWhatNobodyAsksFor(t *testing.T) {
	t.Parallel()
	cache := recall.NewBounded[string, string](100, time.Hour)
	remember := func(key string, size int) { cache.Remember(key, key, size) }
	remember("a", 20)
	remember("b", 20)
	remember("c", 20) // "a" and "b" are old now
	require.Equal(t, []string{"a"}, kept(cache, "a"))
	remember("d", 20) // "a" and "c" are old, "b" is dropped
	require.Equal(t, []string{"a", "c", "d"}, kept(cache, "a", "b", "c", "d"))

	remember("e", 51)
	require.Empty(t, kept(cache, "e"), "it is more than half of everything")
	remember("d", 51)
	require.Empty(t, kept(cache, "d"), "a value that is not kept replaces another one all the same")
}

func TestAReplacedValueOfABoundedCacheTakesNoRoom(t *testing.T) {
	t.Parallel()
	cache := recall.NewBounded[string, string](100, time.Hour)
	for range 1000 {
		cache.Remember("a", "a", 25)
		cache.Remember("b", "b", 25)
		require.Equal(t, []string{"a", "b"}, kept(cache, "a", "b"))
	}
}

func TestValuesOfABoundedCacheAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cache := recall.NewBounded[string, string](100, time.Minute)
		for range 2 { // the second time after it was empty
			cache.Remember("a", "a", 1)
			cache.Remember("b", "b", 1)
			<-time.After(90 * time.Second)
			require.Equal(t, []string{"a"}, kept(cache, "a"))
			<-time.After(time.Minute)
			require.Equal(t, []string{"a"}, kept(cache, "a", "b"))
			<-time.After(3 * time.Minute)
			require.Empty(t, kept(cache, "a", "b"))
		}
	})
}
