package run

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
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

// Entry is a set of changes to a run's record that are written together or not at all. Writing an entry
// twice, as happens after a crash, changes nothing the second time.
type Entry struct {
	Events []NewEvent
	// WorkflowRunID, when not "", records that the workflow execution with this id drives the run.
	WorkflowRunID string
	// Phase is the run's new phase, "" to leave it.
	Phase   Phase
	Steps   []StepChange
	Effects []EffectChange
	// LostWorkers, when not nil, is how many workers in a row died while they worked on the run. A worker
	// counts itself when it begins, and takes that back when it is done. An entry that Advances the run sets
	// it to 0.
	LostWorkers *int
	// Rollback begins to undo the effects of a failed run. The run ends when that is over.
	Rollback *StepFailure
	End      *Ending

	beganAt, endedAt time.Time
}

// SetTimes sets the time of all changes in the entry that have none yet. Record does so with the time of the
// write; a caller that merges several entries sets their times before.
func (e *Entry) SetTimes(at time.Time) {
	if e.WorkflowRunID != "" {
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

// Merge adds the changes of a later entry, so that both are one write.
func (e *Entry) Merge(next Entry) {
	e.Events = append(e.Events, next.Events...)
	e.WorkflowRunID = cmp.Or(next.WorkflowRunID, e.WorkflowRunID)
	e.beganAt, e.endedAt = cmp.Or(e.beganAt, next.beganAt), cmp.Or(next.endedAt, e.endedAt)
	e.Phase = cmp.Or(next.Phase, e.Phase)
	e.LostWorkers = cmp.Or(next.LostWorkers, e.LostWorkers)
	e.Rollback = cmp.Or(next.Rollback, e.Rollback)
	e.End = cmp.Or(next.End, e.End)
	e.Effects = append(e.Effects, next.Effects...)
	for _, change := range next.Steps {
		at := slices.IndexFunc(e.Steps, func(earlier StepChange) bool { return earlier.Position == change.Position })
		if at < 0 {
			e.Steps = append(e.Steps, change)
			continue
		}
		e.Steps[at] = e.Steps[at].merge(change)
	}
}

// Empty says that there is nothing to record.
func (e *Entry) Empty() bool {
	return e.WorkflowRunID == "" && e.Phase == "" && e.LostWorkers == nil && e.Rollback == nil && e.End == nil && len(e.Events)+len(e.Steps)+len(e.Effects) == 0
}

// Advances says that the entry ends a step or the run.
func (e *Entry) Advances() bool {
	return e.End != nil || e.Rollback != nil ||
		slices.ContainsFunc(e.Steps, func(change StepChange) bool { return change.Status.Ended() })
}

// lostWorkers is the count to write, nil to keep the present one.
func (e *Entry) lostWorkers() *int32 {
	switch {
	case e.LostWorkers != nil:
		return new(int32(*e.LostWorkers))
	case e.Advances():
		return new(int32(0))
	}
	return nil
}

// lifecycle is the state after the entry. A part that is "" stays as it is.
func (e *Entry) lifecycle() Lifecycle {
	switch {
	case e.End != nil:
		return Lifecycle{e.End.Status, e.End.Phase}
	case e.Rollback != nil:
		return rollingBack
	case e.Phase != "" || e.WorkflowRunID != "":
		return Lifecycle{StatusProcessing, e.Phase}
	}
	return Lifecycle{}
}

// StepChange is a step's new state. Nil and zero fields other than Status leave what is there, but for
// WaitingUntil, Output and Failure, which belong to the status.
type StepChange struct {
	// Position is the step's index in the run: two steps may have the same id.
	Position int
	Status   Status
	// FailedAttempts is how many attempts of the current iteration have failed so far.
	FailedAttempts *int
	WaitingUntil   time.Time
	// Input is shown to people: masked by the caller.
	Input json.RawMessage
	// Output is the unmasked output; Shown is the same with secrets masked. Where they differ, Output is
	// stored encrypted.
	Output, Shown json.RawMessage
	// Iterations are iterations of a step with each that have completed. The record keeps their outputs until
	// the step ends.
	Iterations []Iteration
	Failure    *fault.Failure
	Workspace  string
	// Warnings are about the step's input, one line each, masked by the caller. Nil keeps the present ones.
	Warnings []string

	// at is when the step got this status; beganAt is when it got the first status of several changes that
	// were merged.
	at, beganAt time.Time
}

// merge is this change with a later one applied to it.
func (c StepChange) merge(next StepChange) StepChange {
	next.FailedAttempts = cmp.Or(next.FailedAttempts, c.FailedAttempts)
	next.Workspace = cmp.Or(next.Workspace, c.Workspace)
	next.beganAt = c.beganAt
	if next.Input == nil {
		next.Input = c.Input
	}
	if next.Warnings == nil {
		next.Warnings = c.Warnings
	}
	next.Iterations = append(c.Iterations, next.Iterations...)
	return next
}

// Apply applies a change to a step that was read before it, except for times, input and output.
func (s *Step) Apply(change StepChange) {
	s.Status, s.WaitingUntil, s.Failure = change.Status, change.WaitingUntil, change.Failure
	s.Workspace = cmp.Or(change.Workspace, s.Workspace)
	if change.FailedAttempts != nil {
		s.FailedAttempts = *change.FailedAttempts
	}
	for _, iteration := range change.Iterations {
		if s.Iterations == nil {
			s.Iterations = map[int]json.RawMessage{}
		}
		s.Iterations[iteration.Index] = iteration.Output
		s.IterationsDone = max(s.IterationsDone, iteration.Index+1)
	}
}

// Iteration is the result of one iteration of a step. Index counts skipped iterations as well.
type Iteration struct {
	Index int
	// Output is the unmasked output.
	Output json.RawMessage
}

// EffectChange is an effect's new state.
type EffectChange struct {
	ID    string
	State action.EffectState
	// Note says why, "" when the state says it all.
	Note string
}

// StepFailure is why a run failed, and at which step; FailedStep is "" when no step failed.
type StepFailure struct {
	FailedStep string
	Failure    *fault.Failure
}

// Ending is how a run ended. A person may reopen it.
type Ending struct {
	Status     Status
	Phase      Phase
	FailedStep string
	Failure    *fault.Failure
	Output     json.RawMessage
	// Warnings are about the output, one line each, masked by the caller.
	Warnings []string
	// ForgetSecrets deletes the run's secrets: it will not be retried.
	ForgetSecrets bool
}

// Record writes an entry under a claim. A *RefusedError says that another worker took the run over, or that
// the run's state does not permit the change: then nothing of the entry is written.
func (s *Store) Record(ctx context.Context, claim Claim, entry Entry) error {
	entry.SetTimes(time.Now())
	s.fresh.Forget(claim.RunID)
	var batch db.Batch
	if err := s.record(ctx, &batch, claim, entry); err != nil {
		return err
	}
	if err := batch.Send(ctx, s.pool); err != nil {
		return fmt.Errorf("record what run %s did: %w", claim.RunID, s.explain(ctx, err, claim, entry.WorkflowRunID))
	}
	s.notify(ctx, claim.RunID)
	if end := entry.End; end != nil {
		s.observeEnd(ctx, claim.of, end.Phase, end.Failure, entry.endedAt)
	}
	return nil
}

// Cancel records that a person cancelled the run, and notifies its followers. It needs no claim. A run that
// has ended only gets the event.
func (s *Store) Cancel(ctx context.Context, id uuid.UUID, command Command, event NewEvent) error {
	event.At = cmp.Or(event.At, time.Now())
	s.fresh.Forget(id)
	var batch db.Batch
	if err := s.keepCommand(ctx, &batch, id, command); err != nil {
		return err
	}
	if err := s.queries.CancelRun(ctx, &batch, id); err != nil {
		return fmt.Errorf("cancel run %s: %w", id, err)
	}
	events := []NewEvent{event}
	if command != (Command{}) {
		events = []NewEvent{command.event(), event}
	}
	if err := s.appendEvents(ctx, &batch, id, events); err != nil {
		return err
	}
	if err := batch.Send(ctx, s.pool); err != nil {
		return fmt.Errorf("cancel run %s: %w", id, err)
	}
	s.notify(ctx, id)
	return nil
}

func (s *Store) record(ctx context.Context, tx db.DBTX, claim Claim, entry Entry) error {
	id := claim.RunID
	// The run's own row comes first: see UpdateRun.
	if err := s.updateRun(ctx, tx, claim, entry); err != nil {
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
		if err := s.changeEffect(ctx, tx, id, change); err != nil {
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

func (s *Store) updateRun(ctx context.Context, tx db.DBTX, claim Claim, entry Entry) error {
	to := entry.lifecycle()
	params := db.UpdateRunParams{ID: claim.RunID, Generation: int32(claim.Generation), Claim: &claim.id, ClaimBefore: claim.before,
		FromLifecycles: origins(to, CanTransition), Status: orNull(string(to.Status)), Phase: orNull(string(to.Phase)), Execution: orNull(entry.WorkflowRunID),
		Unreturned: entry.lostWorkers()}
	if entry.WorkflowRunID != "" {
		params.BeganAt = &entry.beganAt
	}
	var failure *fault.Failure
	if failing := entry.Rollback; failing != nil {
		params.Concludes, params.FailedStep, failure = true, orNull(failing.FailedStep), failing.Failure
	}
	if end := entry.End; end != nil {
		params.Concludes, params.FailedStep, failure = true, orNull(end.FailedStep), end.Failure
		params.EndedAt, params.Output, params.Warnings = &entry.endedAt, end.Output, end.Warnings
	}
	encoded, err := encodeFailure(failure)
	if err != nil {
		return fmt.Errorf("encode the error of run %s: %w", claim.RunID, err)
	}
	params.Error = encoded
	if err := s.queries.UpdateRun(ctx, tx, params); err != nil {
		return fmt.Errorf("update run %s: %w", claim.RunID, err)
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
		return fmt.Errorf("encode the error of step %d of run %s: %w", change.Position+1, id, err)
	}
	params := db.UpdateRunStepParams{RunID: id, Position: int32(change.Position), Status: string(change.Status), BeganAt: &change.beganAt,
		Input: change.Input, Output: change.Shown, Error: failure, Workspace: orNull(change.Workspace), Warnings: change.Warnings}
	if change.Status.Ended() {
		params.EndedAt = &change.at
	}
	if string(change.Output) != string(change.Shown) {
		params.SealedOutput = s.keys.Seal(change.Output, id.String())
	}
	for _, iteration := range change.Iterations {
		params.IterationsDone = max(params.IterationsDone, int32(iteration.Index+1))
	}
	if change.FailedAttempts != nil {
		params.FailedAttempts = new(int32(*change.FailedAttempts))
	}
	if !change.WaitingUntil.IsZero() {
		params.WaitingUntil = &change.WaitingUntil
	}
	if err := s.queries.UpdateRunStep(ctx, tx, params); err != nil {
		return fmt.Errorf("update step %d of run %s: %w", change.Position+1, id, err)
	}
	if change.Status.Ended() {
		return nil
	}
	return s.insertIterations(ctx, tx, id, change)
}

func (s *Store) insertIterations(ctx context.Context, tx db.DBTX, id uuid.UUID, change StepChange) error {
	if len(change.Iterations) == 0 {
		return nil
	}
	params := db.InsertRunIterationsParams{RunID: id, Position: int32(change.Position)}
	for _, iteration := range change.Iterations {
		params.Indexes = append(params.Indexes, int32(iteration.Index))
		params.Sealed = append(params.Sealed, s.keys.Seal(iteration.Output, id.String()))
	}
	if err := s.queries.InsertRunIterations(ctx, tx, params); err != nil {
		return fmt.Errorf("keep the iterations of step %d of run %s: %w", change.Position+1, id, err)
	}
	return nil
}

// Reopening says how to reopen a run that has ended.
type Reopening struct {
	// Generation is the run's when the person decided.
	Generation int
	Status     Status
	Phase      Phase
	// From is the position of the first step to run again; -1 leaves the steps as they are.
	From int
	// Secrets replace the run's secrets when there are any: the old ones may be gone.
	Secrets map[string]string
	// Recovered appends Backstage's recovered event; otherwise Note is appended as a log line.
	Recovered bool
	Note      string
	// Command is what somebody gave, the zero value when nobody did.
	Command Command
}

// RollbackNote is the log line at the beginning of a rollback.
const RollbackNote = "Rolling back: undoing what this run created"

// ReopenForRollback reopens a run that ended in this generation to undo its effects.
func ReopenForRollback(generation int) Reopening {
	return Reopening{Generation: generation, Status: StatusProcessing, Phase: PhaseRollingBack, From: -1, Note: RollbackNote}
}

// Reopen continues a run that has ended, and answers its new generation. It ends all claims on the run. It
// removes the run's endings from the event log, as Backstage does: a client that follows the log waits for
// the new one. A run that has not ended, that was reopened since the person saw it, or whose files were
// deleted, is a fault of kind Conflict. ErrRepeated says that the same command was carried out before.
func (s *Store) Reopen(ctx context.Context, id uuid.UUID, r Reopening) (generation int, err error) {
	s.fresh.Forget(id)
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		generation, err = s.reopen(ctx, tx, id, r)
		return err
	})
	if err == nil {
		s.notify(ctx, id)
	}
	return generation, err
}

func (s *Store) reopen(ctx context.Context, tx pgx.Tx, id uuid.UUID, r Reopening) (int, error) {
	current, err := s.queries.RunForUpdate(ctx, tx, id)
	if err != nil {
		return 0, notFound(err, id)
	}
	if r.Command != (Command{}) {
		// Whoever carried it out before holds the run's row no longer.
		if repeated, err := s.queries.RunCommandExists(ctx, tx, r.Command.ID); err != nil || repeated {
			return 0, cmp.Or(err, ErrRepeated)
		}
	}
	switch {
	case !Status(current.Status).Ended():
		return 0, fault.New(fault.Conflict, "Task with taskId %s cannot be retried", id)
	case int(current.Generation) != r.Generation:
		return 0, fault.New(fault.Conflict, "run %s has changed since you loaded it, because somebody else retried, rolled back or cancelled it: reload it and decide again", id)
	}
	if err := s.requireWorkspace(ctx, tx, id, r.From); err != nil {
		return 0, err
	}
	if err := s.keepCommand(ctx, tx, id, r.Command, secretChanges(r.Secrets)...); err != nil {
		return 0, err
	}
	to := Lifecycle{r.Status, r.Phase}
	generation, err := s.queries.ReopenRun(ctx, tx, db.ReopenRunParams{ID: id, Status: string(r.Status), Phase: string(r.Phase),
		Generation: current.Generation, Claim: new(uuid.New()), FromLifecycles: origins(to, CanReopen)})
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("reopen run %s: its state is %s/%s, from which it cannot be reopened as %s", id, current.Status, current.Phase, to)
	}
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
	var events []NewEvent
	if r.Command != (Command{}) {
		events = append(events, r.Command.event())
	}
	event := NewEvent{Type: EventLog, Body: EventBody{Message: r.Note}, Key: fmt.Sprintf("%d/reopened", generation), At: time.Now()}
	if r.Recovered {
		event.Type, event.Body = EventRecovered, EventBody{RecoverStrategy: "none"}
	}
	return int(generation), s.appendEvents(ctx, tx, id, append(events, event))
}
