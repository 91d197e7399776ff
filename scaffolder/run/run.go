// Package run keeps the record of template runs in Postgres: the run itself with its pinned template, its steps, its
// event log, its sealed secrets and its effects ledger. It decides nothing about how a run goes on; workflows and
// activities do.
package run

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/scaffolder/template"
)

// Status is a run's state in Backstage's words.
type Status string

// The statuses of Backstage's scaffolder. A cancelled run ends as failed, as in the current release.
const (
	StatusOpen       Status = "open"
	StatusProcessing Status = "processing"
	StatusCompleted  Status = "completed"
	StatusFailed     Status = "failed"
	StatusCancelled  Status = "cancelled"
	StatusSkipped    Status = "skipped"
)

// Ended says whether a run in this status is no longer moving.
func (s Status) Ended() bool { return s != StatusOpen && s != StatusProcessing }

// Phase is Portico's finer account of where a run stands.
type Phase string

// The phases. A run that is open or processing is running, waiting or rolling back; one that has ended is in any of the
// others.
const (
	PhaseRunning     Phase = "running"
	PhaseWaiting     Phase = "waiting"     // a timer runs
	PhaseParked      Phase = "parked"      // failed, and waits for somebody to choose
	PhaseRollingBack Phase = "rollingBack" // effects are being undone
	PhaseRolledBack  Phase = "rolledBack"  // nothing is left of it, but for effects that were kept with a reason
	PhaseDone        Phase = "done"
	PhaseCancelled   Phase = "cancelled"
)

// Run is one run of a template.
type Run struct {
	ID          uuid.UUID
	TemplateRef string
	Title       string
	Subject     string
	// Spec is the pinned template with its values, as Backstage shows it. RawSpec is the same, byte for byte as stored.
	Spec      template.TaskSpec
	RawSpec   json.RawMessage
	CreatedBy string
	// Starter is who started it, with all that they were then; nobody for runs of before that was kept, and in lists.
	Starter    identity.Principal
	Status     Status
	Phase      Phase
	Generation int
	CreatedAt  time.Time
	// StartedAt, FinishedAt and LastHeartbeatAt are zero until they happen.
	StartedAt, FinishedAt, LastHeartbeatAt time.Time
	// TimedFrom is a moment such that the run has run from then until FinishedAt, or until now: the time is not counted for which it
	// was parked. It is StartedAt until the run is taken up again, and CreatedAt before it starts.
	TimedFrom time.Time
	// CancelRequested says that somebody cancelled the run; taking it up again forgets it.
	CancelRequested bool
	// Unreturned is how often in a row somebody took something of the run up and did not come back.
	Unreturned int
	// WorkflowRunID is Temporal's id of the latest execution, "" before the workflow was started.
	WorkflowRunID string
	FailedStep    string
	// TraceParent is the span of the request that the run was accepted in, as W3C's traceparent; "" when nothing was traced there.
	TraceParent string
	// Failure is why the run failed, nil when it did not.
	Failure *Failure
	// Cause is the same text for all runs that failed alike: see the function run_cause of the database. "" when the run has not
	// failed, or ended in another way.
	Cause string
	// Output is the rendered output of a completed run.
	Output json.RawMessage
	// Warnings tell what of the template or of its output is not as its author may think, a line each.
	Warnings []string

	// failedStepName is what a list knows without the spec.
	failedStepName string
}

// Cancelling says that somebody cancelled the run, and it has not stopped yet.
func (r Run) Cancelling() bool { return r.CancelRequested && !r.Status.Ended() }

// FailedStepName is what the template calls the step that failed, "" when none did.
func (r Run) FailedStepName() string {
	for _, step := range r.Spec.Steps {
		if step.ID == r.FailedStep {
			return step.Name
		}
	}
	return r.failedStepName
}

// Failure is an error as it is shown: redacted, with the name that Backstage would give it.
type Failure struct {
	Name    string `json:"name"`
	Message string `json:"message"`
	// Next says what a person can do about it, "" when the message says it all.
	Next string `json:"next,omitempty"`
}

// Step is one step of a run.
type Step struct {
	Position         int
	ID, Name, Action string
	Status           Status
	// FailedAttempts is how many attempts failed and were made again, of a step with each those of its last iteration.
	FailedAttempts     int
	StartedAt, EndedAt time.Time
	WaitingUntil       time.Time
	Input, Output      json.RawMessage
	Failure            *Failure
	// Warnings tell what of its input is not as its author may think, a line each.
	Warnings []string
	// Workspace is the digest of the snapshot that the step left, "" when it left the workspace as it was.
	Workspace string
	// WorkspaceSpent says that this snapshot was given up: a run cannot go on from it any more.
	WorkspaceSpent bool
	// IterationsDone is, of a step with each that is under way, the index of the first iteration that is not over.
	IterationsDone int
	// Iterations are the true outputs, by index, of those that this process has seen to their end; Store.Iterations has all.
	Iterations map[int]json.RawMessage
}

// Event types are Backstage's; its clients throw on any other.
const (
	EventLog        = "log"
	EventCompletion = "completion"
	EventCancelled  = "cancelled"
	EventRecovered  = "recovered"
)

// Event is one entry of a run's log.
type Event struct {
	ID        int64
	RunID     uuid.UUID
	Type      string
	Body      json.RawMessage
	CreatedAt time.Time
}

// NewEvent is an event to append. Key makes it unique within the run: the same happening told twice is one event.
type NewEvent struct {
	Type string
	Key  string
	Body EventBody
	// At is when it happened; zero is when it is recorded.
	At time.Time
}

// EventBody is what an event says; which fields are set depends on its type.
type EventBody struct {
	Message         string          `json:"message,omitempty"`
	StepID          string          `json:"stepId,omitempty"`
	Status          Status          `json:"status,omitempty"`
	Output          json.RawMessage `json:"output,omitempty"`
	Error           *Failure        `json:"error,omitempty"`
	RecoverStrategy string          `json:"recoverStrategy,omitempty"`
}
