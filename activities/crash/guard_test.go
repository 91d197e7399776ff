package crash_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/crash"
)

// memory is a store that keeps all counts, in their order.
type memory struct {
	mu     sync.Mutex
	counts []int
}

func (m *memory) SetLost(_ context.Context, workers int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts = append(m.counts, workers)
	return nil
}

// last is what the next execution finds; stored is what was there before the first write.
func (m *memory) last(stored int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]int{stored}, m.counts...)[len(m.counts)]
}

func TestAShortExecutionIsNotCounted(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		execution crash.Execution
		lasts     time.Duration
		counts    []int
	}{
		"short":                   {crash.Execution{}, time.Second / 2, nil},
		"long":                    {crash.Execution{}, 2 * time.Second, []int{1, 0}},
		"short, counted at once":  {crash.Execution{AtOnce: true}, time.Second / 2, []int{1, 0}},
		"short, after a death":    {crash.Execution{Lost: 1}, time.Second / 2, []int{2, 0}},
		"short, after two deaths": {crash.Execution{Lost: 2, Stored: 2}, time.Second / 2, []int{3, 0}},
		"counted by its store":    {crash.Execution{Stored: 1, AtOnce: true}, time.Second / 2, []int{0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := &memory{}
				test.execution.Store = store
				guard, err := crash.NewBudget(slog.New(slog.DiscardHandler)).Guard(t.Context(), test.execution)
				require.NoError(t, err)
				<-time.After(test.lasts)
				guard.Release(t.Context())
				require.Equal(t, test.counts, store.counts)
			})
		})
	}
}

func TestACancelledExecutionKeepsTheCountBeforeIt(t *testing.T) {
	t.Parallel()
	store := &memory{}
	ctx, cancel := context.WithCancel(t.Context())
	guard, err := crash.NewBudget(slog.New(slog.DiscardHandler)).Guard(ctx, crash.Execution{Store: store, Lost: 1, Stored: 1})
	require.NoError(t, err)
	cancel()
	guard.Release(ctx)
	require.Equal(t, []int{2, 1}, store.counts)
}

// TestSuspectsAreCountedInTurns executes three suspects in one process, and looks at what they would find if
// it died.
func TestSuspectsAreCountedInTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const before = 1
		budget := crash.NewBudget(slog.New(slog.DiscardHandler))
		stores := []*memory{{}, {}, {}}
		began := make([]chan struct{}, len(stores))
		ended := make(chan struct{})
		var running sync.WaitGroup
		for i, store := range stores {
			began[i] = make(chan struct{})
			running.Go(func() {
				guard, err := budget.Guard(t.Context(), crash.Execution{Store: store, Lost: before, Stored: before})
				require.NoError(t, err)
				close(began[i])
				<-ended
				guard.Release(t.Context())
			})
			synctest.Wait()
		}
		counted := map[int]bool{}
		for range 2 * len(stores) {
			blamed := 0
			for i, store := range stores {
				if store.last(before) == before {
					continue
				}
				require.Equal(t, before+1, store.last(before))
				blamed++
				counted[i] = true
				<-began[i] // it is executed
			}
			require.Equal(t, 1, blamed)
			<-time.After(3 * time.Second)
			synctest.Wait()
		}
		require.Len(t, counted, len(stores), "each has its turn")
		close(ended)
		running.Wait()
		for _, store := range stores {
			require.Zero(t, store.last(before))
		}
	})
}
