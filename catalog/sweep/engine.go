package sweep

import (
	"context"
	"net/url"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/fault"
)

// Engine carries sweeps out on their schedules. Package workflows implements it on Temporal.
type Engine interface {
	// Ensure makes the schedule of a source what the plan says, and returns its state. It keeps a schedule that
	// is so already, and whether it is paused.
	Ensure(ctx context.Context, plan Plan) (Scheduled, error)
	// Remove deletes the schedule of a source. Without one it does nothing.
	Remove(ctx context.Context, source string) error
	// Trigger starts a sweep of a source now, or as soon as the one under way has ended.
	Trigger(ctx context.Context, source string) error
	// Pause stops the schedule of a source until Resume. The note says who did so and why. A paused source is
	// still swept when somebody asks for it.
	Pause(ctx context.Context, source, note string) error
	// Resume ends a pause.
	Resume(ctx context.Context, source, note string) error
	// Wake makes a sweep look at its record now. It does nothing when the workflow is gone.
	Wake(ctx context.Context, workflowID string) error
}

// Plan is when a source is swept. Without Every and Cron, it is swept only when somebody asks for it.
type Plan struct {
	Source string
	// Place is shown in the Temporal Web UI.
	Place string
	Every time.Duration
	// FirstAt is when the first sweep is due; the next ones count from there.
	FirstAt time.Time
	// Cron is a cron expression in UTC.
	Cron string
}

// Due says whether the first sweep of a source that is swept by an interval should have begun.
func (p Plan) Due() bool { return p.Every > 0 && !p.FirstAt.After(time.Now()) }

// Scheduled is the state of a schedule.
type Scheduled struct {
	Paused bool
	// Next is when the next sweep is due, zero without one.
	Next time.Time
	// Period is the time between the next two sweeps, 0 when there are not two.
	Period time.Duration
}

// Names of the workflow, its signal and its activities in Temporal.
const (
	WorkflowDiscoverySweep = "DiscoverySweep"

	// SignalWake makes the workflow look at the record: somebody has decided. It carries nothing.
	SignalWake = "wake"

	ActivityBegin    = "begin sweep"
	ActivityReadPage = "read page"
	ActivityCommit   = "commit sweep"
	ActivityEnd      = "end sweep"
)

// WorkflowID is the id of the workflow that sweeps a source. Temporal's schedule appends a time to it.
func WorkflowID(source string) string { return "sweep/" + source }

// Page is the path of a source's page in the portal.
func Page(source string) string { return "/catalog/sources/" + url.PathEscape(source) }

// Command is the input of the workflow.
type Command struct {
	Source string `json:"source"`
	// Searchable says that the namespace has Portico's search attributes. The workflow then updates them.
	Searchable bool `json:"searchable,omitempty"`
	// URL is the source's page in the portal, "" when it is not known.
	URL string `json:"url,omitempty"`
}

// BeginRequest is the input of ActivityBegin: begin the sweep of this workflow, or find it when it has begun.
type BeginRequest struct {
	Source     string `json:"source"`
	WorkflowID string `json:"workflowId"`
	// RunID is the first execution of the workflow.
	RunID string `json:"runId"`
}

// PageRequest is the input of ActivityReadPage: read the next page of a sweep and stage it. Page is the number of
// pages before; a page that was staged already is not read again.
type PageRequest struct {
	ID   uuid.UUID `json:"id"`
	Page int       `json:"page"`
}

// CommitRequest is the input of ActivityCommit.
type CommitRequest struct {
	ID uuid.UUID `json:"id"`
}

// EndRequest is the input of ActivityEnd: end a sweep without a change of the catalog.
type EndRequest struct {
	ID    uuid.UUID `json:"id"`
	State State     `json:"state"`
	// Failure is why, nil for a sweep that did not fail.
	Failure *fault.Failure `json:"failure,omitempty"`
}

// Progress is the answer of every activity: the sweep as its record has it.
type Progress struct {
	ID    uuid.UUID `json:"id"`
	State State     `json:"state"`
	// Place is what a person recognizes the source by.
	Place string `json:"place,omitempty"`
	// Deadline is when the sweep must have read everything.
	Deadline time.Time `json:"deadline,omitzero"`
	Pages    int       `json:"pages,omitempty"`
	Requests int       `json:"requests,omitempty"`
	// Entities came with the pages so far; Total is how many the source has, 0 when unknown.
	Entities int `json:"entities,omitempty"`
	Total    int `json:"total,omitempty"`
	Added    int `json:"added,omitempty"`
	Changed  int `json:"changed,omitempty"`
	Removed  int `json:"removed,omitempty"`
	// Wait is how long the host asks to wait before the page is read, with the reason.
	Wait       time.Duration  `json:"wait,omitempty"`
	WaitReason string         `json:"waitReason,omitempty"`
	Failure    *fault.Failure `json:"failure,omitempty"`
}

// State is a state of a sweep.
type State string

// The states.
const (
	// Requested is a sweep that somebody asked for and that no workflow has begun.
	Requested State = "requested"
	Reading   State = "reading"
	// Complete is a sweep that has read all pages and is to be committed.
	Complete State = "complete"
	// Waiting is a complete sweep that would remove so much that a person decides.
	Waiting State = "waiting"
	// Approved is one that somebody approved and that is to be committed.
	Approved State = "approved"

	Committed State = "committed"
	Failed    State = "failed"
	Dropped   State = "dropped"
	Cancelled State = "cancelled"
)

var ended = []State{Committed, Failed, Dropped, Cancelled}

// Cause is why a sweep was made.
type Cause string

// The causes.
const (
	BySchedule Cause = "schedule"
	ByPerson   Cause = "person"
	// ByEvent is the sweep of a source that an event of its host concerns.
	ByEvent Cause = "event"
	// ByRemoval is the sweep of a source that the configuration has no more: it reads nothing.
	ByRemoval Cause = "removal"
)

// HasEnded reports whether nothing happens to the sweep any more.
func (s State) HasEnded() bool { return slices.Contains(ended, s) }
