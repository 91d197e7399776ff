// Package engine is the contract of the run engine: what the scaffolder asks of it, and what its workflow and its
// activities say to each other. It holds types only. No secret and nothing large is among them: they name a run, and
// what it holds is read from its record.
package engine

import (
	"context"
	"time"
)

// Engine runs templates durably. Package workflows implements it on Temporal.
type Engine interface {
	// Start begins the run, or takes up a reopened one. Starting what is under way changes nothing, so it may be
	// repeated after a crash.
	Start(ctx context.Context, command Command) error
	// Cancel stops the run at the next safe point. A run that is not moving is left as it is.
	Cancel(ctx context.Context, runID string) error
	// Condition says how what drives the run fares.
	Condition(ctx context.Context, runID string) (Condition, error)
	// Abandon ends what drives the run, for a reason, so that it can be started anew. Where nothing does it changes nothing.
	Abandon(ctx context.Context, runID, reason string) error
}

// RefusedError says that the engine answered, and will not take this command however often it is sent.
type RefusedError struct{ Err error }

func (e *RefusedError) Error() string { return e.Err.Error() }

// Unwrap gives the cause to errors.Is and errors.As.
func (e *RefusedError) Unwrap() error { return e.Err }

// Condition is how what drives a run fares. The zero value is well.
type Condition struct {
	// Gone says why nothing drives the run any more, "" when something does.
	Gone string
	// Stuck says why what drives it does not get on, "" when it does; StuckSince is since when.
	Stuck      string
	StuckSince time.Time
}

// Command tells the workflow of a run to look at its record and go on. Generation makes a repeated command recognisable.
type Command struct {
	RunID      string `json:"runId"`
	Generation int    `json:"generation"`
	// Summary is shown in the Temporal Web UI: the template's title and what it makes.
	Summary string `json:"summary,omitempty"`
	// Details are shown there beside the history, as Markdown: the steps. They are no part of the workflow's input.
	Details string `json:"-"`
	// Undoing is how far the rollback has come that this continues, nil when there is none.
	Undoing *Undoing `json:"undoing,omitempty"`
}

// Names that the workflow and its activities, its signals and the Temporal Web UI know each other by. An action that
// touches the world outside runs under its own id.
const (
	WorkflowTemplateRun = "TemplateRun"

	SignalContinue = "continue"
	SignalCancel   = "cancel"

	ActivityAdvance     = "advance run"
	ActivityUndoEffect  = "undo effect"
	ActivityEndRollback = "end rollback"
	ActivityExpireRun   = "expire run"
)

// Turn asks to carry a run on from where its record says that it stands, as far as that takes no time and touches
// nothing outside.
type Turn struct {
	RunID string `json:"runId"`
	// Generation is the one that the workflow drives. What happened in an older one than the record's is not told again.
	Generation int `json:"generation"`
	// Failed is the action that the last turn asked for, when it failed for good.
	Failed *FailedAction `json:"failed,omitempty"`
	// Cancelled says that somebody cancelled the run.
	Cancelled bool `json:"cancelled,omitempty"`
	// Undoing is how far the rollback has come, nil before its first effects.
	Undoing *Undoing `json:"undoing,omitempty"`
}

// Undoing is how far a rollback has come.
type Undoing struct {
	// Last is the effect that was undone last, or could not be.
	Last string `json:"last"`
	// Remaining is how many could not be undone so far, Failure why the last of them could not.
	Remaining int      `json:"remaining,omitempty"`
	Failure   *Failure `json:"failure,omitempty"`
}

// FailedAction says that the step at a position failed for good.
type FailedAction struct {
	Position int     `json:"position"`
	Failure  Failure `json:"failure"`
}

// Move is what comes after a turn.
type Move string

// The moves.
const (
	// MoveAct runs an action as an activity of its own.
	MoveAct Move = "act"
	// MoveWait waits until a time.
	MoveWait Move = "wait"
	// MoveRollBack undoes effects.
	MoveRollBack Move = "rollBack"
	// MovePark waits for somebody to decide about the failed run.
	MovePark Move = "park"
	// MoveEnd ends the workflow: nothing can follow.
	MoveEnd Move = "end"
)

// Next answers a turn: what the workflow is to do before the next one.
type Next struct {
	Move       Move     `json:"move"`
	Generation int      `json:"generation"`
	Settings   Settings `json:"settings"`
	// Action is what MoveAct runs.
	Action *Action `json:"action,omitempty"`
	// Wait is what MoveWait waits for.
	Wait *Wait `json:"wait,omitempty"`
	// Effects are what MoveRollBack undoes, in the order to undo them. More says that there are others after these.
	Effects []PlanEffect `json:"effects,omitempty"`
	More    bool         `json:"more,omitempty"`
}

// Action is one execution of a step's action.
type Action struct {
	// ID is the action's id, and the activity's name.
	ID string `json:"id"`
	// Summary is the step's name, for the Temporal Web UI.
	Summary  string `json:"summary"`
	Position int    `json:"position"`
	// Iteration is the position among all iterations of the step, those that do not run included.
	Iteration int `json:"iteration"`
}

// Wait is a wait of a step.
type Wait struct {
	Until time.Time `json:"until"`
	// Summary is the step's name, for the Temporal Web UI.
	Summary string `json:"summary"`
}

// PlanEffect is one effect to undo.
type PlanEffect struct {
	ID      string `json:"id"`
	Summary string `json:"summary"`
}

// Settings pace the engine; they travel with each answer so that a replay sees what the run saw.
type Settings struct {
	StepTimeout      time.Duration `json:"stepTimeout"`
	HeartbeatTimeout time.Duration `json:"heartbeatTimeout"`
	InitialInterval  time.Duration `json:"initialInterval"`
	MaximumInterval  time.Duration `json:"maximumInterval"`
	MaximumAttempts  int           `json:"maximumAttempts"`
	ParkedExpiry     time.Duration `json:"parkedExpiry"`
}

// ActionRequest asks to run a step's action once. What it needs beyond this is in the run's record.
type ActionRequest struct {
	RunID      string `json:"runId"`
	Generation int    `json:"generation"`
	Position   int    `json:"position"`
	Iteration  int    `json:"iteration"`
}

// Failure is an error as people see it, redacted.
type Failure struct {
	Name    string `json:"name"`
	Message string `json:"message"`
	Next    string `json:"next,omitempty"`
}

// Undo asks to undo one effect.
type Undo struct {
	RunID      string `json:"runId"`
	Generation int    `json:"generation"`
	EffectID   string `json:"effectId"`
}

// RollbackEnd records how a rollback ended: Remaining effects could not be undone.
type RollbackEnd struct {
	RunID      string   `json:"runId"`
	Generation int      `json:"generation"`
	Remaining  int      `json:"remaining,omitempty"`
	Failure    *Failure `json:"failure,omitempty"`
}
