package sweep_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/sweep"
	"github.com/portico-dev/portico/internal/testkit"
)

// BenchmarkSweep measures sweeps of 100,000 entities in pages of 1,000: the first one, and those without a change.
// Reading the source costs nothing here.
func BenchmarkSweep(b *testing.B) {
	const entities, perPage = 100_000, 1000
	pool := testkit.Database(b)
	store := sweep.NewStore(sweep.StoreOptions{Pool: pool})
	require.NoError(b, store.Configure(b.Context(), configured(source)))
	pages := func() []provider.Page {
		all := make([]provider.Page, 0, entities/perPage)
		for from := 0; from < entities; from += perPage {
			var p provider.Page
			for i := from; i < from+perPage; i++ {
				p.Entities = append(p.Entities, component(fmt.Sprintf("component-%06d=The component number %d", i, i)))
			}
			if from+perPage < entities {
				p.Next = fmt.Sprint(from + perPage)
			}
			all = append(all, p)
		}
		return all
	}
	runs := 0
	sweepOnce := func(all []provider.Page) (progress sweep.Progress, stage, commit time.Duration) {
		runs++
		began := time.Now()
		progress, err := store.Begin(b.Context(), sweep.BeginRequest{Source: source, WorkflowID: "w", RunID: fmt.Sprint(runs)})
		require.NoError(b, err)
		for _, p := range all {
			at, err := store.Point(b.Context(), progress.ID)
			require.NoError(b, err)
			_, err = store.Stage(b.Context(), at, p)
			require.NoError(b, err)
		}
		staged := time.Now()
		progress, err = store.Commit(b.Context(), progress.ID)
		require.NoError(b, err)
		return progress, staged.Sub(began), time.Since(staged)
	}
	first, stage, commit := sweepOnce(pages())
	require.Equal(b, entities, first.Added)
	b.ReportMetric(stage.Seconds(), "first-stage-s")
	b.ReportMetric(commit.Seconds(), "first-commit-s")
	for b.Loop() {
		b.StopTimer()
		all := pages()
		b.StartTimer()
		again, stage, commit := sweepOnce(all)
		require.Equal(b, []int{entities, 0, 0, 0}, []int{again.Entities, again.Added, again.Changed, again.Removed})
		b.ReportMetric(stage.Seconds(), "stage-s")
		b.ReportMetric(commit.Seconds(), "commit-s")
	}
}
