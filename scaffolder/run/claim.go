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

// Claim is the right to carry a run on from the State that it was read with. The first write under a claim makes the run
// its own, and from then on every claim that was read before is refused, in whichever process: who was slow, or was
// thought dead, changes nothing any more. A claim costs nothing and needs no giving back; the newest reader who writes
// holds the run.
type Claim struct {
	RunID uuid.UUID
	// Generation is the run's, as it was read. Taking the run up again begins another, and ends all claims.
	Generation int

	id uuid.UUID
	// before is the claim under which the run had been written last, nil when it had not been.
	before *uuid.UUID
	of     observed
}

func newClaim(row db.Run) Claim {
	return Claim{RunID: row.ID, Generation: int(row.Generation), id: uuid.New(), before: row.Claim,
		of: observedRun(row.ID, row.Generation, row.TemplateRef, row.TraceParent, row.CreatedAt, row.ReopenedAt)}
}

// Refusal is why a write was refused.
type Refusal string

// The refusals.
const (
	// RefusedGeneration: somebody decided about the run since, and it is taken up again.
	RefusedGeneration Refusal = "it was taken up again since"
	// RefusedClaim: another worker read the record later, and went on.
	RefusedClaim Refusal = "another worker has gone on with it since"
	// RefusedExecution: a later execution of the run's workflow took over from this one, for good.
	RefusedExecution Refusal = "a later execution of its workflow drives it"
	// RefusedMove: a run that stands there does not come to where this write would bring it.
	RefusedMove Refusal = "where it stands, this cannot follow"
)

// RefusedError says that a write to a run's record came too late, or is none that can follow. Nothing of it was written.
// Who reads the State again may go on from there, except after RefusedExecution.
type RefusedError struct {
	RunID  uuid.UUID
	Reason Refusal
	// Found is where the run stands.
	Found Standing
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("run %s stands at %s and was left as it is: %s", e.RunID, e.Found, e.Reason)
}

// requireMoved is the SQLSTATE with which the function require_moved refuses.
const requireMoved = "PR001"

// explain turns the database's refusal of a write into a RefusedError; other errors stay what they are.
func (s *Store) explain(ctx context.Context, err error, claim Claim, execution string) error {
	if refused, is := errors.AsType[*pgconn.PgError](err); !is || refused.Code != requireMoved {
		return err
	}
	return s.refused(ctx, claim, execution)
}

// refused says why a claim's write changed nothing.
func (s *Store) refused(ctx context.Context, claim Claim, execution string) error {
	row, err := s.queries.RunByID(ctx, s.pool, claim.RunID)
	if err != nil {
		return notFound(err, claim.RunID)
	}
	refused := &RefusedError{RunID: claim.RunID, Found: Standing{Status(row.Status), Phase(row.Phase)}}
	holds := func(id *uuid.UUID) bool { return row.Claim != nil && id != nil && *row.Claim == *id }
	switch {
	case int(row.Generation) != claim.Generation:
		refused.Reason = RefusedGeneration
	case execution != "" && slices.Contains(row.ReplacedExecutions, execution):
		refused.Reason = RefusedExecution
	case row.Claim != nil && !holds(&claim.id) && !holds(claim.before):
		refused.Reason = RefusedClaim
	default:
		refused.Reason = RefusedMove
	}
	return refused
}
