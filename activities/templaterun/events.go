package templaterun

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/template"
)

// key begins the key of every event of a step in this generation of the run: its id, and its position where a step before
// has the same one.
func (a *account) key(position int) string {
	id := a.step(position).ID
	if slices.ContainsFunc(a.Spec.Steps[:position], func(earlier template.Step) bool { return earlier.ID == id }) {
		id = fmt.Sprintf("%s#%d", id, position)
	}
	return fmt.Sprintf("%d/%s", a.Generation, id)
}

func (a *account) beginning(position int) run.NewEvent {
	step := a.step(position)
	return run.NewEvent{Type: run.EventLog, Key: a.key(position) + "/begin",
		Body: run.EventBody{Message: "Beginning step " + step.Name, StepID: step.ID, Status: run.StatusProcessing}}
}

func (a *account) finishing(position int) run.NewEvent {
	step := a.step(position)
	return run.NewEvent{Type: run.EventLog, Key: a.key(position) + "/end",
		Body: run.EventBody{Message: "Finished step " + step.Name, StepID: step.ID, Status: run.StatusCompleted}}
}

func (a *account) completion(status run.Status, output json.RawMessage, failure *run.Failure) run.NewEvent {
	body := run.EventBody{Message: "Run completed with status: " + string(status), Output: output}
	if failure != nil {
		// Only what Backstage's clients know; what to do next is on the run itself.
		body.Error = &run.Failure{Name: failure.Name, Message: failure.Message}
	}
	return run.NewEvent{Type: run.EventCompletion, Key: fmt.Sprintf("%d/completion", a.Generation), Body: body}
}

// outputWarnings tell what of the template's output could not be evaluated.
func (a *account) outputWarnings(warnings []string) []run.NewEvent {
	var events []run.NewEvent
	for i, warning := range warnings {
		events = append(events, run.NewEvent{Type: run.EventLog, Key: fmt.Sprintf("%d/output/%d", a.Generation, i),
			Body: run.EventBody{Message: run.WarnLevel + warning}})
	}
	return events
}

// masked are lines without secrets.
func (a *account) masked(lines []string) []string {
	shown := make([]string, len(lines))
	for i, line := range lines {
		shown[i] = a.redact.Text(line)
	}
	return shown
}

// sentence is a failure as the log tells it: what happened, and beneath it what to do.
func sentence(f engine.Failure) string {
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

// describe is what people read of an error: its name in Backstage's terms, its message without secrets, and the next move.
func (a *account) describe(err error) engine.Failure {
	failure := engine.Failure{Name: "Error", Message: a.redact.Text(a.broken.Because(err).Error()), Next: a.redact.Text(action.Advice(err))}
	if failure.Next == "" {
		failure.Next = adviceAfterFinal
		if action.IsTransient(err) {
			failure.Next = adviceAfterPassing
		}
	}
	if classified, is := errors.AsType[*action.Error](err); is && classified.Name != "" {
		failure.Name = classified.Name
	} else if kind := fault.KindOf(err); kind != "" {
		failure.Name = string(kind)
	}
	return failure
}
