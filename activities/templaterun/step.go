package templaterun

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/run"
)

// take carries one step on. It answers what the workflow is to do for the step, nil when the step has ended.
func (t *turn) take(ctx context.Context, position int) (*engine.Next, error) {
	if t.asked.Cancelled {
		return nil, t.cancel(ctx, position)
	}
	does, unknown := t.Actions.Lookup(t.step(position).Action)
	decision, err := t.decide(ctx, t.account, position, unknown != nil || does.Describe().Quick)
	if isBusy(err) {
		return nil, err
	}
	if err != nil {
		return nil, t.refuse(ctx, position, t.describe(err))
	}
	if decision.Skip != "" {
		return nil, t.skip(ctx, position, decision.Skip)
	}
	if err = unknown; err == nil {
		err = t.Planner.Fit(ctx, &decision, does.Describe(), t.steps[position].IterationsDone)
	}
	if isBusy(err) {
		return nil, err
	}
	own := t.deciding(decision)
	if err != nil {
		return nil, t.refuse(ctx, position, own.describe(err))
	}
	return t.iterate(ctx, own, position, does, decision)
}

// iterate takes the iterations that are not done: one for a step without each.
func (t *turn) iterate(ctx context.Context, own *account, position int, does action.Action, decision plan.Decision) (*engine.Next, error) {
	for index, iteration := range decision.Iterations {
		if index < t.steps[position].IterationsDone || !iteration.Run {
			continue
		}
		e, err := t.execution(ctx, own, does, position, index, decision)
		if err != nil {
			return nil, err
		}
		if next, err := t.wait(ctx, e); err != nil || next != nil || t.steps[position].Status.Ended() {
			return next, err
		}
		if !does.Describe().Quick {
			next := t.next(engine.MoveAct)
			next.Action = &engine.Action{ID: does.Describe().ID, Summary: e.step.Name, Position: position, Iteration: index}
			return &next, nil
		}
		failed, err := e.attempt(ctx)
		if err != nil {
			return nil, err
		}
		if failed != nil && failed.again {
			return nil, failed.retry(t.pause(t.steps[position].FailedAttempts))
		}
		if failed != nil {
			return nil, t.fail(ctx, position, failed.failure)
		}
	}
	if t.steps[position].Status.Ended() {
		return nil, nil
	}
	return nil, t.completeEmpty(ctx, position)
}

// pause is how long to wait after so many failed attempts.
func (t *turn) pause(attempts int) time.Duration {
	pause := t.Settings.InitialInterval
	for range attempts - 1 {
		pause = min(2*pause, t.Settings.MaximumInterval)
	}
	return pause
}

// wait asks for the wait that the action begins with; nil when there is none, or it is over. An action that cannot say
// how long fails its step.
func (t *turn) wait(ctx context.Context, e *execution) (*engine.Next, error) {
	waiter, waits := e.does.(action.Waiter)
	if !waits {
		return nil, nil
	}
	until := t.steps[e.position].WaitingUntil
	if until.IsZero() {
		duration, err := waiter.Wait(&action.Call{RunID: t.ID.String(), StepID: e.step.ID, Input: e.iteration.Input})
		if err != nil {
			return nil, t.refuse(ctx, e.position, e.describe(err))
		}
		if duration <= 0 {
			return nil, nil
		}
		until = time.Now().Add(duration)
		err = t.note(ctx, run.Entry{Events: []run.NewEvent{t.beginning(e.position)}, Phase: run.PhaseWaiting,
			Steps: []run.StepChange{{Position: e.position, Status: run.StatusProcessing, WaitingUntil: until}}})
		if err != nil {
			return nil, err
		}
	}
	if !time.Now().Before(until) {
		return nil, nil
	}
	next := t.next(engine.MoveWait)
	next.Wait = &engine.Wait{Until: until, Summary: e.step.Name}
	return &next, nil
}

// isBusy says that there is no memory to render in now: nothing is wrong with the step.
func isBusy(err error) bool { return fault.KindOf(err) == fault.Unavailable }

// refuse fails a step that cannot run. Its log tells that it began all the same.
func (t *turn) refuse(ctx context.Context, position int, failure engine.Failure) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := t.note(ctx, run.Entry{Events: []run.NewEvent{t.beginning(position)}}); err != nil {
		return err
	}
	return t.fail(ctx, position, failure)
}

// fail ends a step that failed for good.
func (t *turn) fail(ctx context.Context, position int, failure engine.Failure) error {
	return t.endFailed(ctx, position, run.StatusFailed, failure)
}

// cancel ends the step under way, or the next one, when nothing has gone wrong before; the steps after it are skipped.
func (t *turn) cancel(ctx context.Context, position int) error {
	step := t.step(position)
	if t.situation.PreviousFailed && t.steps[position].Status != run.StatusProcessing {
		return t.skip(ctx, position, plan.PreviousFailed)
	}
	return t.endFailed(ctx, position, run.StatusCancelled, engine.Failure{Name: "Error",
		Message: fmt.Sprintf("Step %s (%s) of task %s has been cancelled.", step.ID, step.Name, t.ID)})
}

func (t *turn) endFailed(ctx context.Context, position int, status run.Status, failure engine.Failure) error {
	told := run.NewEvent{Type: run.EventLog, Key: t.key(position) + "/end",
		Body: run.EventBody{Message: sentence(failure), StepID: t.step(position).ID, Status: run.StatusFailed}}
	return t.note(ctx, run.Entry{Events: []run.NewEvent{told},
		Steps: []run.StepChange{{Position: position, Status: status, Failure: new(run.Failure(failure))}}})
}

func (t *turn) skip(ctx context.Context, position int, reason plan.SkipReason) error {
	step := t.step(position)
	events := []run.NewEvent{{Type: run.EventLog, Key: t.key(position) + "/end", Body: run.EventBody{
		Message: fmt.Sprintf("Skipping step %s %s", step.ID, reason), StepID: step.ID, Status: run.StatusSkipped}}}
	if reason == plan.ConditionFalse {
		events = slices.Insert(events, 0, t.beginning(position))
	}
	return t.note(ctx, run.Entry{Events: events, Steps: []run.StepChange{{Position: position, Status: run.StatusSkipped}}})
}

// completeEmpty ends a step whose each had no items to run: it succeeds with an empty output.
func (t *turn) completeEmpty(ctx context.Context, position int) error {
	empty := json.RawMessage("{}")
	return t.note(ctx, run.Entry{
		Events: []run.NewEvent{t.beginning(position), t.finishing(position)},
		Steps:  []run.StepChange{{Position: position, Status: run.StatusCompleted, Output: empty, Shown: empty}},
	})
}
