package fetch

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/budget"
)

// inParallel runs n jobs on all processors. It returns the results in the order of the jobs, up to the first
// failed one, and that one's error. No job starts after one has failed. A panic is a failure.
func inParallel[Result any](ctx context.Context, n int, do func(ctx context.Context, index int) (Result, error)) ([]Result, error) {
	results, errs := make([]Result, n), make([]error, n)
	var next atomic.Int64
	var failed atomic.Bool
	var workers sync.WaitGroup
	side := runtime.GOMAXPROCS(0)
	if budget.Of(ctx) != nil {
		// The jobs share one memory limit, so two at once could fail where one after the other would not.
		side = 1
	}
	for range min(n, side) {
		workers.Go(func() {
			for !failed.Load() {
				index := int(next.Add(1)) - 1
				if index >= n {
					return
				}
				if errs[index] = ctx.Err(); errs[index] == nil {
					results[index], errs[index] = recovered(ctx, index, do)
				}
				if errs[index] != nil {
					failed.Store(true)
				}
			}
		})
	}
	workers.Wait()
	for index, err := range errs {
		if err != nil {
			return results[:index], err
		}
	}
	return results, nil
}

// recovered runs a job and turns a panic into an error.
func recovered[Result any](ctx context.Context, index int, do func(ctx context.Context, index int) (Result, error)) (result Result, err error) {
	defer fault.Recover(&err)
	return do(ctx, index)
}
