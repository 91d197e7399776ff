package templaterun

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/budget"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/run"
)

// runStep plans and executes one step. It answers what the workflow has to do for the step, nil when the step
// has ended.
func (d *driver) runStep(ctx context.Context, position int) (*engine.Next, error) {
	if d.request.Cancelled {
		return nil, d.cancelStep(ctx, position)
	}
	does, unknown := d.Actions.Lookup(d.step(position).Action)
	scope, err := d.scopeOf(ctx, d.runState, position)
	if err != nil {
		return nil, err
	}
	if len(d.step(position).Each) == 0 {
		var leave func()
		ctx, leave = d.Planner.Enter(ctx) // until its input is recorded: see runIteration
		defer leave()
	}
	decision, err := d.decide(ctx, d.runState, scope, position, unknown != nil || does.Describe().Quick)
	if isBusy(err) {
		return nil, err
	}
	if err != nil {
		return nil, d.rejectStep(ctx, position, d.failure(err))
	}
	if decision.Skip != "" {
		return nil, d.skipStep(ctx, position, decision.Skip)
	}
	permit, err := d.Access.Permit(ctx, d.Starter, d.step(position))
	if err != nil {
		return nil, err
	}
	if err = unknown; err == nil {
		err = d.Planner.CheckInputs(ctx, &decision, does.Describe(), d.steps[position].IterationsDone, permit)
		d.recordDenial(ctx, d.runState, err)
	}
	if isBusy(err) {
		return nil, err
	}
	stepState := d.forStep(decision)
	if err != nil {
		return nil, d.rejectStep(ctx, position, stepState.failure(err))
	}
	return d.runIterations(ctx, stepState, position, does, decision)
}

// runIterations executes the iterations that are not done: one for a step without each.
func (d *driver) runIterations(ctx context.Context, stepState *runState, position int, does action.Action, decision plan.Decision) (*engine.Next, error) {
	for index, iteration := range decision.Iterations {
		if index < d.steps[position].IterationsDone || !iteration.Run {
			continue
		}
		next, err := d.runIteration(ctx, stepState, position, index, does, decision)
		if err != nil || next != nil || d.steps[position].Status.Ended() {
			return next, err
		}
	}
	if d.steps[position].Status.Ended() {
		return nil, nil
	}
	return nil, d.completeWithoutItems(ctx, position)
}

// runIteration executes one iteration, or answers what the workflow has to do for it. The memory of rendering
// is held until a large input is on the record: to mask, log and write it takes as much again, and other runs
// would render theirs meanwhile.
func (d *driver) runIteration(ctx context.Context, stepState *runState, position, index int, does action.Action, decision plan.Decision) (*engine.Next, error) {
	ctx, leave := d.Planner.Enter(ctx)
	defer leave()
	e, err := d.execution(ctx, stepState, does, position, index, decision)
	if err != nil {
		return nil, err
	}
	if next, err := d.wait(ctx, e); err != nil || next != nil || d.steps[position].Status.Ended() {
		return next, err
	}
	if !does.Describe().Quick {
		next := d.next(engine.NextAction)
		next.Action = &engine.Action{ID: does.Describe().ID, Summary: e.step.Name, Position: position, Iteration: index}
		return &next, nil
	}
	failed, err := e.attempt(ctx)
	switch {
	case err != nil:
		return nil, err
	case failed != nil && failed.again:
		err = failed.retry(d.backoff(d.steps[position].FailedAttempts))
	case failed != nil:
		err = d.failStep(ctx, position, failed.failure)
	}
	if err == nil && len(e.iteration.Input) > budget.FreeBytes {
		err = d.flush(ctx)
	}
	return nil, err
}

// backoff is the pause after so many failed attempts.
func (d *driver) backoff(attempts int) time.Duration {
	pause := d.Settings.InitialInterval
	for range attempts - 1 {
		pause = min(2*pause, d.Settings.MaximumInterval)
	}
	return pause
}

// wait answers the wait with which the action begins, or which it has asked for; nil when there is none, or it is
// over. An action that fails to answer how long fails its step.
func (d *driver) wait(ctx context.Context, e *execution) (*engine.Next, error) {
	until := d.steps[e.position].WaitingUntil
	if waiter, waits := e.does.(action.Waiter); waits && until.IsZero() {
		duration, err := waiter.Wait(&action.Call{RunID: d.ID.String(), StepID: e.step.ID, Input: e.iteration.Input})
		if err != nil {
			return nil, d.rejectStep(ctx, e.position, e.failure(err))
		}
		if duration <= 0 {
			return nil, nil
		}
		until = time.Now().Add(duration)
		err = d.record(ctx, run.Entry{Events: []run.NewEvent{d.stepStarted(e.position)}, Phase: run.PhaseWaiting,
			Steps: []run.StepChange{{Position: e.position, Status: run.StatusProcessing, WaitingUntil: until}}})
		if err != nil {
			return nil, err
		}
	}
	isWoken := d.request.Woken && e.looksAgain() // the time of a Waiter is never cut short
	if isWoken || !time.Now().Before(until) {
		return nil, nil
	}
	next := d.next(engine.NextWait)
	next.Wait = &engine.Wait{Until: until, Summary: e.step.Name}
	return &next, nil
}

// isBusy says that there is no free memory for rendering. The step is not at fault: it is tried again.
func isBusy(err error) bool { return fault.KindOf(err) == fault.Unavailable }

// rejectStep fails a step that cannot be executed. Its log shows its beginning all the same, as in Backstage.
func (d *driver) rejectStep(ctx context.Context, position int, failure fault.Failure) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := d.record(ctx, run.Entry{Events: []run.NewEvent{d.stepStarted(position)}}); err != nil {
		return err
	}
	return d.failStep(ctx, position, failure)
}

// failStep ends a step as failed.
func (d *driver) failStep(ctx context.Context, position int, failure fault.Failure) error {
	return d.endStep(ctx, position, run.StatusFailed, failure)
}

// cancelStep ends the current step as cancelled, or the next one when none has failed. The steps after it are
// skipped.
func (d *driver) cancelStep(ctx context.Context, position int) error {
	step := d.step(position)
	if d.scope.PreviousFailed && d.steps[position].Status != run.StatusProcessing {
		return d.skipStep(ctx, position, plan.PreviousFailed)
	}
	return d.endStep(ctx, position, run.StatusCancelled, fault.Failure{Name: "Error",
		Message: fmt.Sprintf("Step %s (%s) of task %s has been cancelled.", step.ID, step.Name, d.ID)})
}

func (d *driver) endStep(ctx context.Context, position int, status run.Status, failure fault.Failure) error {
	event := run.NewEvent{Type: run.EventLog, Key: d.key(position) + "/end",
		Body: run.EventBody{Message: failureText(failure), StepID: d.step(position).ID, Status: run.StatusFailed}}
	return d.record(ctx, run.Entry{Events: []run.NewEvent{event},
		Steps: []run.StepChange{{Position: position, Status: status, Failure: new(failure)}}})
}

func (d *driver) skipStep(ctx context.Context, position int, reason plan.SkipReason) error {
	step := d.step(position)
	events := []run.NewEvent{{Type: run.EventLog, Key: d.key(position) + "/end", Body: run.EventBody{
		Message: fmt.Sprintf("Skipping step %s %s", step.ID, reason), StepID: step.ID, Status: run.StatusSkipped}}}
	if reason == plan.ConditionFalse {
		events = slices.Insert(events, 0, d.stepStarted(position))
	}
	return d.record(ctx, run.Entry{Events: events, Steps: []run.StepChange{{Position: position, Status: run.StatusSkipped}}})
}

// completeWithoutItems ends a step whose each had no items to run: it completes with an empty output.
func (d *driver) completeWithoutItems(ctx context.Context, position int) error {
	empty := json.RawMessage("{}")
	return d.record(ctx, run.Entry{
		Events: []run.NewEvent{d.stepStarted(position), d.stepFinished(position)},
		Steps:  []run.StepChange{{Position: position, Status: run.StatusCompleted, Output: empty, Shown: empty}},
	})
}
