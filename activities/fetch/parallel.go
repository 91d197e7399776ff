package fetch

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/budget"
)

// inParallel does n jobs on all processors and returns the results in the order of the jobs, up to the first
// job in that order that failed, and its error. No job is begun once one has failed. A job that panics has
// failed.
func inParallel[Result any](ctx context.Context, n int, do func(ctx context.Context, index int) (Result, error)) ([]Result, error) {
	results, errs := make([]Result, n), make([]error, n)
	var next atomic.Int64
	var failed atomic.Bool
	var workers sync.WaitGroup
	side := runtime.GOMAXPROCS(0)
	if budget.Of(ctx) != nil {
		// They have one account of memory: side by side, what the one takes could be what the other lacks.
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
					results[index], errs[index] = guarded(ctx, index, do)
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

// guarded does a job, on a goroutine where nobody else would recover.
func guarded[Result any](ctx context.Context, index int, do func(ctx context.Context, index int) (Result, error)) (result Result, err error) {
	defer fault.Recover(&err)
	return do(ctx, index)
}
