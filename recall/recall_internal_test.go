package recall

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestExpiredValuesAreDropped: a value may hold secrets of a run that nobody continues.
func TestExpiredValuesAreDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := New[int, string](64, time.Minute)
		requireSize := func(expected int) {
			t.Helper()
			synctest.Wait()
			memory.mu.Lock()
			defer memory.mu.Unlock()
			require.Len(t, memory.values, expected)
			require.Equal(t, expected > 0, memory.sweeps, "an empty memory has no timer")
		}
		for range 2 { // the second time after the memory was empty
			memory.Remember(1, "at the start")
			<-time.After(45 * time.Second)
			memory.Remember(2, "later")
			<-time.After(45 * time.Second)
			memory.Remember(3, "later still")
			requireSize(3)
			<-time.After(30 * time.Second)
			requireSize(1)
			<-time.After(90 * time.Second)
			requireSize(0)
		}
		memory.Remember(1, "again")
		memory.Forget(1)
		<-time.After(time.Minute)
		requireSize(0)
	})
}
