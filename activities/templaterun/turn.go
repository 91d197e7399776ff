package templaterun

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/template"
)

// advance carries a run on: it decides about its steps in order and runs the quick ones, until one has to be done
// outside of this activity, or the run has ended.
func (a *Activities) advance(ctx context.Context, asked engine.Turn) (engine.Next, error) {
	opened, err := a.open(ctx, asked.RunID)
	if err != nil {
		return engine.Next{}, err
	}
	asked.Cancelled = asked.Cancelled || opened.CancelRequested
	t := &turn{Activities: a, account: opened, asked: asked, written: time.Now()}
	opened.tell = t.note
	switch {
	case t.Phase == run.PhaseRollingBack:
		return t.rollBack(ctx)
	case t.Status.Ended():
		return t.rest(ctx)
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
}

// note remembers what happened for the record.
func (t *turn) note(ctx context.Context, entry run.Entry) error {
	t.pending.Add(entry)
	for _, change := range entry.Steps {
		t.apply(change)
	}
	if entry.End != nil {
		t.Status, t.Phase = entry.End.Status, entry.End.Phase
	}
	if time.Since(t.written) < flushInterval {
		return nil
	}
	return t.write(ctx)
}

// apply brings a step up to date, so that the steps after it see what it came to.
func (t *turn) apply(change run.StepChange) {
	at := slices.IndexFunc(t.steps, func(step run.Step) bool { return step.ID == change.StepID })
	if at < 0 {
		return
	}
	step := &t.steps[at]
	step.Apply(change)
	if step.Status == run.StatusCompleted {
		t.situation.Outputs = append(t.situation.Outputs, plan.Output{StepID: step.ID, Output: change.Output})
	}
	t.situation.PreviousFailed = t.failedStep() != nil
}

// write puts what was noted on the record.
func (t *turn) write(ctx context.Context) error {
	entry := t.pending
	t.pending, t.written = run.Entry{}, time.Now()
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	return t.Runs.Record(ctx, t.ID, entry)
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
	if err := t.write(ctx); err != nil {
		return engine.Next{}, err
	}
	return t.rest(ctx)
}

// heed records that an action failed, unless that was told before a crash.
func (t *turn) heed(ctx context.Context, failed *engine.FailedAction) error {
	if failed == nil || t.asked.Generation != t.Generation || t.steps[failed.Position].Status.Ended() {
		return nil
	}
	return t.fail(ctx, failed.Position, failed.Failure)
}

// take carries one step on. It answers what the workflow is to do for the step, nil when the step has ended.
func (t *turn) take(ctx context.Context, position int) (*engine.Next, error) {
	if t.asked.Cancelled {
		return nil, t.cancel(ctx, position)
	}
	step := t.step(position)
	decision, err := t.Planner.Decide(ctx, t.situation, step)
	if err != nil {
		return nil, t.refuse(ctx, position, err)
	}
	if decision.Skip != "" {
		return nil, t.skip(ctx, step, decision.Skip)
	}
	does, err := t.Actions.Lookup(step.Action)
	if err != nil {
		return nil, t.refuse(ctx, position, err)
	}
	if err := checkInputs(does.Describe(), decision); err != nil {
		return nil, t.refuse(ctx, position, err)
	}
	return t.iterate(ctx, position, does, decision)
}

// iterate takes the iterations that are not done: one for a step without each.
func (t *turn) iterate(ctx context.Context, position int, does action.Action, decision plan.Decision) (*engine.Next, error) {
	for index, iteration := range decision.Iterations {
		if _, done := t.steps[position].Iterations[index]; done || !iteration.Run {
			continue
		}
		e := t.execution(t.account, does, position, index, decision)
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
	return nil, t.completeEmpty(ctx, t.step(position))
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
			return nil, t.refuse(ctx, e.position, err)
		}
		if duration <= 0 {
			return nil, nil
		}
		until = time.Now().Add(duration)
		err = t.note(ctx, run.Entry{Events: []run.NewEvent{t.beginning(e.step)}, Phase: run.PhaseWaiting,
			Steps: []run.StepChange{{StepID: e.step.ID, Status: run.StatusProcessing, WaitingUntil: until}}})
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

// checkInputs holds the rendered inputs to the action's schema.
func checkInputs(does action.Description, decision plan.Decision) error {
	for _, iteration := range decision.Iterations {
		if !iteration.Run {
			continue
		}
		err := does.CheckInput(iteration.Name(does.ID), iteration.Input)
		if isRefusal(err) {
			return action.Advise(err, "Correct the step's input in the template, or the value that it came from, and start a new run.")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// refuse fails a step that cannot run. Its log tells that it began all the same.
func (t *turn) refuse(ctx context.Context, position int, cause error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := t.note(ctx, run.Entry{Events: []run.NewEvent{t.beginning(t.step(position))}}); err != nil {
		return err
	}
	return t.fail(ctx, position, t.describe(cause))
}

// fail ends a step that failed for good.
func (t *turn) fail(ctx context.Context, position int, failure engine.Failure) error {
	return t.endFailed(ctx, t.step(position), run.StatusFailed, failure)
}

// cancel ends the step under way, or the next one, when nothing has gone wrong before; the steps after it are skipped.
func (t *turn) cancel(ctx context.Context, position int) error {
	step := t.step(position)
	if t.situation.PreviousFailed && t.steps[position].Status != run.StatusProcessing {
		return t.skip(ctx, step, plan.PreviousFailed)
	}
	return t.endFailed(ctx, step, run.StatusCancelled, engine.Failure{Name: "Error",
		Message: fmt.Sprintf("Step %s (%s) of task %s has been cancelled.", step.ID, step.Name, t.ID)})
}

func (t *turn) endFailed(ctx context.Context, step template.Step, status run.Status, failure engine.Failure) error {
	told := run.NewEvent{Type: run.EventLog, Key: t.key(step) + "/end",
		Body: run.EventBody{Message: sentence(failure), StepID: step.ID, Status: run.StatusFailed}}
	return t.note(ctx, run.Entry{Events: []run.NewEvent{told},
		Steps: []run.StepChange{{StepID: step.ID, Status: status, Failure: new(run.Failure(failure))}}})
}

func (t *turn) skip(ctx context.Context, step template.Step, reason plan.SkipReason) error {
	events := []run.NewEvent{{Type: run.EventLog, Key: t.key(step) + "/end", Body: run.EventBody{
		Message: fmt.Sprintf("Skipping step %s %s", step.ID, reason), StepID: step.ID, Status: run.StatusSkipped}}}
	if reason == plan.ConditionFalse {
		events = slices.Insert(events, 0, t.beginning(step))
	}
	return t.note(ctx, run.Entry{Events: events, Steps: []run.StepChange{{StepID: step.ID, Status: run.StatusSkipped}}})
}

// completeEmpty ends a step whose each had no items to run: it succeeds with an empty output.
func (t *turn) completeEmpty(ctx context.Context, step template.Step) error {
	empty := json.RawMessage("{}")
	return t.note(ctx, run.Entry{
		Events: []run.NewEvent{t.beginning(step), t.finishing(step)},
		Steps:  []run.StepChange{{StepID: step.ID, Status: run.StatusCompleted, Output: empty, Shown: empty}},
	})
}

// finish ends the run: completed with its rendered output, or failed.
func (t *turn) finish(ctx context.Context) error {
	if failed := t.failedStep(); failed != nil {
		return t.finishFailed(ctx, failed.ID, failed.Failure)
	}
	output, err := t.Planner.Output(ctx, t.situation)
	if err != nil {
		return t.finishFailed(ctx, "", &run.Failure{Name: "Error", Message: t.redact.Text(err.Error())})
	}
	output = t.redact.JSON(output)
	return t.note(ctx, run.Entry{
		Events: []run.NewEvent{t.completion(run.StatusCompleted, output, nil)},
		End: &run.Ending{Status: run.StatusCompleted, Phase: run.PhaseDone, Output: output,
			ForgetSecrets: len(t.situation.Secrets) > 0},
	})
}

func (t *turn) finishFailed(ctx context.Context, stepID string, failure *run.Failure) error {
	phase := run.PhaseParked
	if t.asked.Cancelled {
		phase = run.PhaseCancelled
	}
	return t.note(ctx, run.Entry{
		Events: []run.NewEvent{t.completion(run.StatusFailed, nil, failure)},
		End:    &run.Ending{Status: run.StatusFailed, Phase: phase, FailedStep: stepID, Failure: failure},
	})
}

// rest is what follows the end of a run: a failed one is undone when its template asks for that, or waits for somebody
// to decide.
func (t *turn) rest(ctx context.Context) (engine.Next, error) {
	switch {
	case t.Status == run.StatusCompleted, t.Phase == run.PhaseRolledBack:
		return t.next(engine.MoveEnd), nil
	case t.Spec.OnFailure != template.RollBackOnFailure:
		return t.next(engine.MovePark), nil
	}
	if _, err := t.Runs.Reopen(ctx, t.ID, run.RollingBack); err != nil {
		return engine.Next{}, err
	}
	return t.advance(ctx, t.asked)
}

// rollBack answers what the run left to be undone, the last thing first.
func (t *turn) rollBack(ctx context.Context) (engine.Next, error) {
	if err := t.begin(ctx); err != nil {
		return engine.Next{}, err
	}
	effects, err := t.Runs.Effects(ctx, t.ID)
	if err != nil {
		return engine.Next{}, err
	}
	next := t.next(engine.MoveRollBack)
	for _, effect := range slices.Backward(effects) {
		if effect.State != action.EffectUndone {
			next.Effects = append(next.Effects, engine.PlanEffect{ID: effect.ID, Summary: "undo " + effect.Kind + " " + effect.Name})
		}
	}
	return next, t.write(ctx)
}
