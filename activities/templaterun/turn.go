package templaterun

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/template"
)

// advance carries a run on, and parks one that cannot be carried on.
func (a *Activities) advance(ctx context.Context, asked engine.Turn) (engine.Next, error) {
	ctx, opened, err := a.open(ctx, asked.RunID)
	var next engine.Next
	if err == nil {
		next, err = a.takeTurn(ctx, opened, asked)
	}
	return a.orPark(ctx, asked.RunID, next, err)
}

// takeTurn decides about the steps of a run in order and runs the quick ones, until one has to be done outside of this
// activity, or the run has ended.
func (a *Activities) takeTurn(ctx context.Context, opened *account, asked engine.Turn) (next engine.Next, err error) {
	defer fault.Recover(&err)
	asked.Cancelled = asked.Cancelled || opened.CancelRequested
	t := &turn{Activities: a, account: opened, asked: asked, written: time.Now()}
	opened.tell = t.note
	switch {
	case t.Status.Ended():
		return t.rest(), nil
	case t.Unreturned >= maxLost:
		return t.giveUp(ctx)
	}
	t.attempt, err = a.takeUp(ctx, opened, opened.unanswered(a.Redeliveries.take(asked.RunID)), false)
	if err != nil {
		return engine.Next{}, err
	}
	defer t.attempt.comeBack(ctx)
	if t.Phase == run.PhaseRollingBack {
		return t.rollBack(ctx)
	}
	return t.execute(ctx)
}

// turn is one carrying on of a run. What it does is written to the record together, at its end or when people have
// waited long enough to see it: a crash before that does it again.
type turn struct {
	*Activities
	*account
	asked   engine.Turn
	pending run.Entry
	written time.Time
	// attempt counts this turn, should its worker die; nil when it only gives up.
	attempt *attempt
}

// note remembers what happened for the record.
func (t *turn) note(ctx context.Context, entry run.Entry) error {
	entry.Date(time.Now())
	t.pending.Add(entry)
	for _, change := range entry.Steps {
		t.apply(change)
	}
	switch {
	case entry.End != nil:
		t.Status, t.Phase = entry.End.Status, entry.End.Phase
	case entry.RollBack != nil:
		t.Phase, t.FailedStep = run.PhaseRollingBack, entry.RollBack.FailedStep
	}
	// A suspect says at once how far it comes, so that the step it dies of is known.
	if time.Since(t.written) < flushInterval && (t.attempt == nil || !t.attempt.suspect) {
		return nil
	}
	return t.write(ctx)
}

// apply brings a step up to date, so that the steps after it see what it came to.
func (t *turn) apply(change run.StepChange) {
	step := &t.steps[change.Position]
	step.Apply(change)
	if step.Status == run.StatusCompleted {
		t.situation.Outputs = append(t.situation.Outputs, plan.Output{StepID: step.ID, Output: change.Output, Shown: change.Shown})
	}
	t.situation.PreviousFailed = t.failedStep() != nil
}

// write puts what was noted on the record.
func (t *turn) write(ctx context.Context) error {
	if t.pending.Empty() {
		return nil
	}
	entry := t.pending
	t.pending, t.written = run.Entry{}, time.Now()
	if t.attempt != nil && entry.Advances() {
		entry.Unreturned = new(t.attempt.progressed(entry.End != nil))
	}
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	err := t.Runs.Record(ctx, t.claim, entry)
	if refused, is := errors.AsType[*run.RefusedError](err); is && refused.Reason == run.RefusedExecution {
		return temporal.NewNonRetryableApplicationError(refused.Error(), "ConflictError", err)
	}
	return err
}

// next is an answer of the turn.
func (t *turn) next(move engine.Move) engine.Next {
	return engine.Next{Move: move, Generation: t.Generation, Settings: t.Settings}
}

// begin marks the run as under way in this execution of its workflow.
func (t *turn) begin(ctx context.Context) error {
	entry := run.Entry{Began: activity.GetInfo(ctx).WorkflowExecution.RunID}
	if entry.Began == t.WorkflowRunID {
		return nil
	}
	if t.Generation == 0 {
		entry.Events = []run.NewEvent{{Type: run.EventLog, Key: "0/begin",
			Body: run.EventBody{Message: fmt.Sprintf("Starting up task with %d steps", len(t.steps))}}}
	}
	return t.note(ctx, entry)
}

// execute takes the steps that have not ended, in order.
func (t *turn) execute(ctx context.Context) (engine.Next, error) {
	if err := t.begin(ctx); err != nil {
		return engine.Next{}, err
	}
	if err := t.heed(ctx, t.asked.Failed); err != nil {
		return engine.Next{}, err
	}
	for position := range t.steps {
		if t.steps[position].Status.Ended() {
			continue
		}
		next, err := t.take(ctx, position)
		if err != nil {
			// What was done until here need not be done again.
			if unwritten := t.write(context.WithoutCancel(ctx)); unwritten != nil {
				return engine.Next{}, unwritten
			}
			return engine.Next{}, err
		}
		if next != nil {
			return *next, t.write(ctx)
		}
	}
	if err := t.finish(ctx); err != nil {
		return engine.Next{}, err
	}
	if t.Phase == run.PhaseRollingBack {
		return t.rollBack(ctx)
	}
	return t.rest(), t.write(ctx)
}

// heed records that an action failed, unless that was told before a crash.
func (t *turn) heed(ctx context.Context, failed *engine.FailedAction) error {
	if failed == nil || t.asked.Generation != t.Generation || t.steps[failed.Position].Status.Ended() {
		return nil
	}
	return t.fail(ctx, failed.Position, failed.Failure)
}

// finish ends the run: completed with its rendered output, or failed.
func (t *turn) finish(ctx context.Context) error {
	if failed := t.failedStep(); failed != nil {
		return t.finishFailed(ctx, failed.ID, failed.Failure)
	}
	result, err := t.Planner.Output(ctx, t.situation)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if isBusy(err) {
		return err
	}
	if err != nil {
		return t.finishFailed(ctx, "", new(run.Failure(t.describe(err))))
	}
	output, warnings := t.redact.Also(result.Derived).JSON(result.Output), t.masked(result.Broken.Warnings())
	return t.note(ctx, run.Entry{
		Events: append(t.outputWarnings(warnings), t.completion(run.StatusCompleted, output, nil)),
		End: &run.Ending{Status: run.StatusCompleted, Phase: run.PhaseDone, Output: output, Warnings: warnings,
			ForgetSecrets: len(t.situation.Secrets) > 0},
	})
}

// finishFailed ends the run as failed. One whose template asks for it is rolled back first, and ends with that: its clients
// learn of one end.
func (t *turn) finishFailed(ctx context.Context, stepID string, failure *run.Failure) error {
	if t.Spec.OnFailure == template.RollBackOnFailure {
		return t.note(ctx, run.Entry{
			Events: []run.NewEvent{{Type: run.EventLog, Key: fmt.Sprintf("%d/failed", t.Generation), Body: run.EventBody{
				Message: fmt.Sprintf("%s%s: %s", run.ErrorLevel, failure.Name, failure.Message)}},
				{Type: run.EventLog, Key: fmt.Sprintf("%d/rollBack", t.Generation), Body: run.EventBody{Message: run.NoteRollingBack}}},
			RollBack: &run.Failing{FailedStep: stepID, Failure: failure},
		})
	}
	phase := run.PhaseParked
	if t.asked.Cancelled {
		phase = run.PhaseCancelled
	}
	return t.note(ctx, run.Entry{
		Events: []run.NewEvent{t.completion(run.StatusFailed, nil, failure)},
		End:    &run.Ending{Status: run.StatusFailed, Phase: phase, FailedStep: stepID, Failure: failure},
	})
}

// rest is what follows the end of a run: a failed one waits for somebody to decide.
func (t *turn) rest() engine.Next {
	if t.Status == run.StatusCompleted || t.Phase == run.PhaseRolledBack {
		return t.next(engine.MoveEnd)
	}
	return t.next(engine.MovePark)
}

// maxUndone is how many effects one turn of a rollback names: its answer stays small, and so does the history of who undoes them.
const maxUndone = 200

// rollBack answers what the run left to be undone, the last thing first.
func (t *turn) rollBack(ctx context.Context) (engine.Next, error) {
	if err := t.begin(ctx); err != nil {
		return engine.Next{}, err
	}
	effects, err := t.Runs.Effects(ctx, t.ID)
	if err != nil {
		return engine.Next{}, err
	}
	if undoing := t.asked.Undoing; undoing != nil {
		last := slices.IndexFunc(effects, func(effect action.Effect) bool { return effect.ID == undoing.Last })
		effects = effects[:max(last, 0)]
	}
	next := t.next(engine.MoveRollBack)
	for _, effect := range slices.Backward(effects) {
		if effect.State == action.EffectUndone {
			continue
		}
		if next.More = len(next.Effects) == maxUndone; next.More {
			break
		}
		next.Effects = append(next.Effects, engine.PlanEffect{ID: effect.ID, Summary: "undo " + effect.Kind + " " + effect.Name})
	}
	return next, t.write(ctx)
}
