package templaterun

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/template"
)

// key is the prefix of the keys of a step's events in this generation of the run: the step's id, and its
// position if an earlier step has the same id.
func (s *runState) key(position int) string {
	id := s.step(position).ID
	if slices.ContainsFunc(s.Spec.Steps[:position], func(earlier template.Step) bool { return earlier.ID == id }) {
		id = fmt.Sprintf("%s#%d", id, position)
	}
	return fmt.Sprintf("%d/%s", s.Generation, id)
}

func (s *runState) stepStarted(position int) run.NewEvent {
	step := s.step(position)
	return run.NewEvent{Type: run.EventLog, Key: s.key(position) + "/begin",
		Body: run.EventBody{Message: "Beginning step " + step.Name, StepID: step.ID, Status: run.StatusProcessing}}
}

func (s *runState) stepFinished(position int) run.NewEvent {
	step := s.step(position)
	return run.NewEvent{Type: run.EventLog, Key: s.key(position) + "/end",
		Body: run.EventBody{Message: "Finished step " + step.Name, StepID: step.ID, Status: run.StatusCompleted}}
}

func (s *runState) runCompleted(status run.Status, output json.RawMessage, failure *fault.Failure) run.NewEvent {
	body := run.EventBody{Message: "Run completed with status: " + string(status), Output: output}
	if failure != nil {
		// The advice is not part of Backstage's event. The run has it.
		body.Error = &fault.Failure{Name: failure.Name, Message: failure.Message}
	}
	return run.NewEvent{Type: run.EventCompletion, Key: fmt.Sprintf("%d/completion", s.Generation), Body: body}
}

// outputWarnings are log lines about expressions of the template's output that could not be evaluated.
func (s *runState) outputWarnings(warnings []string) []run.NewEvent {
	var events []run.NewEvent
	for i, warning := range warnings {
		events = append(events, run.NewEvent{Type: run.EventLog, Key: fmt.Sprintf("%d/output/%d", s.Generation, i),
			Body: run.EventBody{Message: run.WarnLevel + warning}})
	}
	return events
}

// mask masks secrets in lines.
func (s *runState) mask(lines []string) []string {
	shown := make([]string, len(lines))
	for i, line := range lines {
		shown[i] = s.redact.Text(line)
	}
	return shown
}

// failureText is a failure as the log shows it: the error, and below it the advice.
func failureText(f fault.Failure) string {
	if f.Advice == "" {
		return f.Name + ": " + f.Message
	}
	return f.Name + ": " + f.Message + "\n" + f.Advice
}

// The advice for errors that have none of their own.
const (
	adviceAfterPassing = "Retry when that has passed: the run goes on from this step." //nolint:gosec // no password
	adviceAfterFinal   = "Mend the cause and retry: the run goes on from this step. If it lies in the template or in a value, start a new run."
)

// failure is an error as people see it: its name in Backstage's terms, its message without secrets, and
// advice.
func (s *runState) failure(err error) fault.Failure {
	failure := fault.Failure{Name: "Error", Message: s.redact.Text(s.expressionErrors.Explain(err).Error()), Advice: s.redact.Text(action.Advice(err))}
	if failure.Advice == "" {
		failure.Advice = adviceAfterFinal
		if action.IsTransient(err) {
			failure.Advice = adviceAfterPassing
		}
	}
	if kind := fault.KindOf(err); kind != "" {
		failure.Name = string(kind)
	}
	return failure
}
