// Package engine is the contract of the run engine: the commands of the scaffolder, and the messages between
// the workflow and its activities. It holds types only. No type holds a secret or anything large: a message
// names a run, and the receiver reads the rest from the run's record.
package engine

import (
	"context"
	"time"

	"github.com/portico-dev/portico/fault"
)

// Engine runs templates durably. Package workflows implements it on Temporal.
type Engine interface {
	// Start starts the run, or continues a reopened one. Starting a run that is under way changes nothing, so
	// a caller may repeat it after a crash.
	Start(ctx context.Context, command Command) error
	// Cancel stops the run at the next safe point. It does nothing to a run that is not active.
	Cancel(ctx context.Context, runID string) error
	// Health reports whether the run's workflow is alive and makes progress.
	Health(ctx context.Context, runID string) (Health, error)
	// Terminate ends the run's workflow and records the reason, so that a new workflow can be started.
	// Without a workflow it does nothing.
	Terminate(ctx context.Context, runID, reason string) error
}

// RefusedError is the engine's final refusal of a command: sending it again does not help.
type RefusedError struct{ Err error }

func (e *RefusedError) Error() string { return e.Err.Error() }

// Unwrap gives the cause to errors.Is and errors.As.
func (e *RefusedError) Unwrap() error { return e.Err }

// Health is the state of a run's workflow. The zero value is a healthy workflow.
type Health struct {
	// Gone says why the run has no workflow any more, "" when it has one.
	Gone string
	// Stuck says why the workflow makes no progress, "" when it does; StuckSince is the time since when.
	Stuck      string
	StuckSince time.Time
}

// Command tells the workflow of a run to read the run's record and to continue. Generation identifies a
// repeated command.
type Command struct {
	RunID      string `json:"runId"`
	Generation int    `json:"generation"`
	// Summary is shown in the Temporal Web UI: the template's title and the subject of the run.
	Summary string `json:"summary,omitempty"`
	// Details are the steps as Markdown, shown there beside the history. They are not part of the workflow's
	// input.
	Details string `json:"-"`
	// Labels are the search attributes and the memo of the workflow. They are not part of its input.
	Labels Labels `json:"-"`
	// URL is the run's page in the portal, "" when it is not known. The engine sets it.
	URL string `json:"url,omitempty"`
	// Searchable says that the namespace has Portico's search attributes. The engine sets it; the workflow
	// then updates them.
	Searchable bool `json:"searchable,omitempty"`
	// Rollback is the progress of the rollback that this command continues, nil when there is none.
	Rollback *RollbackProgress `json:"undoing,omitempty"`
}

// Labels are what runs are found by in Temporal. None of them is a secret.
type Labels struct {
	// Template is the reference of the template, Subject is what the run makes.
	Template, Subject string
	// StartedBy is the subject of the principal who started the run.
	StartedBy string
}

// MaxFailureText bounds each text of a Progress's failure, in bytes: it is part of the workflow's history,
// and the record of the run has all of it.
const MaxFailureText = 2000

// Progress is the state of a run as the Temporal Web UI shows it, with secrets masked as in the run's record.
type Progress struct {
	// State is the run's phase.
	State string `json:"state,omitempty"`
	// Step is the id of the current step or of the step that failed, "" when there is none.
	Step string `json:"step,omitempty"`
	// Failure is why the run failed, nil when it did not.
	Failure *fault.Failure `json:"failure,omitempty"`
	// Details are the steps with their statuses as Markdown, "" when the run is done.
	Details string `json:"details,omitempty"`
}

// The states of Progress that decide how a workflow ends. They are phases of the run's record.
const (
	StateDone       = "done"
	StateParked     = "parked"
	StateCancelled  = "cancelled"
	StateRolledBack = "rolledBack"
)

// Names of the workflow, its signals and its activities in Temporal. An action that has effects outside of
// Portico is an activity with the action's id as its name.
const (
	WorkflowTemplateRun = "TemplateRun"

	SignalContinue = "continue"
	SignalCancel   = "cancel"
	// SignalWake ends a wait early: what it waits for may have happened. It carries nothing.
	SignalWake = "wake"

	ActivityAdvance     = "advance run"
	ActivityUndoEffect  = "undo effect"
	ActivityEndRollback = "end rollback"
	ActivityExpireRun   = "expire run"
)

// ErrorStuck is the type of the final error of ActivityEndRollback when the rollback could not be recorded
// and the run was parked instead, and the name of the failure on its record.
const ErrorStuck = "StuckError"

// AdvanceRequest is the input of ActivityAdvance: execute the steps of a run from the state in its record, up
// to the first step that has to wait or has effects outside of Portico.
type AdvanceRequest struct {
	RunID string `json:"runId"`
	// Generation is the one that the workflow drives. Failed is ignored when the record has a newer one.
	Generation int `json:"generation"`
	// Failed is the action of the last answer, when it failed and will not be retried.
	Failed *FailedAction `json:"failed,omitempty"`
	// Cancelled says that somebody cancelled the run.
	Cancelled bool `json:"cancelled,omitempty"`
	// Woken says that the wait of the last answer ended early. An action that asked to be run again later is run now.
	Woken bool `json:"woken,omitempty"`
	// Rollback is the progress of the rollback, nil before its first effects.
	Rollback *RollbackProgress `json:"undoing,omitempty"`
}

// RollbackProgress is how far a rollback has come.
type RollbackProgress struct {
	// Last is the id of the effect that was processed last.
	Last string `json:"last"`
	// Remaining is how many could not be undone so far, Failure why the last of them could not.
	Remaining int            `json:"remaining,omitempty"`
	Failure   *fault.Failure `json:"failure,omitempty"`
}

// FailedAction is the final failure of the step at a position.
type FailedAction struct {
	Position int           `json:"position"`
	Failure  fault.Failure `json:"failure"`
}

// NextKind is the kind of thing that the workflow does next.
type NextKind string

// The kinds. Their values are part of recorded histories.
const (
	// NextAction runs an action as an activity of its own.
	NextAction NextKind = "act"
	// NextWait waits until a time.
	NextWait NextKind = "wait"
	// NextRollback undoes effects.
	NextRollback NextKind = "rollBack"
	// NextPark waits for a person's decision about the failed run.
	NextPark NextKind = "park"
	// NextEnd ends the workflow.
	NextEnd NextKind = "end"
)

// Next is the answer to an AdvanceRequest: what the workflow does before it sends the next one.
type Next struct {
	Kind       NextKind `json:"move"`
	Generation int      `json:"generation"`
	Settings   Settings `json:"settings"`
	Progress   Progress `json:"progress,omitzero"`
	// Action is set for NextAction.
	Action *Action `json:"action,omitempty"`
	// Wait is set for NextWait.
	Wait *Wait `json:"wait,omitempty"`
	// Effects are set for NextRollback, in the order to undo them. More says that others follow after these.
	Effects []EffectRef `json:"effects,omitempty"`
	More    bool        `json:"more,omitempty"`
}

// Action is one execution of a step's action.
type Action struct {
	// ID is the action's id, and the activity's name.
	ID string `json:"id"`
	// Summary is the step's name, for the Temporal Web UI.
	Summary  string `json:"summary"`
	Position int    `json:"position"`
	// Iteration is the index among all iterations of the step, including those that are skipped.
	Iteration int `json:"iteration"`
}

// Wait is a wait of a step.
type Wait struct {
	Until time.Time `json:"until"`
	// Summary is the step's name, for the Temporal Web UI.
	Summary string `json:"summary"`
}

// EffectRef names one effect to undo.
type EffectRef struct {
	ID      string `json:"id"`
	Summary string `json:"summary"`
}

// Settings are the timeouts and retries of a run. Each answer carries them, so that a replay uses the same
// values.
type Settings struct {
	StepTimeout      time.Duration `json:"stepTimeout"`
	HeartbeatTimeout time.Duration `json:"heartbeatTimeout"`
	InitialInterval  time.Duration `json:"initialInterval"`
	MaximumInterval  time.Duration `json:"maximumInterval"`
	MaximumAttempts  int           `json:"maximumAttempts"`
	ParkedExpiry     time.Duration `json:"parkedExpiry"`
}

// ActionRequest asks to run a step's action once. The activity reads everything else from the run's record.
type ActionRequest struct {
	RunID      string `json:"runId"`
	Generation int    `json:"generation"`
	Position   int    `json:"position"`
	Iteration  int    `json:"iteration"`
}

// UndoRequest asks to undo one effect.
type UndoRequest struct {
	RunID      string `json:"runId"`
	Generation int    `json:"generation"`
	EffectID   string `json:"effectId"`
}

// RollbackResult is how a rollback ended: Remaining effects could not be undone.
type RollbackResult struct {
	RunID      string         `json:"runId"`
	Generation int            `json:"generation"`
	Remaining  int            `json:"remaining,omitempty"`
	Failure    *fault.Failure `json:"failure,omitempty"`
}
