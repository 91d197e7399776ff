package templaterun

import (
	"context"
	"slices"

	"go.temporal.io/sdk/activity"

	"github.com/portico-dev/portico/activities/crash"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/run"
)

// workerLost is the failure of a step or an undo that killed several workers in a row.
func workerLost(what string) fault.Failure {
	failure := crash.Lost(what)
	failure.Advice += " Ask for less in this step, or give the workers more; then retry: the run goes on from here."
	return failure
}

// lostWorkers implements crash.Store on the run's record, for all activities of the run.
type lostWorkers struct {
	runs  *run.Store
	claim run.Claim
}

func (l lostWorkers) SetLost(ctx context.Context, workers int) error {
	return l.runs.Record(ctx, l.claim, run.Entry{LostWorkers: &workers})
}

// hasLostAllWorkers says that what the run executes now is not executed again.
func (s *runState) hasLostAllWorkers() bool { return s.LostWorkers >= crash.MaxLost }

// guard begins to guard an activity of the run; again says that Temporal knows of a worker that died during
// it. A short activity is not counted: Temporal reports the death of its worker.
func (a *Activities) guard(ctx context.Context, state *runState, again, atOnce bool) (*crash.Guard, error) {
	execution := crash.Execution{Store: lostWorkers{a.Runs, state.claim}, Lost: state.LostWorkers, Stored: state.LostWorkers, AtOnce: atOnce}
	if again {
		execution.Lost = max(execution.Lost, 1)
	}
	return a.CrashBudget.Guard(ctx, execution)
}

// keepAlive sends heartbeats until the returned function is called.
func keepAlive(ctx context.Context) (stop func()) {
	return crash.KeepAlive(ctx, func() { activity.RecordHeartbeat(ctx) })
}

// failLostStep fails the step that killed several workers in a row, or parks the run if its rollback or its
// end did.
func (d *driver) failLostStep(ctx context.Context) (engine.Next, error) {
	if err := d.recordStart(ctx); err != nil {
		return engine.Next{}, err
	}
	open := slices.IndexFunc(d.steps, func(step run.Step) bool { return !step.Status.Ended() })
	if d.Phase == run.PhaseRollingBack || open < 0 {
		return d.parkLostRun(ctx)
	}
	if err := d.rejectStep(ctx, open, workerLost("this step")); err != nil {
		return engine.Next{}, err
	}
	// It is written before the next step begins, which may kill the worker as well.
	if err := d.flush(ctx); err != nil {
		return engine.Next{}, err
	}
	return d.runSteps(ctx)
}

// parkLostRun parks a run whose rollback or output killed several workers in a row.
func (d *driver) parkLostRun(ctx context.Context) (engine.Next, error) {
	what := "the rendering of the output"
	if d.Phase == run.PhaseRollingBack {
		what = "the rollback"
	}
	failure := workerLost(what)
	err := d.record(ctx, run.Entry{Events: []run.NewEvent{d.runCompleted(run.StatusFailed, nil, &failure)},
		End: &run.Ending{Status: run.StatusFailed, Phase: run.PhaseParked, FailedStep: d.FailedStep, Failure: &failure}})
	if err != nil {
		return engine.Next{}, err
	}
	return d.nextAfterEnd(), d.flush(ctx)
}
