// Package techdocs has the activities of builds of documentation. What a build does, and its record, are in techdocs/build.
package techdocs

import (
	"context"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"

	"github.com/portico-dev/portico/activities/crash"
	"github.com/portico-dev/portico/activities/internal/attempts"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs/build"
)

// Options are the dependencies of the activities.
type Options struct {
	CrashBudget *crash.Budget
	Builder     *build.Builder
}

// Activities are the activities of the workflow DocsBuild. They are safe for concurrent use.
type Activities struct{ Options }

// New makes the activities.
func New(options Options) *Activities { return &Activities{options} }

// Register registers the activities with a worker.
func (a *Activities) Register(registry worker.ActivityRegistry) {
	for name, function := range map[string]any{
		build.ActivityBegin: final(a.Builder.Store.Begin),
		build.ActivityBuild: crash.Guarded(a.CrashBudget, final(a.build)),
		build.ActivityIndex: crash.Guarded(a.CrashBudget, final(a.Builder.IndexSite)),
		build.ActivityEnd:   final(a.Builder.Store.End),
	} {
		registry.RegisterActivityWithOptions(function, activity.RegisterOptions{Name: name})
	}
}

// build builds a site. While its host asks to wait, the workflow waits, and no worker does.
func (a *Activities) build(ctx context.Context, request build.Request) (progress build.Progress, err error) {
	defer fault.Recover(&err)
	progress, err = a.Builder.Build(ctx, request)
	wait, reason, asks := attempts.AsksToWait(err)
	if asks {
		return build.Progress{ID: request.ID, State: build.Building, Wait: wait, WaitReason: reason}, nil
	}
	return progress, err
}

// final is attempts.Final. A part that does not answer now, such as the store of the sites, is asked again.
func final[In, Out any](do func(context.Context, In) (Out, error)) func(context.Context, In) (Out, error) {
	return attempts.Final(do, fault.Unavailable, fault.BadGateway)
}
