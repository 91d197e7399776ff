// Package flight shares the work that concurrent callers want at the same time.
package flight

import (
	"context"
	"time"

	"golang.org/x/sync/singleflight"
)

// Group shares work by keys. Its zero value is ready. It is safe for concurrent use.
type Group[V any] struct{ calls singleflight.Group }

// Do does the work of a key, or waits for the same work that is under way, and returns its result. The work
// continues when the caller that began it leaves, because others may wait for it, and ends at its own deadline.
// A caller whose ctx ends gets ctx's error.
func (g *Group[V]) Do(ctx context.Context, key string, deadline time.Duration, work func(context.Context) (V, error)) (V, error) {
	done := g.calls.DoChan(key, func() (any, error) {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), deadline)
		defer cancel()
		return work(bounded)
	})
	select {
	case <-ctx.Done():
		var none V
		return none, ctx.Err()
	case result := <-done:
		value, _ := result.Val.(V) // the zero value for a nil interface
		return value, result.Err
	}
}
