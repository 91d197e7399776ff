package scaffolder

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/telemetry"
)

// parseID reads a run's id. One that is no UUID is the id of no run.
func parseID(id string) (uuid.UUID, error) {
	parsed, err := uuid.Parse(id)
	if err != nil {
		return uuid.Nil, noRun(id)
	}
	return parsed, nil
}

// noRun is the refusal of an id that no run has, in Backstage's words.
func noRun(id string) error { return fault.New(fault.NotFound, "No task with id '%s' found", id) }

// Run is one run. As in Backstage, one that does not exist is not found, whoever asks, and one that the
// principal may not read is refused.
func (s *Service) Run(ctx context.Context, principal identity.Principal, id string) (run.Run, error) {
	parsed, err := parseID(id)
	if err != nil {
		return run.Run{}, err
	}
	readable, err := s.granted(ctx, principal, policy.ScaffolderTaskRead)
	if err != nil {
		return run.Run{}, err
	}
	return s.runs.Get(ctx, readable, parsed)
}

// permitted is Run for who must have another permission on it as well.
func (s *Service) permitted(ctx context.Context, principal identity.Principal, id string, permission policy.Permission) (run.Run, error) {
	r, err := s.Run(ctx, principal, id)
	if err != nil {
		return run.Run{}, err
	}
	granted, err := s.granted(ctx, principal, permission)
	if err != nil {
		return run.Run{}, err
	}
	return r, granted.Check(r, id)
}

// Details is a run with its steps and what it created.
type Details struct {
	run.Run
	Steps   []run.Step
	Effects []action.Effect
	// Commands are what people did with it, in order.
	Commands []run.GivenCommand
	// LastEvent is the id of the newest event of its log, 0 when there is none.
	LastEvent int64
	// Refusals say for the names of operations that the principal may not do them.
	Refusals map[string]error
}

// Details reads all that there is to show of a run, but for its log.
func (s *Service) Details(ctx context.Context, principal identity.Principal, id string) (Details, error) {
	r, err := s.Run(ctx, principal, id)
	if err != nil {
		return Details{}, err
	}
	steps, err := s.runs.Steps(ctx, r.ID)
	if err != nil {
		return Details{}, err
	}
	effects, err := s.runs.Effects(ctx, r.ID)
	if err != nil {
		return Details{}, err
	}
	commands, err := s.runs.Commands(ctx, r.ID)
	if err != nil {
		return Details{}, err
	}
	last, err := s.runs.LastEvent(ctx, r.ID)
	if err != nil {
		return Details{}, err
	}
	refusals, err := s.refusals(ctx, principal, r)
	return Details{Run: r, Steps: steps, Effects: effects, Commands: commands, LastEvent: last, Refusals: refusals}, err
}

// refusals are the operations that a principal may not do with a run.
func (s *Service) refusals(ctx context.Context, principal identity.Principal, r run.Run) (map[string]error, error) {
	refusals := map[string]error{}
	for name, permission := range operationPermissions {
		granted, err := s.granted(ctx, principal, permission)
		if err != nil {
			return nil, err
		}
		if err := granted.Check(r, r.ID.String()); err != nil {
			refusals[name] = err
		}
	}
	return refusals, nil
}

// List is one page of the runs that the principal may read, and the number of all that match. Who may read
// none at all is refused, as in Backstage.
func (s *Service) List(ctx context.Context, principal identity.Principal, query run.Query) ([]run.Run, int, error) {
	readable, err := s.granted(ctx, principal, policy.ScaffolderTaskRead)
	if err != nil {
		return nil, 0, err
	}
	if readable.IsNothing() {
		return nil, 0, readable.Refusal("")
	}
	return s.runs.List(ctx, readable, query)
}

// Causes are one page of what made runs fail that the principal may read, and the number of all causes. Who
// may read none at all is refused.
func (s *Service) Causes(ctx context.Context, principal identity.Principal, query run.CauseQuery) ([]run.Cause, int, error) {
	readable, err := s.granted(ctx, principal, policy.ScaffolderTaskRead)
	if err != nil {
		return nil, 0, err
	}
	if readable.IsNothing() {
		return nil, 0, readable.Refusal("")
	}
	return s.runs.Causes(ctx, readable, query)
}

// Events are a page of a run's events after an id.
func (s *Service) Events(ctx context.Context, principal identity.Principal, id string, after int64) ([]run.Event, error) {
	parsed, err := parseID(id)
	if err != nil {
		return nil, err
	}
	readable, err := s.granted(ctx, principal, policy.ScaffolderTaskRead)
	if err != nil {
		return nil, err
	}
	if err := s.runs.Check(ctx, readable, parsed); err != nil {
		return nil, err
	}
	return s.runs.Events(ctx, parsed, after)
}

// Command is what comes with a request to do something with a run. The zero value has nothing to say.
type Command struct {
	// ID makes it one command, for whoever may ask twice: the second time nothing is done. The zero value
	// makes a new one.
	ID uuid.UUID
	// Seen is the generation in which whoever decides saw the run, nil when they did not say.
	Seen *int
	// Secrets replace those of a run that is retried, when there are any.
	Secrets map[string]string
}

// by is the command as the run keeps it.
func (c Command) by(principal identity.Principal, kind run.CommandKind) run.Command {
	return run.Command{ID: cmp.Or(c.ID, uuid.New()), Kind: kind, By: principal.Actor()}
}

// repeated says whether the command was carried out before. One that has no id was not.
func (s *Service) repeated(ctx context.Context, command Command) (bool, error) {
	if command.ID == uuid.Nil {
		return false, nil
	}
	return s.runs.Repeated(ctx, command.ID)
}

// Retry takes an ended run up again at its failed step; nothing before it runs again. A completed run
// completes again and changes nothing. A run that is moving, or that somebody else took up since it was seen,
// is a fault of kind Conflict.
func (s *Service) Retry(ctx context.Context, principal identity.Principal, id string, command Command) error {
	r, err := s.permitted(ctx, principal, id, policy.ScaffolderTaskRetry)
	if err != nil {
		return err
	}
	if repeated, err := s.repeated(ctx, command); err != nil || repeated {
		return err
	}
	from, err := s.resumeAt(ctx, r)
	if err != nil {
		return err
	}
	return s.reopen(ctx, r, command.Seen, run.Reopening{Status: run.StatusProcessing, Phase: run.PhaseRunning, From: from,
		Secrets: command.Secrets, Recovered: true, Command: command.by(principal, run.CommandRetry)})
}

// resumeAt is the position of the first step to run again. A run that was rolled back begins anew: nothing of
// it is left.
func (s *Service) resumeAt(ctx context.Context, r run.Run) (int, error) {
	if r.Phase == run.PhaseRolledBack {
		return 0, nil
	}
	steps, err := s.runs.Steps(ctx, r.ID)
	if err != nil {
		return 0, err
	}
	for _, step := range steps {
		if step.Status != run.StatusCompleted && step.Status != run.StatusSkipped {
			return step.Position, nil
		}
	}
	return len(steps), nil
}

// RollBack undoes what an ended run created, the last thing first.
func (s *Service) RollBack(ctx context.Context, principal identity.Principal, id string, command Command) error {
	r, err := s.permitted(ctx, principal, id, policy.ScaffolderTaskRollback)
	if err != nil {
		return err
	}
	if repeated, err := s.repeated(ctx, command); err != nil || repeated {
		return err
	}
	if !r.Status.Ended() {
		return fault.New(fault.Conflict, "Task with taskId %s is still running: cancel it first, then roll it back", id)
	}
	if r.Phase == run.PhaseRolledBack {
		effects, err := s.runs.Effects(ctx, r.ID)
		if err != nil {
			return err
		}
		if countLeft(effects) == 0 {
			return fault.New(fault.Conflict, "Task with taskId %s was rolled back already", id)
		}
	}
	reopening := run.ReopenForRollback(r.Generation)
	reopening.Command = command.by(principal, run.CommandRollback)
	return s.reopen(ctx, r, command.Seen, reopening)
}

func (s *Service) reopen(ctx context.Context, r run.Run, seen *int, reopening run.Reopening) error {
	reopening.Generation = r.Generation
	if seen != nil {
		reopening.Generation = *seen
	}
	generation, err := s.runs.Reopen(ctx, r.ID, reopening)
	if errors.Is(err, run.ErrRepeated) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.engine.Start(ctx, command(r, generation)); err != nil {
		s.log.WarnContext(telemetry.ForRun(ctx, r.ID), "the run is reopened and will go on when the engine answers", "error", err)
	}
	return nil
}

// Cancel stops a run at its next safe point. Cancelling one that has ended only adds to its log, as in
// Backstage. A repeated command writes nothing. It only tells the engine again while the run has not stopped,
// because the engine may have missed it; a run that was retried since goes on.
func (s *Service) Cancel(ctx context.Context, principal identity.Principal, id string, command Command) error {
	r, err := s.permitted(ctx, principal, id, policy.ScaffolderTaskCancel)
	if err != nil {
		return err
	}
	repeated, err := s.repeated(ctx, command)
	if err != nil {
		return err
	}
	if !repeated {
		if err := s.recordCancellation(ctx, principal, r, command); err != nil {
			return err
		}
	}
	if r.Status.Ended() || repeated && !r.Cancelling() {
		return nil
	}
	if err := s.engine.Cancel(ctx, r.ID.String()); err != nil {
		s.log.WarnContext(telemetry.ForRun(ctx, r.ID), "the run is cancelled and will stop when the engine answers", "error", err)
	}
	return nil
}

func (s *Service) recordCancellation(ctx context.Context, principal identity.Principal, r run.Run, command Command) error {
	body, err := s.cancelledBody(ctx, r)
	if err != nil {
		return err
	}
	kept := command.by(principal, run.CommandCancel)
	event := run.NewEvent{Type: run.EventCancelled, Body: body, Key: fmt.Sprintf("%d/cancelled/%s", r.Generation, kept.ID)}
	return s.runs.Cancel(ctx, r.ID, kept, event)
}

func (s *Service) cancelledBody(ctx context.Context, r run.Run) (run.EventBody, error) {
	steps, err := s.runs.Steps(ctx, r.ID)
	if err != nil {
		return run.EventBody{}, err
	}
	current := ""
	for _, step := range steps {
		if step.Status == run.StatusProcessing {
			current = step.ID
		}
	}
	return run.EventBody{Message: fmt.Sprintf("Step %s has been cancelled.", current), StepID: current, Status: run.StatusCancelled}, nil
}

// maxMatched bounds the runs of one call of MatchingRuns.
const maxMatched = 5000

// MatchingRuns reports for each id whether there is a run that the principal may read and that meets the
// criteria, which are conditions over run.Rules.
func (s *Service) MatchingRuns(ctx context.Context, principal identity.Principal, criteria policy.Criteria, ids []string) ([]bool, error) {
	readable, err := s.granted(ctx, principal, policy.ScaffolderTaskRead)
	if err != nil {
		return nil, err
	}
	if len(ids) > maxMatched {
		return nil, fault.New(fault.Input, "There are more runs than the %d that are answered at once", maxMatched)
	}
	filter, err := run.Rules.Filter(criteria)
	if err != nil {
		return nil, err
	}
	parsed := make([]uuid.UUID, len(ids)) // one that is no UUID is zero, the id of no run
	for i, id := range ids {
		parsed[i], _ = parseID(id)
	}
	found, err := s.runs.Matching(ctx, readable, filter, parsed)
	if err != nil {
		return nil, err
	}
	matching := make([]bool, len(ids))
	for i, id := range parsed {
		matching[i] = found[id]
	}
	return matching, nil
}

// SampleRuns counts the runs that the principal may read and that meet the criteria, which are conditions over
// run.Rules, and returns the ids of the newest. Nil criteria are met by all.
func (s *Service) SampleRuns(ctx context.Context, principal identity.Principal, criteria *policy.Criteria, size int) (count int, ids []string, err error) {
	readable, err := s.granted(ctx, principal, policy.ScaffolderTaskRead)
	if err != nil || readable.IsNothing() {
		return 0, nil, err
	}
	filter := run.Anybody()
	if criteria != nil {
		if filter, err = run.Rules.Filter(*criteria); err != nil {
			return 0, nil, err
		}
	}
	count, found, err := s.runs.Sample(ctx, readable, filter, size)
	for _, id := range found {
		ids = append(ids, id.String())
	}
	return count, ids, err
}
