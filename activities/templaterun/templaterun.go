// Package templaterun holds the activities of the TemplateRun workflow. They execute steps, run actions, undo
// effects, and write the run's record. An activity may crash at any instruction and be run again: what it
// wrote the first time is not written twice.
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

	"github.com/portico-dev/portico/activities/crash"
	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/access"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/template"
	"github.com/portico-dev/portico/telemetry"
)

// Workspaces stores the files of runs between steps as snapshots, by digest. The digest "" is the empty
// workspace.
type Workspaces interface {
	// Open answers a new directory with the snapshot's files; release removes it.
	Open(ctx context.Context, digest string) (dir *os.Root, release func(), err error)
	// Save stores a directory's content and answers its digest.
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
	// StuckTimeout is how long the activities of a run may fail for a reason of the run's own before it is
	// parked; 0 never parks it.
	StuckTimeout time.Duration
	// Telemetry records a span and the duration of every attempt of a step; nil records nothing.
	Telemetry *telemetry.Telemetry
	// Access decides about the inputs of actions; nil allows all.
	Access *access.Runs
	// Refusals records what the actions of a run were denied in the audit log; nil records nothing.
	Refusals *audit.Attempts
	// CrashBudget is that of the process. It intercepts the connection of the worker's client.
	CrashBudget *crash.Budget
}

// Activities are the activities of template runs. They are safe for concurrent use.
type Activities struct {
	Options
	stuckRuns stuckRuns
	items     *itemsMemory
}

// New makes the activities.
func New(options Options) *Activities {
	return &Activities{Options: options, items: newItemsMemory()}
}

// Register registers the activities with a worker, each action under its own id.
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

// recordTimeout bounds one read or write of a run's record.
const recordTimeout = 30 * time.Second

// runState is a run as an activity read it from its record.
type runState struct {
	run.Run
	claim run.Claim
	steps []run.Step
	// scope is what expressions see, but for the outputs: see scopeOf.
	scope   plan.Scope
	outputs *outputs
	redact  run.Redactor
	// expressionErrors are the expressions of the current step that could not be evaluated. They may be why
	// the step fails.
	expressionErrors plan.ExpressionErrors
	// warnings are the first lines of the current step's log.
	warnings []string
	// record writes an entry to the run's record: at once, or, in a driver, together with others.
	record func(context.Context, run.Entry) error
}

// load reads a run's state from its record. The context that it answers is of the run, for log lines and
// spans.
func (a *Activities) load(ctx context.Context, runID string) (within context.Context, state *runState, err error) {
	within = ctx
	defer fault.Recover(&err)
	id, err := uuid.Parse(runID)
	if err != nil {
		return within, nil, fmt.Errorf("run id %q: %w", runID, err)
	}
	within = audit.WithOrigin(telemetry.ForRun(ctx, id), audit.Origin{Run: runID})
	reading, cancel := context.WithTimeout(within, recordTimeout)
	defer cancel()
	read, err := a.Runs.State(reading, id)
	if err != nil {
		return within, nil, err
	}
	state = &runState{Run: read.Run, claim: read.Claim, steps: read.Steps, redact: run.NewRedactor(read.Secrets, a.Planner.EnvironmentSecrets()),
		record: func(ctx context.Context, entry run.Entry) error { return a.Runs.Record(ctx, read.Claim, entry) }}
	state.scope = plan.Scope{TaskID: runID, Spec: &state.Spec, Secrets: read.Secrets}
	before := completed(read.Steps)
	state.outputs = &outputs{read: func(ctx context.Context) ([]action.StepOutput, error) { return a.Runs.Outputs(ctx, id, before) }}
	state.scope.PreviousFailed = state.failedStep() != nil
	return a.Telemetry.InRun(within, read.Observed()), state, nil
}

// forStep is the state with which the step of a decision is executed. Texts that the step derived from
// secrets are masked for that step only: elsewhere they may be ordinary words.
func (s *runState) forStep(decision plan.Decision) *runState {
	stepState := *s
	stepState.redact, stepState.expressionErrors, stepState.warnings = s.redact.Also(decision.Derived), decision.ExpressionErrors, decision.Warnings()
	return &stepState
}

func (s *runState) step(position int) template.Step { return s.Spec.Steps[position] }

// scopeOf is what a step's expressions see. The outputs of earlier steps, which may be large, are read only
// if it uses them.
func (a *Activities) scopeOf(ctx context.Context, state *runState, position int) (scope plan.Scope, err error) {
	scope = state.scope
	items, _ := a.items.Get(state.itemsKey(position))
	if plan.UsesOutputs(state.step(position), items) {
		scope, err = state.scopeWithOutputs(ctx)
	}
	scope.Items = items
	return scope, err
}

func (s *runState) scopeWithOutputs(ctx context.Context) (scope plan.Scope, err error) {
	scope = s.scope
	scope.Outputs, err = s.outputs.all(ctx)
	return scope, err
}

// failedStep is the first step that failed or was cancelled, nil when there is none.
func (s *runState) failedStep() *run.Step {
	for i, step := range s.steps {
		if step.Status == run.StatusFailed || step.Status == run.StatusCancelled {
			return &s.steps[i]
		}
	}
	return nil
}

// workspace is the digest of the snapshot that the last step left.
func (s *runState) workspace() string {
	digest := ""
	for _, step := range s.steps {
		if step.Workspace != "" {
			digest = step.Workspace
		}
	}
	return digest
}

// expireRun deletes the secrets of a parked run whose time to decide is over. The record stays; a retry
// starts a new workflow.
func (a *Activities) expireRun(ctx context.Context, command engine.Command) error {
	id, err := uuid.Parse(command.RunID)
	if err != nil {
		return fmt.Errorf("run id %q: %w", command.RunID, err)
	}
	return a.Runs.ForgetSecrets(ctx, id)
}
