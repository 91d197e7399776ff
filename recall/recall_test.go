package recall_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/recall"
)

func TestAValueIsTakenOnce(t *testing.T) {
	t.Parallel()
	memory := recall.New[string, int](10, time.Minute)
	memory.Remember("a", 1)
	memory.Remember("b", 2)
	memory.Remember("b", 3)

	requireTaken(t, memory, "a", 1)
	requireUnknown(t, memory, "a")
	requireTaken(t, memory, "b", 3)
	requireUnknown(t, memory, "never told")
}

func TestForgetRemovesAValue(t *testing.T) {
	t.Parallel()
	memory := recall.New[string, int](10, time.Minute)
	memory.Remember("a", 1)
	memory.Forget("a")
	memory.Forget("never told")
	requireUnknown(t, memory, "a")
}

func TestAValueExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := recall.New[string, int](10, time.Minute)
		memory.Remember("a", 1)
		memory.Remember("b", 2)
		<-time.After(time.Minute)
		requireTaken(t, memory, "a", 1)
		<-time.After(time.Nanosecond)
		requireUnknown(t, memory, "b")
	})
}

func TestOldValuesAreEvicted(t *testing.T) {
	t.Parallel()
	memory := recall.New[int, int](2, time.Minute)
	for i := range 3 {
		memory.Remember(i, i)
	}
	requireUnknown(t, memory, 0)
	requireUnknown(t, memory, 1)
	requireTaken(t, memory, 2, 2)
}

func TestReplacingAValueEvictsNothing(t *testing.T) {
	t.Parallel()
	memory := recall.New[string, int](2, time.Minute)
	memory.Remember("a", 1)
	memory.Remember("b", 2)
	memory.Remember("b", 3)
	requireTaken(t, memory, "a", 1)
	requireTaken(t, memory, "b", 3)
}

func TestAValueCanBeReadManyTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := recall.New[string, int](10, time.Minute)
		memory.Remember("a", 1)
		for range 2 {
			value, ok := memory.Get("a")
			require.True(t, ok)
			require.Equal(t, 1, value)
		}
		_, ok := memory.Get("b")
		require.False(t, ok)
		<-time.After(time.Minute + time.Nanosecond)
		_, ok = memory.Get("a")
		require.False(t, ok)
	})
}

func requireTaken[K comparable](t *testing.T, memory *recall.Memory[K, int], key K, expected int) {
	t.Helper()
	value, ok := memory.Take(key)
	require.True(t, ok)
	require.Equal(t, expected, value)
}

func requireUnknown[K comparable](t *testing.T, memory *recall.Memory[K, int], key K) {
	t.Helper()
	value, ok := memory.Take(key)
	require.False(t, ok)
	require.Zero(t, value)
}
