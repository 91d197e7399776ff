package run

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/portico-dev/portico/db"
)

// Claim is the right to write a run that was read with State. The first write under a claim takes the run
// over: from then on every write under an earlier claim is refused, in all processes. A worker that was slow
// or was thought dead can therefore change nothing. A claim needs no release; the last reader who writes
// holds the run.
type Claim struct {
	RunID uuid.UUID
	// Generation is the run's, as it was read. Reopening the run begins another, and ends all claims.
	Generation int

	id uuid.UUID
	// before is the claim of the last write before the run was read, nil when there was none.
	before *uuid.UUID
	of     observed
}

func newClaim(row db.Run) Claim {
	return Claim{RunID: row.ID, Generation: int(row.Generation), id: uuid.New(), before: row.Claim,
		of: observedRun(row.ID, row.Generation, row.TemplateRef, row.TraceParent, row.CreatedAt, row.ReopenedAt)}
}

// Refusal is the reason why a write was refused.
type Refusal string

// The refusals.
const (
	// RefusedGeneration: the run was reopened since it was read.
	RefusedGeneration Refusal = "it was reopened since"
	// RefusedClaim: another worker read the record later, and has written it.
	RefusedClaim Refusal = "another worker took it over"
	// RefusedExecution: a later execution of the run's workflow replaced this one for good.
	RefusedExecution Refusal = "a later execution of its workflow replaced this one"
	// RefusedTransition: the run's state does not permit this change; see CanTransition.
	RefusedTransition Refusal = "its state does not permit this change"
)

// RefusedError says that a write to a run's record was refused, and that nothing of it was written. The
// caller may read the State again and continue from there, except after RefusedExecution.
type RefusedError struct {
	RunID  uuid.UUID
	Reason Refusal
	// Found is the state of the run.
	Found Lifecycle
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("run %s, in state %s, was not written: %s", e.RunID, e.Found, e.Reason)
}

// refusedWrite is the SQLSTATE that the function require_moved raises.
const refusedWrite = "PR001"

// explain turns the database's refusal of a write into a RefusedError, and returns other errors as they are.
func (s *Store) explain(ctx context.Context, err error, claim Claim, execution string) error {
	if refused, is := errors.AsType[*pgconn.PgError](err); !is || refused.Code != refusedWrite {
		return err
	}
	return s.refused(ctx, claim, execution)
}

// refused finds out why a write under a claim changed nothing.
func (s *Store) refused(ctx context.Context, claim Claim, execution string) error {
	row, err := s.queries.RunByID(ctx, s.pool, claim.RunID)
	if err != nil {
		return notFound(err, claim.RunID)
	}
	refused := &RefusedError{RunID: claim.RunID, Found: Lifecycle{Status(row.Status), Phase(row.Phase)}}
	holds := func(id *uuid.UUID) bool { return row.Claim != nil && id != nil && *row.Claim == *id }
	switch {
	case int(row.Generation) != claim.Generation:
		refused.Reason = RefusedGeneration
	case execution != "" && slices.Contains(row.ReplacedExecutions, execution):
		refused.Reason = RefusedExecution
	case row.Claim != nil && !holds(&claim.id) && !holds(claim.before):
		refused.Reason = RefusedClaim
	default:
		refused.Reason = RefusedTransition
	}
	return refused
}
