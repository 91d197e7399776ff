package templaterun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/template"
)

// stepKey begins the key of every event of a step in one generation of the run.
func stepKey(generation int, stepID string) string { return fmt.Sprintf("%d/%s", generation, stepID) }

func beginning(generation int, step template.Step) run.NewEvent {
	return run.NewEvent{Type: run.EventLog, Key: stepKey(generation, step.ID) + "/begin",
		Body: run.EventBody{Message: "Beginning step " + step.Name, StepID: step.ID, Status: run.StatusProcessing}}
}

// prepareStep decides whether a step runs, how often, and whether its input is good. Only a step that is skipped leaves
// something on the record here; one that runs tells of it when its action does.
func (a *Activities) prepareStep(ctx context.Context, request engine.StepRequest) (engine.Prepared, error) {
	l, err := a.load(ctx, request.RunID, request.Generation, request.Position)
	if err != nil {
		return engine.Prepared{}, err
	}
	step := l.step(request.Position)
	if request.Cancelled {
		return engine.Prepared{Skip: true}, a.skip(ctx, l, request.Generation, step, plan.PreviousFailed)
	}
	l.situation.PreviousFailed = request.PreviousFailed
	decision, err := a.Planner.Decide(ctx, l.situation, step)
	if err != nil {
		return a.unprepared(ctx, l, request.Generation, step, err)
	}
	if decision.Skip != "" {
		return engine.Prepared{Skip: true}, a.skip(ctx, l, request.Generation, step, decision.Skip)
	}
	prepared, err := a.prepareIterations(l, step, decision)
	if err != nil {
		return a.unprepared(ctx, l, request.Generation, step, err)
	}
	if len(prepared.Iterations) == 0 {
		return engine.Prepared{Skip: true}, a.completeEmpty(ctx, l, request.Generation, step)
	}
	return prepared, nil
}

func (a *Activities) prepareIterations(l *loaded, step template.Step, decision plan.Decision) (engine.Prepared, error) {
	does, err := a.Actions.Lookup(step.Action)
	if err != nil {
		return engine.Prepared{}, err
	}
	prepared := engine.Prepared{Action: step.Action, Quick: does.Describe().Quick}
	for i, iteration := range decision.Iterations {
		if !iteration.Run {
			continue
		}
		if err := checkInput(does.Describe(), iteration); err != nil {
			return engine.Prepared{}, err
		}
		next := engine.PreparedIteration{Index: i}
		if waiter, waits := does.(action.Waiter); waits {
			next.Wait, err = waiter.Wait(&action.Call{RunID: l.id.String(), StepID: step.ID, Input: iteration.Input})
			if err != nil {
				return engine.Prepared{}, err
			}
		}
		prepared.Iterations = append(prepared.Iterations, next)
	}
	return prepared, nil
}

// checkInput holds a rendered input to the action's schema.
func checkInput(does action.Description, iteration plan.Iteration) error {
	err := does.CheckInput(iteration.Name(does.ID), iteration.Input)
	if _, refused := errors.AsType[*action.Error](err); refused {
		return action.Advise(err, "Correct the step's input in the template, or the value that it came from, and start a new run.")
	}
	return err
}

// unprepared tells that the step began and why it cannot run.
func (a *Activities) unprepared(ctx context.Context, l *loaded, generation int, step template.Step, cause error) (engine.Prepared, error) {
	failure := l.failure(cause)
	return engine.Prepared{Failure: &failure}, a.tell(ctx, l, run.Entry{
		Events: []run.NewEvent{beginning(generation, step)},
		Step:   &run.StepChange{StepID: step.ID, Status: run.StatusProcessing},
	})
}

func (a *Activities) skip(ctx context.Context, l *loaded, generation int, step template.Step, reason plan.SkipReason) error {
	events := []run.NewEvent{{Type: run.EventLog, Key: stepKey(generation, step.ID) + "/end", Body: run.EventBody{
		Message: fmt.Sprintf("Skipping step %s %s", step.ID, reason), StepID: step.ID, Status: run.StatusSkipped}}}
	if reason == plan.ConditionFalse {
		events = append([]run.NewEvent{beginning(generation, step)}, events...)
	}
	return a.tell(ctx, l, run.Entry{Events: events, Step: &run.StepChange{StepID: step.ID, Status: run.StatusSkipped}})
}

// completeEmpty ends a step whose each had no items to run: it succeeds with an empty output.
func (a *Activities) completeEmpty(ctx context.Context, l *loaded, generation int, step template.Step) error {
	empty := json.RawMessage("{}")
	return a.tell(ctx, l, run.Entry{
		Events: []run.NewEvent{beginning(generation, step), finishing(generation, step)},
		Step:   &run.StepChange{StepID: step.ID, Status: run.StatusCompleted, Output: empty, Shown: empty},
	})
}

func finishing(generation int, step template.Step) run.NewEvent {
	return run.NewEvent{Type: run.EventLog, Key: stepKey(generation, step.ID) + "/end",
		Body: run.EventBody{Message: "Finished step " + step.Name, StepID: step.ID, Status: run.StatusCompleted}}
}

// beginWait tells that a step began and until when it waits.
func (a *Activities) beginWait(ctx context.Context, wait engine.Wait) error {
	l, err := a.load(ctx, wait.RunID, wait.Generation, wait.Position)
	if err != nil {
		return err
	}
	step := l.step(wait.Position)
	entry := run.Entry{Phase: run.PhaseWaiting,
		Step: &run.StepChange{StepID: step.ID, Status: run.StatusProcessing, WaitingUntil: wait.Until}}
	if wait.First {
		entry.Events = []run.NewEvent{beginning(wait.Generation, step)}
	}
	return a.tell(ctx, l, entry)
}

// failStep tells that a step failed for good.
func (a *Activities) failStep(ctx context.Context, failed engine.FailedStep) error {
	l, err := a.load(ctx, failed.RunID, failed.Generation, failed.Position)
	if err != nil {
		return err
	}
	if l.Generation != failed.Generation {
		return nil // told before a crash, and somebody has decided since
	}
	step := l.step(failed.Position)
	status := run.StatusFailed
	if failed.Cancelled {
		status = run.StatusCancelled
	}
	return a.tell(ctx, l, run.Entry{
		Events: []run.NewEvent{{Type: run.EventLog, Key: stepKey(failed.Generation, step.ID) + "/end", Body: run.EventBody{
			Message: describe(failed.Failure), StepID: step.ID, Status: run.StatusFailed}}},
		Step: &run.StepChange{StepID: step.ID, Status: status, Failure: recordFailure(failed.Failure)},
	})
}

// describe is a failure as the log tells it: what happened, and beneath it what to do.
func describe(f engine.Failure) string {
	if f.Next == "" {
		return f.Name + ": " + f.Message
	}
	return f.Name + ": " + f.Message + "\n" + f.Next
}

// What people can do when the action has no better advice.
const (
	adviceAfterPassing = "Retry when that has passed: the run goes on from this step." //nolint:gosec // no password
	adviceAfterFinal   = "Mend the cause and retry: the run goes on from this step. If it lies in the template or in a value, start a new run."
)

// failure is what people read of an error: its name in Backstage's terms, its message without secrets, and the next move.
func (l *loaded) failure(err error) engine.Failure {
	failure := engine.Failure{Name: "Error", Message: l.redact.Text(err.Error()), Next: l.redact.Text(action.Advice(err))}
	if failure.Next == "" {
		failure.Next = adviceAfterFinal
		if action.IsTransient(err) {
			failure.Next = adviceAfterPassing
		}
	}
	var classified *action.Error
	if errors.As(err, &classified) && classified.Name != "" {
		failure.Name = classified.Name
	} else if kind := fault.KindOf(err); kind != "" {
		failure.Name = string(kind)
	}
	return failure
}
