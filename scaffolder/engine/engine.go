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
}

// Command tells the workflow of a run to look at its record and go on. Generation makes a repeated command recognisable.
type Command struct {
	RunID      string `json:"runId"`
	Generation int    `json:"generation"`
	// Summary is shown in the Temporal Web UI: the template's title and what it makes.
	Summary string `json:"summary,omitempty"`
}

// Names that the workflow and its activities, its signals and the Temporal Web UI know each other by. An action runs
// under its own id.
const (
	WorkflowTemplateRun = "TemplateRun"

	SignalContinue = "continue"
	SignalCancel   = "cancel"

	ActivityBeginRun      = "begin run"
	ActivityPrepareStep   = "prepare step"
	ActivityBeginWait     = "begin wait"
	ActivityFailStep      = "fail step"
	ActivityFinishRun     = "finish run"
	ActivityBeginRollback = "begin rollback"
	ActivityUndoEffect    = "undo effect"
	ActivityEndRollback   = "end rollback"
	ActivityExpireRun     = "expire run"
)

// Mode is what a run that is taken up is to do.
type Mode string

// A run that is begun, retried, or started twice executes its steps, undoes its effects, or rests.
const (
	ModeExecute  Mode = "execute"
	ModeRollBack Mode = "rollBack"
	// ModeRest: the record says that the run has ended; there is nothing to do.
	ModeRest Mode = "rest"
)

// Plan is what the workflow needs to know of a run to drive it.
type Plan struct {
	Mode       Mode       `json:"mode"`
	Generation int        `json:"generation"`
	Steps      []PlanStep `json:"steps,omitempty"`
	// Workspace is the digest of the snapshot that the last completed step left.
	Workspace string `json:"workspace,omitempty"`
	// Effects are the effects to undo, in the order to undo them.
	Effects []PlanEffect `json:"effects,omitempty"`
	// RollBackOnFailure undoes a failed run without asking.
	RollBackOnFailure bool     `json:"rollBackOnFailure,omitempty"`
	Settings          Settings `json:"settings"`
}

// PlanStep is one step of a plan.
type PlanStep struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Done steps were completed or skipped before and are not run again.
	Done bool `json:"done,omitempty"`
}

// PlanEffect is one effect to undo.
type PlanEffect struct {
	ID      string `json:"id"`
	Summary string `json:"summary"`
}

// Settings pace the engine; they travel with the plan so that a replay sees what the run saw.
type Settings struct {
	StepTimeout      time.Duration `json:"stepTimeout"`
	HeartbeatTimeout time.Duration `json:"heartbeatTimeout"`
	InitialInterval  time.Duration `json:"initialInterval"`
	MaximumInterval  time.Duration `json:"maximumInterval"`
	MaximumAttempts  int           `json:"maximumAttempts"`
	ParkedExpiry     time.Duration `json:"parkedExpiry"`
}

// StepRequest asks to prepare a step.
type StepRequest struct {
	RunID      string `json:"runId"`
	Generation int    `json:"generation"`
	Position   int    `json:"position"`
	// PreviousFailed and Cancelled say what happened to the run so far.
	PreviousFailed bool `json:"previousFailed,omitempty"`
	Cancelled      bool `json:"cancelled,omitempty"`
}

// Prepared says how to run a step. Neither Skip nor Failure means that it runs.
type Prepared struct {
	Skip bool `json:"skip,omitempty"`
	// Failure is why the step cannot run: bad input, an unknown action.
	Failure *Failure `json:"failure,omitempty"`
	Action  string   `json:"action,omitempty"`
	// Quick actions run in the workflow worker itself.
	Quick bool `json:"quick,omitempty"`
	// Iterations are the executions to do, in order.
	Iterations []PreparedIteration `json:"iterations,omitempty"`
}

// PreparedIteration is one execution of a step's action.
type PreparedIteration struct {
	// Index is the position among all iterations of the step, those that do not run included.
	Index int `json:"index"`
	// Wait is how long to wait before the action runs: a durable timer, which holds no worker.
	Wait time.Duration `json:"wait,omitempty"`
}

// ActionRequest asks to run a step's action once.
type ActionRequest struct {
	RunID      string `json:"runId"`
	Generation int    `json:"generation"`
	Position   int    `json:"position"`
	Iteration  int    `json:"iteration"`
	// PreviousFailed says that an earlier step failed, as it did when this one was prepared.
	PreviousFailed bool `json:"previousFailed,omitempty"`
	// First and Last mark the first and the last execution of the step: they tell of its beginning and its end.
	First     bool   `json:"first,omitempty"`
	Last      bool   `json:"last,omitempty"`
	Workspace string `json:"workspace,omitempty"`
}

// Wait records that a step waits until a time; its timer is the workflow's.
type Wait struct {
	ActionRequest
	Until time.Time `json:"until"`
}

// ActionResult is what an action left besides its output, which is in the run's record.
type ActionResult struct {
	// Workspace is the digest of the snapshot to go on from.
	Workspace string `json:"workspace,omitempty"`
}

// Failure is an error as people see it, redacted.
type Failure struct {
	Name    string `json:"name"`
	Message string `json:"message"`
	Next    string `json:"next,omitempty"`
}

// FailedStep records that a step failed for good.
type FailedStep struct {
	RunID      string  `json:"runId"`
	Generation int     `json:"generation"`
	Position   int     `json:"position"`
	Failure    Failure `json:"failure"`
	Cancelled  bool    `json:"cancelled,omitempty"`
}

// Finish ends a run. Without a Failure it completed.
type Finish struct {
	RunID      string `json:"runId"`
	Generation int    `json:"generation"`
	// FailedStep and Failure are the first step that failed and why.
	FailedStep string   `json:"failedStep,omitempty"`
	Failure    *Failure `json:"failure,omitempty"`
	Cancelled  bool     `json:"cancelled,omitempty"`
}

// Finished answers a Finish. Failure is set when the run's output could not be rendered.
type Finished struct {
	Failure *Failure `json:"failure,omitempty"`
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
