// Package discovery has the activities of sweeps: they read pages of sources and work on the record of the
// sweep. What a sweep changes is decided in catalog/sweep, and what a source is in catalog/provider.
package discovery

import (
	"context"
	"fmt"
	"log/slog"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"

	"github.com/portico-dev/portico/activities/crash"
	"github.com/portico-dev/portico/activities/internal/attempts"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/sweep"
	"github.com/portico-dev/portico/fault"
)

// Options are the dependencies of the activities.
type Options struct {
	Log         *slog.Logger
	CrashBudget *crash.Budget
	Sweeps      *sweep.Store
	// Sources are those of the configuration.
	Sources []provider.Source
}

// Activities are the activities of the workflow DiscoverySweep. They are safe for concurrent use.
type Activities struct {
	Options
	sources map[string]provider.Source
}

// New makes the activities.
func New(options Options) *Activities {
	a := &Activities{Options: options, sources: map[string]provider.Source{}}
	for _, source := range options.Sources {
		a.sources[source.Name()] = source
	}
	return a
}

// Register registers the activities with a worker.
func (a *Activities) Register(registry worker.ActivityRegistry) {
	for name, function := range map[string]any{
		sweep.ActivityBegin:    attempts.Final(a.Sweeps.Begin),
		sweep.ActivityReadPage: crash.Guarded(a.CrashBudget, attempts.Final(a.readPage)),
		sweep.ActivityCommit:   crash.Guarded(a.CrashBudget, attempts.Final(a.commit)),
		sweep.ActivityEnd:      attempts.Final(a.Sweeps.End),
	} {
		registry.RegisterActivityWithOptions(function, activity.RegisterOptions{Name: name})
	}
}

// readPage reads the next page of a sweep and stages it. It reads nothing when the page was staged before.
func (a *Activities) readPage(ctx context.Context, request sweep.PageRequest) (progress sweep.Progress, err error) {
	defer fault.Recover(&err)
	at, err := a.Sweeps.Point(ctx, request.ID)
	if err != nil || at.State != sweep.Reading || at.Pages != request.Page {
		return at.Progress, err
	}
	source, known := a.sources[at.Source]
	if !known {
		return progress, fault.New(fault.NotFound, "this worker's configuration has no source %s: do all workers have the same?", at.Source)
	}
	page, err := a.read(ctx, source, at)
	if wait, reason, asks := attempts.AsksToWait(err); asks {
		at.Wait, at.WaitReason = wait, reason
		return at.Progress, nil
	}
	if err != nil {
		return progress, fmt.Errorf("read page %d of %s: %w", at.Pages+1, at.Source, err)
	}
	return a.Sweeps.Stage(ctx, at, page)
}

// read reads the page at a point. What has not changed since the last sweep need not be read again.
func (a *Activities) read(ctx context.Context, source provider.Source, at sweep.Point) (provider.Page, error) {
	if again, is := source.Provider.(provider.Rereader); is {
		return again.Reread(ctx, at.Cursor, a.Sweeps.Known(at.Source))
	}
	return source.ReadPage(ctx, at.Cursor)
}

func (a *Activities) commit(ctx context.Context, request sweep.CommitRequest) (sweep.Progress, error) {
	progress, err := a.Sweeps.Commit(ctx, request.ID)
	if err == nil {
		a.Log.InfoContext(ctx, "catalog: a sweep has ended", "sweep", progress.ID, "state", progress.State, "entities", progress.Entities,
			"added", progress.Added, "changed", progress.Changed, "removed", progress.Removed)
	}
	return progress, err
}
