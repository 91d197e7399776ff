package run

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/plainjson"
	"github.com/portico-dev/portico/scaffolder/action"
)

// Entry is what one move of the engine leaves in a run's record: all of it or nothing. Recording it twice, as a crash
// may, changes nothing the second time.
type Entry struct {
	Events []NewEvent
	// Began, when not "", marks the run as under way in the workflow execution with this id.
	Began string
	// Cancel notes that somebody cancelled the run.
	Cancel bool
	// Phase is the run's new phase, "" to leave it.
	Phase   Phase
	Steps   []StepChange
	Effects []EffectChange
	End     *Ending

	beganAt, endedAt time.Time
}

// Date gives everything in the entry that has no time yet the time at which it happened. Record does so with the time of the
// recording: who gathers several moves into one entry dates each of them before.
func (e *Entry) Date(at time.Time) {
	if e.Began != "" {
		e.beganAt = cmp.Or(e.beganAt, at)
	}
	for i := range e.Events {
		e.Events[i].At = cmp.Or(e.Events[i].At, at)
	}
	for i := range e.Steps {
		change := &e.Steps[i]
		change.at = cmp.Or(change.at, at)
		change.beganAt = cmp.Or(change.beganAt, change.at)
	}
	if e.End != nil {
		e.endedAt = cmp.Or(e.endedAt, at)
	}
}

// Add appends what followed, so that both are one move.
func (e *Entry) Add(next Entry) {
	e.Events = append(e.Events, next.Events...)
	e.Began = cmp.Or(next.Began, e.Began)
	e.beganAt, e.endedAt = cmp.Or(e.beganAt, next.beganAt), cmp.Or(next.endedAt, e.endedAt)
	e.Cancel = e.Cancel || next.Cancel
	e.Phase = cmp.Or(next.Phase, e.Phase)
	e.End = cmp.Or(next.End, e.End)
	e.Effects = append(e.Effects, next.Effects...)
	for _, change := range next.Steps {
		at := slices.IndexFunc(e.Steps, func(earlier StepChange) bool { return earlier.StepID == change.StepID })
		if at < 0 {
			e.Steps = append(e.Steps, change)
			continue
		}
		e.Steps[at] = e.Steps[at].then(change)
	}
}

// StepChange is a step's new state. Nil and zero fields other than Status leave what is there, but for WaitingUntil,
// Output and Failure, which belong to the status.
type StepChange struct {
	StepID string
	Status Status
	// FailedAttempts is how many attempts of the iteration under way have failed so far.
	FailedAttempts *int
	WaitingUntil   time.Time
	// Input is shown to people: masked by the caller.
	Input json.RawMessage
	// Output is the true output; Shown is the same with secrets masked. Where they differ, only Shown lies in clear.
	Output, Shown json.RawMessage
	// Iterations are the true outputs of the iterations so far, by index, while a step with each is under way. They go
	// when it ends.
	Iterations map[int]json.RawMessage
	Failure    *Failure
	Workspace  string

	// at is when the step came to this status, beganAt when it came to the first of the statuses that are one change.
	at, beganAt time.Time
}

// then is both changes as one.
func (c StepChange) then(next StepChange) StepChange {
	next.FailedAttempts = cmp.Or(next.FailedAttempts, c.FailedAttempts)
	next.Workspace = cmp.Or(next.Workspace, c.Workspace)
	next.beganAt = c.beganAt
	if next.Input == nil {
		next.Input = c.Input
	}
	if next.Iterations == nil {
		next.Iterations = c.Iterations
	}
	return next
}

// Apply brings a step that was read before the change up to date, but for its times and what people see of it.
func (s *Step) Apply(change StepChange) {
	s.Status, s.WaitingUntil, s.Failure = change.Status, change.WaitingUntil, change.Failure
	s.Workspace = cmp.Or(change.Workspace, s.Workspace)
	if change.FailedAttempts != nil {
		s.FailedAttempts = *change.FailedAttempts
	}
	if change.Iterations != nil {
		s.Iterations = change.Iterations
	}
}

// EffectChange is an effect's new state.
type EffectChange struct {
	ID    string
	State action.EffectState
	// Note says why, "" when the state says it all.
	Note string
}

// Ending says how a run ended, for now.
type Ending struct {
	Status     Status
	Phase      Phase
	FailedStep string
	Failure    *Failure
	Output     json.RawMessage
	// ForgetSecrets deletes the run's secrets: it will not be taken up again.
	ForgetSecrets bool
}

// Record writes an entry.
func (s *Store) Record(ctx context.Context, id uuid.UUID, entry Entry) error {
	entry.Date(time.Now())
	s.fresh.Forget(id)
	var batch db.Batch
	if err := s.record(ctx, &batch, id, entry); err != nil {
		return err
	}
	if err := batch.Send(ctx, s.pool); err != nil {
		return fmt.Errorf("record what run %s did: %w", id, err)
	}
	s.announce(ctx, id)
	return nil
}

func (s *Store) record(ctx context.Context, tx db.DBTX, id uuid.UUID, entry Entry) error {
	// The run's own row comes first: see UpdateRun.
	if err := s.updateRun(ctx, tx, id, entry); err != nil {
		return err
	}
	if err := s.appendEvents(ctx, tx, id, entry.Events); err != nil {
		return err
	}
	for _, change := range entry.Steps {
		if err := s.changeStep(ctx, tx, id, change); err != nil {
			return err
		}
	}
	for _, change := range entry.Effects {
		if err := s.changeEffect(ctx, tx, change); err != nil {
			return err
		}
	}
	if entry.End == nil || !entry.End.ForgetSecrets {
		return nil
	}
	if err := s.queries.DeleteRunSecrets(ctx, tx, id); err != nil {
		return fmt.Errorf("delete the secrets of run %s: %w", id, err)
	}
	return nil
}

func (s *Store) updateRun(ctx context.Context, tx db.DBTX, id uuid.UUID, entry Entry) error {
	params := db.UpdateRunParams{ID: id, WorkflowRunID: orNull(entry.Began), Phase: orNull(string(entry.Phase)), Cancel: entry.Cancel}
	if entry.Began != "" {
		params.Status, params.BeganAt = new(string(StatusProcessing)), &entry.beganAt
	}
	if end := entry.End; end != nil {
		failure, err := encodeFailure(end.Failure)
		if err != nil {
			return fmt.Errorf("encode the error of run %s: %w", id, err)
		}
		params.EndedAt, params.Status, params.Phase = &entry.endedAt, new(string(end.Status)), new(string(end.Phase))
		params.FailedStep, params.Error, params.Output = orNull(end.FailedStep), failure, end.Output
	}
	if err := s.queries.UpdateRun(ctx, tx, params); err != nil {
		return fmt.Errorf("update run %s: %w", id, err)
	}
	return nil
}

func (s *Store) appendEvents(ctx context.Context, tx db.DBTX, id uuid.UUID, events []NewEvent) error {
	if len(events) == 0 {
		return nil
	}
	params := db.AppendRunEventsParams{RunID: id}
	for _, event := range events {
		body, err := plainjson.Marshal(event.Body)
		if err != nil {
			return fmt.Errorf("encode event %s of run %s: %w", event.Key, id, err)
		}
		params.Types = append(params.Types, event.Type)
		params.Bodies = append(params.Bodies, string(body))
		params.Keys = append(params.Keys, event.Key)
		params.Times = append(params.Times, event.At)
	}
	if err := s.queries.AppendRunEvents(ctx, tx, params); err != nil {
		return fmt.Errorf("append events to run %s: %w", id, err)
	}
	return nil
}

func (s *Store) changeStep(ctx context.Context, tx db.DBTX, id uuid.UUID, change StepChange) error {
	failure, err := encodeFailure(change.Failure)
	if err != nil {
		return fmt.Errorf("encode the error of step %s of run %s: %w", change.StepID, id, err)
	}
	params := db.UpdateRunStepParams{RunID: id, StepID: change.StepID, Status: string(change.Status), BeganAt: &change.beganAt,
		Input: change.Input, Output: change.Shown, Error: failure, Workspace: orNull(change.Workspace)}
	if change.Status.Ended() {
		params.EndedAt = &change.at
	}
	if string(change.Output) != string(change.Shown) {
		params.SealedOutput = s.keys.Seal(change.Output, id.String())
	}
	if len(change.Iterations) > 0 {
		plain, err := json.Marshal(change.Iterations)
		if err != nil {
			return fmt.Errorf("encode the iterations of step %s of run %s: %w", change.StepID, id, err)
		}
		params.SealedIterations = s.keys.Seal(plain, id.String())
	}
	if change.FailedAttempts != nil {
		params.FailedAttempts = new(int32(*change.FailedAttempts))
	}
	if !change.WaitingUntil.IsZero() {
		params.WaitingUntil = &change.WaitingUntil
	}
	if err := s.queries.UpdateRunStep(ctx, tx, params); err != nil {
		return fmt.Errorf("update step %s of run %s: %w", change.StepID, id, err)
	}
	return nil
}

// Reopening takes an ended run up again.
type Reopening struct {
	Status Status
	Phase  Phase
	// From is the position of the first step to run again; -1 leaves the steps as they are.
	From int
	// Secrets replace the run's secrets when there are any: the old ones may be gone.
	Secrets map[string]string
	// Recovered appends Backstage's recovered event; otherwise Note is told as a log line.
	Recovered bool
	Note      string
}

// RollingBack takes an ended run up to undo what it created.
var RollingBack = Reopening{Status: StatusProcessing, Phase: PhaseRollingBack, From: -1, Note: "Rolling back: undoing what this run created"}

// Reopen moves a run from a status in which it rests to one in which it moves, and answers its new generation. Its
// endings are taken out of the event log, as Backstage does: a client that follows the log waits for the new one. A run
// that is moving already is a fault of kind Conflict.
func (s *Store) Reopen(ctx context.Context, id uuid.UUID, r Reopening) (generation int, err error) {
	s.fresh.Forget(id)
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		generation, err = s.reopen(ctx, tx, id, r)
		return err
	})
	if err == nil {
		s.announce(ctx, id)
	}
	return generation, err
}

func (s *Store) reopen(ctx context.Context, tx pgx.Tx, id uuid.UUID, r Reopening) (int, error) {
	current, err := s.queries.RunForUpdate(ctx, tx, id)
	if err != nil {
		return 0, notFound(err, id)
	}
	if !Status(current.Status).Ended() {
		return 0, fault.New(fault.Conflict, "Task with taskId %s cannot be retried", id)
	}
	generation, err := s.queries.ReopenRun(ctx, tx, db.ReopenRunParams{ID: id, Status: string(r.Status), Phase: string(r.Phase),
		Allowed: []string{current.Status}})
	if err != nil {
		return 0, fmt.Errorf("reopen run %s: %w", id, err)
	}
	if r.From >= 0 {
		if err := s.queries.ResetStepsFrom(ctx, tx, id, int32(r.From)); err != nil {
			return 0, fmt.Errorf("reset the steps of run %s: %w", id, err)
		}
	}
	if err := s.queries.DeleteRunEndings(ctx, tx, id); err != nil {
		return 0, fmt.Errorf("take the ending out of the log of run %s: %w", id, err)
	}
	sealed, err := s.sealSecrets(id, r.Secrets)
	if err != nil {
		return 0, err
	}
	if err := s.putSecrets(ctx, tx, id, sealed); err != nil {
		return 0, err
	}
	event := NewEvent{Type: EventLog, Body: EventBody{Message: r.Note}, Key: fmt.Sprintf("%d/reopened", generation), At: time.Now()}
	if r.Recovered {
		event.Type, event.Body = EventRecovered, EventBody{RecoverStrategy: "none"}
	}
	return int(generation), s.appendEvents(ctx, tx, id, []NewEvent{event})
}
