// Package techdocs has the activities of builds of documentation. What a build does, and its record, are in techdocs/build.
package techdocs

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"github.com/portico-dev/portico/activities/crash"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/techdocs/build"
)

// limitedWait is how long a build waits for a host that says that its rate limit was reached, and not for how long.
const limitedWait = time.Minute

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
	wait, reason, asks := asksToWait(err)
	if asks {
		return build.Progress{ID: request.ID, State: build.Building, Wait: wait, WaitReason: reason}, nil
	}
	return progress, err
}

// asksToWait reports whether a host did not answer but asks to wait, and for how long.
func asksToWait(err error) (wait time.Duration, reason string, asks bool) {
	wait, may := integration.MayPass(err)
	if !may {
		return 0, "", false
	}
	answered, is := errors.AsType[*integration.ResponseError](err)
	if wait == 0 && is && answered.RateLimited {
		wait = limitedWait
	}
	return wait, err.Error(), wait > 0
}

// final makes errors that would come again end an activity for good: those with a kind, which say what is wrong with the sources, and those
// of a host that would answer the same.
func final[In, Out any](do func(context.Context, In) (Out, error)) func(context.Context, In) (Out, error) {
	return func(ctx context.Context, in In) (Out, error) {
		out, err := do(ctx, in)
		if err == nil {
			return out, nil
		}
		kind, message := string(fault.KindOf(err)), err.Error()
		if kind == "" {
			kind = "Error"
		}
		_, may := integration.MayPass(err)
		if may || kind == string(fault.Unavailable) || kind == string(fault.BadGateway) {
			return out, temporal.NewApplicationErrorWithCause(message, kind, err)
		}
		return out, temporal.NewNonRetryableApplicationError(message, kind, nil)
	}
}
