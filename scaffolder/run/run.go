// Package run stores template runs in Postgres: the run with its pinned template, its steps, its event log,
// its encrypted secrets and its effects ledger. It does not execute runs; workflows and activities do.
package run

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/fault"
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

// Ended says whether a run or a step in this status has ended.
func (s Status) Ended() bool { return s != StatusOpen && s != StatusProcessing }

// Phase divides the statuses of a run further. It is Portico's own.
type Phase string

// The phases. A run that is open or processing is running, waiting or rolling back; a run that has ended has
// one of the other phases.
const (
	PhaseRunning     Phase = "running"
	PhaseWaiting     Phase = "waiting"     // for a timer
	PhaseParked      Phase = "parked"      // failed, and waits for a person's decision
	PhaseRollingBack Phase = "rollingBack" // effects are being undone
	PhaseRolledBack  Phase = "rolledBack"  // all effects are undone, except those that were kept with a reason
	PhaseDone        Phase = "done"
	PhaseCancelled   Phase = "cancelled"
)

// Run is one run of a template.
type Run struct {
	ID          uuid.UUID
	TemplateRef string
	Title       string
	Subject     string
	// Spec is the pinned template with its values, as Backstage shows it. RawSpec is the same, byte for byte
	// as stored.
	Spec      template.TaskSpec
	RawSpec   json.RawMessage
	CreatedBy string
	// Starter is who started the run, with the memberships they had then. It is empty in lists, and for runs
	// of releases that did not store it.
	Starter    identity.Principal
	Status     Status
	Phase      Phase
	Generation int
	CreatedAt  time.Time
	// StartedAt, FinishedAt and LastHeartbeatAt are zero until they happen.
	StartedAt, FinishedAt, LastHeartbeatAt time.Time
	// TimedFrom is the start of the run's time without the time for which it was parked: the run has run from
	// TimedFrom until FinishedAt, or until now. It is StartedAt until the run is reopened, and CreatedAt
	// before it starts.
	TimedFrom time.Time
	// CancelRequested says that a person cancelled the run. Reopening the run clears it.
	CancelRequested bool
	// LostWorkers is how many workers in a row died while they worked on the run.
	LostWorkers int
	// WorkflowRunID is Temporal's id of the latest execution, "" before the workflow was started.
	WorkflowRunID string
	FailedStep    string
	// TraceParent is the span of the request that the run was accepted in, as W3C's traceparent; "" when
	// nothing was traced there.
	TraceParent string
	// Failure is why the run failed, nil when it did not.
	Failure *fault.Failure
	// Cause is the same text for all runs that failed alike: see the function run_cause of the database. ""
	// when the run has not failed, or ended in another way.
	Cause string
	// Output is the rendered output of a completed run.
	Output json.RawMessage
	// Warnings are about mistakes in the template or its output that did not stop the run, one line each.
	Warnings []string

	// failedStepName is set in lists, which do not read the spec.
	failedStepName string
}

// Cancelling says that the run was cancelled and has not stopped yet.
func (r Run) Cancelling() bool { return r.CancelRequested && !r.Status.Ended() }

// FailedStepName is the name of the step that failed, "" when none did.
func (r Run) FailedStepName() string {
	for _, step := range r.Spec.Steps {
		if step.ID == r.FailedStep {
			return step.Name
		}
	}
	return r.failedStepName
}

// Step is one step of a run.
type Step struct {
	Position         int
	ID, Name, Action string
	Status           Status
	// FailedAttempts is how many attempts failed and were retried; for a step with each, those of its last
	// iteration.
	FailedAttempts     int
	StartedAt, EndedAt time.Time
	WaitingUntil       time.Time
	Input, Output      json.RawMessage
	Failure            *fault.Failure
	// Warnings are about mistakes in its input that did not stop the step, one line each.
	Warnings []string
	// Workspace is the digest of the snapshot that the step left, "" when it did not change the workspace.
	Workspace string
	// WorkspaceExpired says that this snapshot is expired: the run cannot be retried after this step.
	WorkspaceExpired bool
	// IterationsDone is, for an active step with each, the index of the first iteration that has not ended.
	IterationsDone int
	// Iterations are the unmasked outputs, by index, of iterations that ended since the step was read;
	// Store.Iterations reads all.
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

// NewEvent is an event to append. Key makes it unique within the run: an event that is appended twice is
// stored once.
type NewEvent struct {
	Type string
	Key  string
	Body EventBody
	// At is the time of the event; zero means the time of the write.
	At time.Time
}

// EventBody is what an event says; which fields are set depends on its type.
type EventBody struct {
	Message         string          `json:"message,omitempty"`
	StepID          string          `json:"stepId,omitempty"`
	Status          Status          `json:"status,omitempty"`
	Output          json.RawMessage `json:"output,omitempty"`
	Error           *fault.Failure  `json:"error,omitempty"`
	RecoverStrategy string          `json:"recoverStrategy,omitempty"`
}
