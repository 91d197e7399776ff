package main

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// runGroup runs the long-lived parts of a process. When one part stops, all others are stopped.
type runGroup struct{ parts []func(context.Context) error }

func (g *runGroup) add(part func(context.Context) error) { g.parts = append(g.parts, part) }

func (g *runGroup) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	for _, part := range g.parts {
		group.Go(func() error {
			defer stop()
			return part(ctx)
		})
	}
	return group.Wait()
}
