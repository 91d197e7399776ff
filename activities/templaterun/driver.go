package templaterun

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/portico-dev/portico/activities/crash"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/template"
)

// advance is the activity that executes steps of a run. It parks a run that has been failing for too long.
func (a *Activities) advance(ctx context.Context, request engine.AdvanceRequest) (engine.Next, error) {
	ctx, state, err := a.load(ctx, request.RunID)
	var next engine.Next
	if err == nil {
		next, err = a.advanceOnce(ctx, state, request)
	}
	return a.parkIfStuck(ctx, request.RunID, state, next, err)
}

// advanceOnce plans the steps of a run in order and executes the quick ones, until one has to be executed
// outside of this activity, or the run has ended.
func (a *Activities) advanceOnce(ctx context.Context, state *runState, request engine.AdvanceRequest) (next engine.Next, err error) {
	defer fault.Recover(&err)
	request.Cancelled = request.Cancelled || state.CancelRequested
	d := &driver{Activities: a, runState: state, request: request, flushedAt: time.Now()}
	state.record = d.record
	switch {
	case d.Status.Ended():
		return d.nextAfterEnd(), nil
	case d.hasLostAllWorkers():
		return d.failLostStep(ctx)
	}
	d.guard, err = a.guard(ctx, state, a.CrashBudget.IsRedelivered(request.RunID), false)
	if err != nil {
		return engine.Next{}, err
	}
	defer d.guard.Release(ctx)
	if d.Phase == run.PhaseRollingBack {
		return d.nextRollback(ctx)
	}
	return d.runSteps(ctx)
}

// driver executes steps within one advance activity. It collects what it records and writes it at its end, or
// after flushInterval. A crash before a write repeats what was not written.
type driver struct {
	*Activities
	*runState
	request   engine.AdvanceRequest
	pending   run.Entry
	flushedAt time.Time
	// guard counts this activity if its worker dies; nil when the driver only ends what lost its workers
	// before.
	guard *crash.Guard
}

// record collects an entry, and writes all that was collected after flushInterval.
func (d *driver) record(ctx context.Context, entry run.Entry) error {
	entry.SetTimes(time.Now())
	d.pending.Merge(entry)
	for _, change := range entry.Steps {
		d.apply(change)
	}
	switch {
	case entry.End != nil:
		d.Status, d.Phase, d.FailedStep, d.Failure = entry.End.Status, entry.End.Phase, entry.End.FailedStep, entry.End.Failure
	case entry.Rollback != nil:
		d.Phase, d.FailedStep = run.PhaseRollingBack, entry.Rollback.FailedStep
	}
	// A suspect writes each entry at once, so that the record shows the step that it dies of.
	if time.Since(d.flushedAt) < flushInterval && (d.guard == nil || !d.guard.IsSuspect()) {
		return nil
	}
	return d.flush(ctx)
}

// apply applies a change to a step, so that the steps after it see its output.
func (d *driver) apply(change run.StepChange) {
	step := &d.steps[change.Position]
	step.Apply(change)
	if step.Status == run.StatusCompleted {
		d.outputs.add(action.StepOutput{StepID: step.ID, Output: change.Output, Shown: change.Shown})
	}
	d.scope.PreviousFailed = d.failedStep() != nil
}

// flush writes what was collected.
func (d *driver) flush(ctx context.Context) error {
	if d.pending.Empty() {
		return nil
	}
	entry := d.pending
	d.pending, d.flushedAt = run.Entry{}, time.Now()
	if d.guard != nil && entry.Advances() {
		entry.LostWorkers = new(d.guard.Advanced(entry.End != nil))
	}
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	err := d.Runs.Record(ctx, d.claim, entry)
	if refused, is := errors.AsType[*run.RefusedError](err); is && refused.Reason == run.RefusedExecution {
		return temporal.NewNonRetryableApplicationError(refused.Error(), string(fault.Conflict), err)
	}
	return err
}

// next is an answer to the workflow.
func (d *driver) next(kind engine.NextKind) engine.Next {
	return engine.Next{Kind: kind, Generation: d.Generation, Settings: d.Settings, Progress: d.progress(kind)}
}

// recordStart records that this execution of the workflow drives the run.
func (d *driver) recordStart(ctx context.Context) error {
	entry := run.Entry{WorkflowRunID: activity.GetInfo(ctx).WorkflowExecution.RunID}
	if entry.WorkflowRunID == d.WorkflowRunID {
		return nil
	}
	if d.Generation == 0 {
		entry.Events = []run.NewEvent{{Type: run.EventLog, Key: "0/begin",
			Body: run.EventBody{Message: fmt.Sprintf("Starting up task with %d steps", len(d.steps))}}}
	}
	return d.record(ctx, entry)
}

// runSteps executes the steps that have not ended, in order.
func (d *driver) runSteps(ctx context.Context) (engine.Next, error) {
	if err := d.recordStart(ctx); err != nil {
		return engine.Next{}, err
	}
	if err := d.recordFailure(ctx, d.request.Failed); err != nil {
		return engine.Next{}, err
	}
	for position := range d.steps {
		if d.steps[position].Status.Ended() {
			continue
		}
		next, err := d.runStep(ctx, position)
		if err != nil {
			// Steps that have ended are not executed again.
			if unwritten := d.flush(context.WithoutCancel(ctx)); unwritten != nil {
				return engine.Next{}, unwritten
			}
			return engine.Next{}, err
		}
		if next != nil {
			return *next, d.flush(ctx)
		}
	}
	if err := d.finishRun(ctx); err != nil {
		return engine.Next{}, err
	}
	if d.Phase == run.PhaseRollingBack {
		return d.nextRollback(ctx)
	}
	return d.nextAfterEnd(), d.flush(ctx)
}

// recordFailure records the final failure of an action, unless it was recorded before a crash.
func (d *driver) recordFailure(ctx context.Context, failed *engine.FailedAction) error {
	if failed == nil || d.request.Generation != d.Generation || d.steps[failed.Position].Status.Ended() {
		return nil
	}
	return d.failStep(ctx, failed.Position, failed.Failure)
}

// finishRun ends the run: completed with its rendered output, or failed.
func (d *driver) finishRun(ctx context.Context) error {
	if failed := d.failedStep(); failed != nil {
		return d.finishFailedRun(ctx, failed.ID, failed.Failure)
	}
	scope, err := d.scopeWithOutputs(ctx)
	if err != nil {
		return err
	}
	result, err := d.Planner.Output(ctx, scope)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if isBusy(err) {
		return err
	}
	if err != nil {
		return d.finishFailedRun(ctx, "", new(d.failure(err)))
	}
	output, warnings := d.redact.Also(result.Derived).JSON(result.Output), d.mask(result.ExpressionErrors.Warnings())
	return d.record(ctx, run.Entry{
		Events: append(d.outputWarnings(warnings), d.runCompleted(run.StatusCompleted, output, nil)),
		End: &run.Ending{Status: run.StatusCompleted, Phase: run.PhaseDone, Output: output, Warnings: warnings,
			ForgetSecrets: len(d.scope.Secrets) > 0},
	})
}

// finishFailedRun ends the run as failed. With onFailure: rollback, the run is rolled back first and ends
// with that, so that clients see one end.
func (d *driver) finishFailedRun(ctx context.Context, stepID string, failure *fault.Failure) error {
	if d.Spec.OnFailure == template.RollBackOnFailure {
		return d.record(ctx, run.Entry{
			Events: []run.NewEvent{{Type: run.EventLog, Key: fmt.Sprintf("%d/failed", d.Generation), Body: run.EventBody{
				Message: fmt.Sprintf("%s%s: %s", run.ErrorLevel, failure.Name, failure.Message)}},
				{Type: run.EventLog, Key: fmt.Sprintf("%d/rollBack", d.Generation), Body: run.EventBody{Message: run.RollbackNote}}},
			Rollback: &run.StepFailure{FailedStep: stepID, Failure: failure},
		})
	}
	phase := run.PhaseParked
	if d.request.Cancelled {
		phase = run.PhaseCancelled
	}
	return d.record(ctx, run.Entry{
		Events: []run.NewEvent{d.runCompleted(run.StatusFailed, nil, failure)},
		End:    &run.Ending{Status: run.StatusFailed, Phase: phase, FailedStep: stepID, Failure: failure},
	})
}

// nextAfterEnd is the answer for a run that has ended: a failed one waits for a person's decision.
func (d *driver) nextAfterEnd() engine.Next {
	if d.Status == run.StatusCompleted || d.Phase == run.PhaseRolledBack {
		return d.next(engine.NextEnd)
	}
	return d.next(engine.NextPark)
}

// maxUndone bounds the effects in one answer, and so the size of the answer and of the workflow's history.
const maxUndone = 200

// nextRollback answers the effects to undo, the last one first.
func (d *driver) nextRollback(ctx context.Context) (engine.Next, error) {
	if err := d.recordStart(ctx); err != nil {
		return engine.Next{}, err
	}
	effects, err := d.Runs.Effects(ctx, d.ID)
	if err != nil {
		return engine.Next{}, err
	}
	if progress := d.request.Rollback; progress != nil {
		last := slices.IndexFunc(effects, func(effect action.Effect) bool { return effect.ID == progress.Last })
		effects = effects[:max(last, 0)]
	}
	next := d.next(engine.NextRollback)
	for _, effect := range slices.Backward(effects) {
		if effect.State == action.EffectUndone {
			continue
		}
		if next.More = len(next.Effects) == maxUndone; next.More {
			break
		}
		next.Effects = append(next.Effects, engine.EffectRef{ID: effect.ID, Summary: d.redact.Text("undo " + effect.Kind + " " + effect.Name)})
	}
	return next, d.flush(ctx)
}
