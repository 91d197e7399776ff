package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/plainjson"
)

// Sighting is a run as somebody saw it who need not, or cannot, read what it holds.
type Sighting struct {
	ID         uuid.UUID
	Generation int
	// Moving says that the run had not come to rest.
	Moving bool

	claim *uuid.UUID
	at    *time.Time
}

// See looks at a run; a fault of kind NotFound, in Backstage's words, when there is none.
func (s *Store) See(ctx context.Context, id uuid.UUID) (Sighting, error) {
	row, err := s.queries.RunByID(ctx, s.pool, id)
	if err != nil {
		return Sighting{}, notFound(err, id)
	}
	return Sighting{ID: id, Generation: int(row.Generation), Moving: !Status(row.Status).Ended(), claim: row.Claim, at: row.LastHeartbeatAt}, nil
}

// Silent are runs that move, were taken up by their workflow, and were not written since before: a batch of them, in the order
// of their ids, after one.
func (s *Store) Silent(ctx context.Context, before time.Time, after uuid.UUID) ([]Sighting, error) {
	rows, err := s.queries.RunsMovingSilently(ctx, s.pool, &before, after)
	if err != nil {
		return nil, fmt.Errorf("find runs that are silent: %w", err)
	}
	found := make([]Sighting, len(rows))
	for i, row := range rows {
		found[i] = Sighting{ID: row.ID, Generation: int(row.Generation), Moving: true, claim: row.Claim, at: row.LastHeartbeatAt}
	}
	return found, nil
}

// Park puts a run to rest as failed that nothing can carry on. It needs nothing that the run holds, so it does so with a run
// whose record cannot be read any more. It says whether it did: a run that has moved since it was seen is left alone.
func (s *Store) Park(ctx context.Context, seen Sighting, failure Failure) (bool, error) {
	s.fresh.Forget(seen.ID)
	encoded, err := encodeFailure(&failure)
	if err != nil {
		return false, fmt.Errorf("encode the error of run %s: %w", seen.ID, err)
	}
	body, err := plainjson.Marshal(EventBody{Message: "Run completed with status: " + string(StatusFailed),
		Error: &Failure{Name: failure.Name, Message: failure.Message}})
	if err != nil {
		return false, fmt.Errorf("encode the end of run %s: %w", seen.ID, err)
	}
	at := time.Now()
	parked, err := s.queries.ParkRun(ctx, s.pool, db.ParkRunParams{ID: seen.ID, Generation: int32(seen.Generation), Claim: new(uuid.New()),
		SeenClaim: seen.claim, SeenAt: seen.at, At: &at, Error: encoded, Body: body})
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("park run %s: %w", seen.ID, err)
	}
	s.announce(ctx, seen.ID)
	s.observeEnd(ctx, observedRun(seen.ID, int32(seen.Generation), parked.TemplateRef, parked.TraceParent, parked.CreatedAt, parked.ReopenedAt),
		PhaseParked, &failure, at)
	return true, nil
}

// ForgetExpiredSecrets deletes the secrets of runs that were parked or cancelled before a time, and whose workflow is not there to
// do it.
func (s *Store) ForgetExpiredSecrets(ctx context.Context, before time.Time) error {
	if _, err := s.queries.DeleteSecretsOfExpiredRuns(ctx, s.pool, &before); err != nil {
		return fmt.Errorf("delete the secrets of runs that expired: %w", err)
	}
	return nil
}
