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

// Entry is what one move of the engine leaves in a run's record: all of it or nothing. Recording it twice, as a crash
// may, changes nothing the second time.
type Entry struct {
	Events []NewEvent
	// Began, when not "", marks the run as under way in the workflow execution with this id.
	Began string
	// Phase is the run's new phase, "" to leave it.
	Phase   Phase
	Steps   []StepChange
	Effects []EffectChange
	// Unreturned, when not nil, is how often in a row somebody took something of the run up and did not come back: who takes it up
	// counts itself, and takes that back when it is done. What brings the run on makes it 0.
	Unreturned *int
	// RollBack begins to undo what a run that failed created. It has not ended before that is over.
	RollBack *Failing
	End      *Ending

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
	e.Phase = cmp.Or(next.Phase, e.Phase)
	e.Unreturned = cmp.Or(next.Unreturned, e.Unreturned)
	e.RollBack = cmp.Or(next.RollBack, e.RollBack)
	e.End = cmp.Or(next.End, e.End)
	e.Effects = append(e.Effects, next.Effects...)
	for _, change := range next.Steps {
		at := slices.IndexFunc(e.Steps, func(earlier StepChange) bool { return earlier.Position == change.Position })
		if at < 0 {
			e.Steps = append(e.Steps, change)
			continue
		}
		e.Steps[at] = e.Steps[at].then(change)
	}
}

// Empty says that there is nothing to record.
func (e *Entry) Empty() bool {
	return e.Began == "" && e.Phase == "" && e.Unreturned == nil && e.RollBack == nil && e.End == nil && len(e.Events)+len(e.Steps)+len(e.Effects) == 0
}

// Advances says that the run got on: a step or the run itself came to an end.
func (e *Entry) Advances() bool {
	return e.End != nil || e.RollBack != nil ||
		slices.ContainsFunc(e.Steps, func(change StepChange) bool { return change.Status.Ended() })
}

// unreturned is the count that the entry leaves, nil to leave the one that is there.
func (e *Entry) unreturned() *int32 {
	switch {
	case e.Unreturned != nil:
		return new(int32(*e.Unreturned))
	case e.Advances():
		return new(int32(0))
	}
	return nil
}

// standing is where the entry brings the run; "" leaves what is there.
func (e *Entry) standing() Standing {
	switch {
	case e.End != nil:
		return Standing{e.End.Status, e.End.Phase}
	case e.RollBack != nil:
		return rollingBack
	case e.Phase != "" || e.Began != "":
		return Standing{StatusProcessing, e.Phase}
	}
	return Standing{}
}

// StepChange is a step's new state. Nil and zero fields other than Status leave what is there, but for WaitingUntil,
// Output and Failure, which belong to the status.
type StepChange struct {
	// Position is where the step stands among the run's: two may have the same id.
	Position int
	Status   Status
	// FailedAttempts is how many attempts of the iteration under way have failed so far.
	FailedAttempts *int
	WaitingUntil   time.Time
	// Input is shown to people: masked by the caller.
	Input json.RawMessage
	// Output is the true output; Shown is the same with secrets masked. Where they differ, only Shown lies in clear.
	Output, Shown json.RawMessage
	// Iterations are what iterations of a step with each came to that are over now. The record keeps them until it ends.
	Iterations []Iteration
	Failure    *Failure
	Workspace  string
	// Warnings are what the step's people should know of its input: masked by the caller, a line each. Nil leaves them.
	Warnings []string

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
	if next.Warnings == nil {
		next.Warnings = c.Warnings
	}
	next.Iterations = append(c.Iterations, next.Iterations...)
	return next
}

// Apply brings a step that was read before the change up to date, but for its times and what people see of it.
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

// Iteration is what an iteration of a step came to; Index counts those that were passed over as well.
type Iteration struct {
	Index int
	// Output is the true output.
	Output json.RawMessage
}

// EffectChange is an effect's new state.
type EffectChange struct {
	ID    string
	State action.EffectState
	// Note says why, "" when the state says it all.
	Note string
}

// Failing is why a run failed, and at which step; FailedStep is "" when it was none of them.
type Failing struct {
	FailedStep string
	Failure    *Failure
}

// Ending says how a run ended, for now.
type Ending struct {
	Status     Status
	Phase      Phase
	FailedStep string
	Failure    *Failure
	Output     json.RawMessage
	// Warnings are what people should know of the output: masked by the caller, a line each.
	Warnings []string
	// ForgetSecrets deletes the run's secrets: it will not be taken up again.
	ForgetSecrets bool
}

// Record writes an entry under a claim. A *RefusedError says that somebody else went on with the run, or that the entry
// cannot follow where the run stands: then nothing of it is written.
func (s *Store) Record(ctx context.Context, claim Claim, entry Entry) error {
	entry.Date(time.Now())
	s.fresh.Forget(claim.RunID)
	var batch db.Batch
	if err := s.record(ctx, &batch, claim, entry); err != nil {
		return err
	}
	if err := batch.Send(ctx, s.pool); err != nil {
		return fmt.Errorf("record what run %s did: %w", claim.RunID, s.explain(ctx, err, claim, entry.Began))
	}
	s.announce(ctx, claim.RunID)
	if end := entry.End; end != nil {
		s.observeEnd(ctx, claim.of, end.Phase, end.Failure, entry.endedAt)
	}
	return nil
}

// Cancel notes that somebody cancelled the run, and tells its followers. It goes beside whoever drives the run: a run that
// has ended only gets the event.
func (s *Store) Cancel(ctx context.Context, id uuid.UUID, command Command, told NewEvent) error {
	told.At = cmp.Or(told.At, time.Now())
	s.fresh.Forget(id)
	var batch db.Batch
	if err := s.keepCommand(ctx, &batch, id, command); err != nil {
		return err
	}
	if err := s.queries.CancelRun(ctx, &batch, id); err != nil {
		return fmt.Errorf("cancel run %s: %w", id, err)
	}
	events := []NewEvent{told}
	if command != (Command{}) {
		events = []NewEvent{command.event(), told}
	}
	if err := s.appendEvents(ctx, &batch, id, events); err != nil {
		return err
	}
	if err := batch.Send(ctx, s.pool); err != nil {
		return fmt.Errorf("cancel run %s: %w", id, err)
	}
	s.announce(ctx, id)
	return nil
}

func (s *Store) record(ctx context.Context, tx db.DBTX, claim Claim, entry Entry) error {
	id := claim.RunID
	// The run's own row comes first: see MoveRun.
	if err := s.move(ctx, tx, claim, entry); err != nil {
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

func (s *Store) move(ctx context.Context, tx db.DBTX, claim Claim, entry Entry) error {
	to := entry.standing()
	params := db.MoveRunParams{ID: claim.RunID, Generation: int32(claim.Generation), Claim: &claim.id, ClaimBefore: claim.before,
		FromStandings: origins(to, MayMove), Status: orNull(string(to.Status)), Phase: orNull(string(to.Phase)), Execution: orNull(entry.Began),
		Unreturned: entry.unreturned()}
	if entry.Began != "" {
		params.BeganAt = &entry.beganAt
	}
	var failure *Failure
	if failing := entry.RollBack; failing != nil {
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
	if err := s.queries.MoveRun(ctx, tx, params); err != nil {
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

// Reopening takes an ended run up again.
type Reopening struct {
	// Generation is the one in which whoever decided saw the run.
	Generation int
	Status     Status
	Phase      Phase
	// From is the position of the first step to run again; -1 leaves the steps as they are.
	From int
	// Secrets replace the run's secrets when there are any: the old ones may be gone.
	Secrets map[string]string
	// Recovered appends Backstage's recovered event; otherwise Note is told as a log line.
	Recovered bool
	Note      string
	// Command is what somebody gave, the zero value when nobody did.
	Command Command
}

// NoteRollingBack is what the log says when a rollback begins.
const NoteRollingBack = "Rolling back: undoing what this run created"

// RollingBack takes a run that ended in this generation up to undo what it created.
func RollingBack(generation int) Reopening {
	return Reopening{Generation: generation, Status: StatusProcessing, Phase: PhaseRollingBack, From: -1, Note: NoteRollingBack}
}

// Reopen moves a run from a standing in which it rests to one in which it moves, and answers its new generation. All claims
// on it are over. Its endings are taken out of the event log, as Backstage does: a client that follows the log waits for
// the new one. A run that is moving already, that somebody else took up since it was seen, or whose files are gone, is a
// fault of kind Conflict. ErrRepeated says that its command was carried out before.
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
		return 0, fault.New(fault.Conflict, "somebody else decided about run %s since you saw it: look at what came of it, and decide again", id)
	}
	if err := s.requireWorkspace(ctx, tx, id, r.From); err != nil {
		return 0, err
	}
	if err := s.keepCommand(ctx, tx, id, r.Command); err != nil {
		return 0, err
	}
	to := Standing{r.Status, r.Phase}
	generation, err := s.queries.ReopenRun(ctx, tx, db.ReopenRunParams{ID: id, Status: string(r.Status), Phase: string(r.Phase),
		Generation: current.Generation, Claim: new(uuid.New()), FromStandings: origins(to, MayDecide)})
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("reopen run %s: it stands at %s/%s, which does not come to %s", id, current.Status, current.Phase, to)
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
