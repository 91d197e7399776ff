package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
)

// CommandKind is something that people do with a run.
type CommandKind string

// The kinds of command.
const (
	CommandRetry    CommandKind = "retry"
	CommandRollback CommandKind = "rollback"
	CommandCancel   CommandKind = "cancel"
)

// commandLines are how the log of a run says what somebody did with it.
var commandLines = map[CommandKind]string{
	CommandRetry:    "Retry asked for by %s",
	CommandRollback: "Rollback asked for by %s",
	CommandCancel:   "Cancellation asked for by %s",
}

// commandActions are the commands in the audit log.
var commandActions = map[CommandKind]audit.Action{
	CommandRetry:    audit.RunRetry,
	CommandRollback: audit.RunRollback,
	CommandCancel:   audit.RunCancel,
}

// Command is what somebody does with a run. The zero value is nobody's, and is not kept.
type Command struct {
	// ID makes it one command, however often it is carried out.
	ID   uuid.UUID
	Kind CommandKind
	// By is who gave it. A stored command has the subject only: a user's entity reference, or the name of a
	// service.
	By audit.Actor
}

// event tells of the command in the run's log.
func (c Command) event() NewEvent {
	return NewEvent{Type: EventLog, Key: "command/" + c.ID.String(), At: time.Now(),
		Body: EventBody{Message: fmt.Sprintf(commandLines[c.Kind], c.By.Subject)}}
}

// GivenCommand is a command with the run as it was found.
type GivenCommand struct {
	Command

	At time.Time
	// Generation, Phase, FinishedAt, FailedStep and Failure are the run's as it was found. FinishedAt is zero
	// for one that moved.
	Generation                 int
	Phase                      Phase
	FinishedAt                 time.Time
	FailedStep, FailedStepName string
	Failure                    *fault.Failure
}

// ErrRepeated says that a command was carried out before.
var ErrRepeated = errors.New("the command was carried out before")

// Repeated says whether the command with this id was carried out before.
func (s *Store) Repeated(ctx context.Context, id uuid.UUID) (bool, error) {
	exists, err := s.queries.RunCommandExists(ctx, s.pool, id)
	if err != nil {
		return false, fmt.Errorf("look for command %s: %w", id, err)
	}
	return exists, nil
}

// maxCommands bounds how many commands of a run are read.
const maxCommands = 100

// Commands are what people did with a run, in order: the latest hundred.
func (s *Store) Commands(ctx context.Context, id uuid.UUID) ([]GivenCommand, error) {
	rows, err := s.queries.RunCommandsByRun(ctx, s.pool, id, maxCommands)
	if err != nil {
		return nil, fmt.Errorf("read the commands to run %s: %w", id, err)
	}
	given := make([]GivenCommand, len(rows))
	for i, row := range rows {
		failure, err := decodeFailure(row.Error)
		if err != nil {
			return nil, fmt.Errorf("run %s: decode the error that command %s found: %w", id, row.ID, err)
		}
		given[i] = GivenCommand{Command: Command{ID: row.ID, Kind: CommandKind(row.Command), By: audit.Actor{Subject: row.GivenBy}}, At: row.GivenAt,
			Generation: int(row.Generation), Phase: Phase(row.Phase), FinishedAt: orZero(row.FinishedAt),
			FailedStep: orEmpty(row.FailedStep), FailedStepName: row.FailedStepName, Failure: failure}
	}
	slices.Reverse(given)
	return given, nil
}

// keepCommand writes a command beside what it does, before that: the row says how the run was found.
func (s *Store) keepCommand(ctx context.Context, tx db.DBTX, id uuid.UUID, command Command, changes ...audit.Change) error {
	if command == (Command{}) {
		return nil
	}
	err := s.queries.InsertRunCommand(ctx, tx, db.InsertRunCommandParams{ID: command.ID, RunID: id, Command: string(command.Kind), GivenBy: command.By.Subject})
	if err != nil {
		return fmt.Errorf("keep the command to run %s: %w", id, err)
	}
	return audit.Record(ctx, tx, command.By, commandActions[command.Kind], id.String(), changes...)
}
