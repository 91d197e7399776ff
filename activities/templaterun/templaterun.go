// Package templaterun holds the activities behind the TemplateRun workflow: they prepare steps, run actions, undo
// effects, and keep the run's record. Each may be run again after a crash at any instruction; what it told the record
// the first time is not told twice.
package templaterun

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"os"
	"slices"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/template"
)

// Workspaces keeps the files of runs between steps, as snapshots known by their digest. The digest "" is the empty
// workspace.
type Workspaces interface {
	// Open gives a directory of the caller's own that holds the snapshot; release removes it.
	Open(ctx context.Context, digest string) (dir *os.Root, release func(), err error)
	// Save keeps a directory's content and answers its digest.
	Save(ctx context.Context, dir *os.Root) (digest string, err error)
}

// Options are what the activities work with; all of it is needed.
type Options struct {
	Log        *slog.Logger
	Runs       *run.Store
	Planner    *plan.Planner
	Actions    *action.Registry
	Workspaces Workspaces
	Settings   engine.Settings
}

// Activities are the activities of template runs. They are safe for concurrent use.
type Activities struct {
	Options
	begun begunRuns
}

// New makes the activities.
func New(options Options) *Activities { return &Activities{Options: options} }

// Register makes a worker run the activities, each action under its own id.
func (a *Activities) Register(registry worker.ActivityRegistry) {
	for name, function := range map[string]any{
		engine.ActivityBeginRun:      a.beginRun,
		engine.ActivityPrepareStep:   a.prepareStep,
		engine.ActivityBeginWait:     a.beginWait,
		engine.ActivityFailStep:      a.failStep,
		engine.ActivityFinishRun:     a.finishRun,
		engine.ActivityBeginRollback: a.beginRollback,
		engine.ActivityUndoEffect:    a.undoEffect,
		engine.ActivityEndRollback:   a.endRollback,
		engine.ActivityExpireRun:     a.expireRun,
	} {
		registry.RegisterActivityWithOptions(function, activity.RegisterOptions{Name: name})
	}
	for _, each := range a.Actions.All() {
		registry.RegisterActivityWithOptions(a.runAction(each), activity.RegisterOptions{Name: each.Describe().ID})
	}
}

// allSteps is the position after every step: that of the run's output.
const allSteps = math.MaxInt

// loaded is a run with what its expressions can see.
type loaded struct {
	run.Run
	id        uuid.UUID
	steps     []run.Step
	situation plan.Situation
	redact    run.Redactor
}

// load reads what the expressions of the step at a position see: the run, its secrets, and the outputs of the steps
// before. A local activity makes do with what this worker knows, when that is all there is to know; one that may have
// run on another worker reads the steps anew.
func (a *Activities) load(ctx context.Context, runID string, generation, position int) (*loaded, error) {
	id, err := uuid.Parse(runID)
	if err != nil {
		return nil, fmt.Errorf("run id %q: %w", runID, err)
	}
	begun, known := a.begun.get(id, generation)
	if !known || !begun.knows(position) || !activity.GetInfo(ctx).IsLocalActivity {
		if begun, err = a.read(ctx, id, begun, known); err != nil {
			return nil, err
		}
	}
	return &loaded{Run: begun.run, id: id, steps: begun.steps, redact: begun.redact, situation: plan.Situation{
		TaskID: runID, Spec: &begun.run.Spec, Secrets: begun.secrets, Outputs: begun.outputs}}, nil
}

// read reads a run's steps, and the run itself when it is not known.
func (a *Activities) read(ctx context.Context, id uuid.UUID, begun begunRun, known bool) (begunRun, error) {
	if !known {
		record, err := a.Runs.Get(ctx, id)
		if err != nil {
			return begunRun{}, err
		}
		secrets, err := a.Runs.Secrets(ctx, id)
		if err != nil {
			return begunRun{}, err
		}
		begun = begunRun{run: record, secrets: secrets, redact: run.NewRedactor(secrets, a.Planner.EnvironmentSecrets())}
	}
	steps, outputs, err := a.Runs.StepsAndOutputs(ctx, id)
	if err != nil {
		return begunRun{}, err
	}
	begun.steps, begun.outputs = steps, nil
	for _, output := range outputs {
		begun.outputs = append(begun.outputs, plan.Output(output))
	}
	a.begun.put(begun)
	return begun, nil
}

// tell records what happened to a run, and remembers it.
func (a *Activities) tell(ctx context.Context, l *loaded, entry run.Entry) error {
	if err := a.Runs.Record(ctx, l.id, entry); err != nil {
		a.begun.forget(l.id)
		return err
	}
	a.begun.learn(l.id, l.Generation, entry.Step)
	return nil
}

func (l *loaded) step(position int) template.Step { return l.Spec.Steps[position] }

// beginRun reads what the run is to do now and tells its log that it begins.
func (a *Activities) beginRun(ctx context.Context, command engine.Command) (engine.Plan, error) {
	id, err := uuid.Parse(command.RunID)
	if err != nil {
		return engine.Plan{}, fmt.Errorf("run id %q: %w", command.RunID, err)
	}
	begun, err := a.read(ctx, id, begunRun{}, false)
	if err != nil {
		return engine.Plan{}, err
	}
	record, steps := begun.run, begun.steps
	result := engine.Plan{Generation: record.Generation, Settings: a.Settings, Mode: engine.ModeExecute,
		RollBackOnFailure: record.Spec.OnFailure == "rollback"}
	for _, step := range steps {
		done := step.Status == run.StatusCompleted || step.Status == run.StatusSkipped
		result.Steps = append(result.Steps, engine.PlanStep{ID: step.ID, Name: step.Name, Done: done})
		if step.Workspace != "" {
			result.Workspace = step.Workspace
		}
	}
	switch {
	case record.Phase == run.PhaseRollingBack:
		result.Mode = engine.ModeRollBack
		if result.Effects, err = a.effectsToUndo(ctx, id); err != nil {
			return engine.Plan{}, err
		}
	case record.Status.Ended():
		result.Mode = engine.ModeRest
		return result, nil
	}
	entry := run.Entry{Began: activity.GetInfo(ctx).WorkflowExecution.RunID}
	if record.Generation == 0 {
		entry.Events = []run.NewEvent{{Type: run.EventLog, Key: "0/begin",
			Body: run.EventBody{Message: fmt.Sprintf("Starting up task with %d steps", len(steps))}}}
	}
	return result, a.Runs.Record(ctx, id, entry)
}

func (a *Activities) effectsToUndo(ctx context.Context, id uuid.UUID) ([]engine.PlanEffect, error) {
	effects, err := a.Runs.Effects(ctx, id)
	if err != nil {
		return nil, err
	}
	var undo []engine.PlanEffect
	for _, effect := range slices.Backward(effects) {
		if effect.State != action.EffectUndone {
			undo = append(undo, engine.PlanEffect{ID: effect.ID, Summary: "undo " + effect.Kind + " " + effect.Name})
		}
	}
	return undo, nil
}

// finishRun renders the output and ends the run: completed, or failed and parked.
func (a *Activities) finishRun(ctx context.Context, finish engine.Finish) (engine.Finished, error) {
	l, err := a.load(ctx, finish.RunID, finish.Generation, allSteps)
	if err != nil {
		return engine.Finished{}, err
	}
	defer a.begun.forget(l.id)
	if l.Generation != finish.Generation {
		return engine.Finished{Failure: finish.Failure}, nil // told before a crash, and somebody has decided since
	}
	if finish.Failure != nil {
		return engine.Finished{}, a.endFailed(ctx, l, finish)
	}
	output, err := a.Planner.Output(ctx, l.situation)
	if err != nil {
		finish.Failure = &engine.Failure{Name: "Error", Message: l.redact.Text(err.Error())}
		return engine.Finished{Failure: finish.Failure}, a.endFailed(ctx, l, finish)
	}
	output = l.redact.JSON(output)
	return engine.Finished{}, a.tell(ctx, l, run.Entry{
		Events: []run.NewEvent{completion(l.Generation, run.StatusCompleted, output, nil)},
		End:    &run.Ending{Status: run.StatusCompleted, Phase: run.PhaseDone, Output: output, ForgetSecrets: len(l.situation.Secrets) > 0},
	})
}

func (a *Activities) endFailed(ctx context.Context, l *loaded, finish engine.Finish) error {
	failure := recordFailure(*finish.Failure)
	phase := run.PhaseParked
	if finish.Cancelled {
		phase = run.PhaseCancelled
	}
	return a.tell(ctx, l, run.Entry{
		Events: []run.NewEvent{completion(l.Generation, run.StatusFailed, nil, failure)},
		End:    &run.Ending{Status: run.StatusFailed, Phase: phase, FailedStep: finish.FailedStep, Failure: failure},
	})
}

func completion(generation int, status run.Status, output json.RawMessage, failure *run.Failure) run.NewEvent {
	body := run.EventBody{Message: "Run completed with status: " + string(status), Output: output}
	if failure != nil {
		// Only what Backstage's clients know; what to do next is on the run itself.
		body.Error = &run.Failure{Name: failure.Name, Message: failure.Message}
	}
	return run.NewEvent{Type: run.EventCompletion, Key: fmt.Sprintf("%d/completion", generation), Body: body}
}

func recordFailure(f engine.Failure) *run.Failure {
	return &run.Failure{Name: f.Name, Message: f.Message, Next: f.Next}
}

// expireRun ends the waiting of a parked run: its secrets go, its record stays, and a retry begins a new execution.
func (a *Activities) expireRun(ctx context.Context, command engine.Command) error {
	id, err := uuid.Parse(command.RunID)
	if err != nil {
		return fmt.Errorf("run id %q: %w", command.RunID, err)
	}
	return a.Runs.ForgetSecrets(ctx, id)
}
