// Package templaterun holds the activities behind the TemplateRun workflow: they carry a run on, run actions, undo
// effects, and keep the run's record. Each may be run again after a crash at any instruction; what it told the record
// the first time is not told twice.
package templaterun

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/template"
	"github.com/portico-dev/portico/telemetry"
)

// Workspaces keeps the files of runs between steps, as snapshots known by their digest. The digest "" is the empty
// workspace.
type Workspaces interface {
	// Open gives a directory of the caller's own that holds the snapshot; release removes it.
	Open(ctx context.Context, digest string) (dir *os.Root, release func(), err error)
	// Save keeps a directory's content and answers its digest.
	Save(ctx context.Context, dir *os.Root) (digest string, err error)
}

// Options are what the activities work with; all of it is needed but what may be nil.
type Options struct {
	Log        *slog.Logger
	Runs       *run.Store
	Planner    *plan.Planner
	Actions    *action.Registry
	Workspaces Workspaces
	Settings   engine.Settings
	// Patience is how long a run may fail to be carried on for a reason of its own before it is parked; 0 has none.
	Patience time.Duration
	// Telemetry records a span and the duration of every attempt of a step; nil records nothing.
	Telemetry *telemetry.Telemetry
	// Redeliveries knows which runs Temporal gave out a second time; nil knows of none.
	Redeliveries *Redeliveries
}

// Activities are the activities of template runs. They are safe for concurrent use.
type Activities struct {
	Options
	troubles troubles
	// suspects are made out of what a worker did not come back from before.
	suspects *dock
}

// New makes the activities.
func New(options Options) *Activities {
	return &Activities{Options: options, suspects: newDock()}
}

// Register makes a worker run the activities, each action under its own id.
func (a *Activities) Register(registry worker.ActivityRegistry) {
	for name, function := range map[string]any{
		engine.ActivityAdvance:     a.advance,
		engine.ActivityUndoEffect:  a.undoEffect,
		engine.ActivityEndRollback: a.endRollback,
		engine.ActivityExpireRun:   a.expireRun,
	} {
		registry.RegisterActivityWithOptions(function, activity.RegisterOptions{Name: name})
	}
	for _, each := range a.Actions.All() {
		registry.RegisterActivityWithOptions(a.runAction(each), activity.RegisterOptions{Name: each.Describe().ID})
	}
}

// recordTimeout bounds one reading or writing of a run's record.
const recordTimeout = 30 * time.Second

// account is a run as an activity found it on its record.
type account struct {
	run.Run
	claim     run.Claim
	steps     []run.Step
	situation plan.Situation
	redact    run.Redactor
	// broken are the expressions of the step at hand that could not be evaluated: if it fails, they may be why.
	broken plan.Broken
	// warnings are what the log of that step begins with.
	warnings []string
	// tell leaves an entry on the run's record: at once, or together with others at the end of a turn.
	tell func(context.Context, run.Entry) error
}

// open reads a run's account from its record. The context that it answers is of the run, for log lines and spans.
func (a *Activities) open(ctx context.Context, runID string) (within context.Context, opened *account, err error) {
	within = ctx
	defer fault.Recover(&err)
	id, err := uuid.Parse(runID)
	if err != nil {
		return within, nil, fmt.Errorf("run id %q: %w", runID, err)
	}
	within = telemetry.ForRun(ctx, id)
	reading, cancel := context.WithTimeout(within, recordTimeout)
	defer cancel()
	state, err := a.Runs.State(reading, id)
	if err != nil {
		return within, nil, err
	}
	opened = &account{Run: state.Run, claim: state.Claim, steps: state.Steps, redact: run.NewRedactor(state.Secrets, a.Planner.EnvironmentSecrets()),
		tell: func(ctx context.Context, entry run.Entry) error { return a.Runs.Record(ctx, state.Claim, entry) }}
	opened.situation = plan.Situation{TaskID: runID, Spec: &opened.Spec, Secrets: state.Secrets}
	for _, output := range state.Outputs {
		opened.situation.Outputs = append(opened.situation.Outputs, plan.Output(output))
	}
	opened.situation.PreviousFailed = opened.failedStep() != nil
	return a.Telemetry.InRun(within, opened.Observed()), opened, nil
}

// deciding is the account of the step that a decision is about. What the step made out of secrets is masked in what people
// see of that step only: elsewhere it may be innocent words.
func (a *account) deciding(decision plan.Decision) *account {
	own := *a
	own.redact, own.broken, own.warnings = a.redact.Also(decision.Derived), decision.Broken, decision.Warnings()
	return &own
}

func (a *account) step(position int) template.Step { return a.Spec.Steps[position] }

// failedStep is the first step that failed or was cancelled, nil when all went well so far.
func (a *account) failedStep() *run.Step {
	for i, step := range a.steps {
		if step.Status == run.StatusFailed || step.Status == run.StatusCancelled {
			return &a.steps[i]
		}
	}
	return nil
}

// workspace is the digest of the snapshot that the last step left.
func (a *account) workspace() string {
	digest := ""
	for _, step := range a.steps {
		if step.Workspace != "" {
			digest = step.Workspace
		}
	}
	return digest
}

// expireRun ends the waiting of a parked run: its secrets go, its record stays, and a retry begins a new execution.
func (a *Activities) expireRun(ctx context.Context, command engine.Command) error {
	id, err := uuid.Parse(command.RunID)
	if err != nil {
		return fmt.Errorf("run id %q: %w", command.RunID, err)
	}
	return a.Runs.ForgetSecrets(ctx, id)
}
