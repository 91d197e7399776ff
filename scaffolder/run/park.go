package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/plainjson"
)

// Version identifies what was last written of a run. It can be read even of a run whose record cannot be
// decoded.
type Version struct {
	ID         uuid.UUID
	Generation int
	// Active says that the run had not ended.
	Active bool

	claim *uuid.UUID
	at    *time.Time
}

// Version reads a run's version; a fault of kind NotFound, in Backstage's words, when there is no such run.
func (s *Store) Version(ctx context.Context, id uuid.UUID) (Version, error) {
	row, err := s.queries.RunByID(ctx, s.pool, id)
	if err != nil {
		return Version{}, notFound(err, id)
	}
	return Version{ID: id, Generation: int(row.Generation), Active: !Status(row.Status).Ended(), claim: row.Claim, at: row.LastHeartbeatAt}, nil
}

// Stale is a batch of active runs with a workflow that were not written since a time, in the order of their
// ids, after an id.
func (s *Store) Stale(ctx context.Context, before time.Time, after uuid.UUID) ([]Version, error) {
	rows, err := s.queries.StaleRuns(ctx, s.pool, &before, after)
	if err != nil {
		return nil, fmt.Errorf("find stale runs: %w", err)
	}
	found := make([]Version, len(rows))
	for i, row := range rows {
		found[i] = Version{ID: row.ID, Generation: int(row.Generation), Active: true, claim: row.Claim, at: row.LastHeartbeatAt}
	}
	return found, nil
}

// Park ends a run as failed, to wait for a person's decision. It does not decode the run, so it also works
// for one whose record cannot be read. It answers false, and changes nothing, when the run was written since
// its version was read.
func (s *Store) Park(ctx context.Context, seen Version, failure fault.Failure) (bool, error) {
	s.fresh.Forget(seen.ID)
	encoded, err := encodeFailure(&failure)
	if err != nil {
		return false, fmt.Errorf("encode the error of run %s: %w", seen.ID, err)
	}
	body, err := plainjson.Marshal(EventBody{Message: "Run completed with status: " + string(StatusFailed),
		Error: &fault.Failure{Name: failure.Name, Message: failure.Message}})
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
	s.notify(ctx, seen.ID)
	s.observeEnd(ctx, observedRun(seen.ID, int32(seen.Generation), parked.TemplateRef, parked.TraceParent, parked.CreatedAt, parked.ReopenedAt),
		PhaseParked, &failure, at)
	return true, nil
}

// ForgetExpiredSecrets deletes the secrets of runs that were parked or cancelled before a time. Usually their
// workflow does so; this covers runs whose workflow is gone.
func (s *Store) ForgetExpiredSecrets(ctx context.Context, before time.Time) error {
	if _, err := s.queries.DeleteSecretsOfExpiredRuns(ctx, s.pool, &before); err != nil {
		return fmt.Errorf("delete the secrets of runs that expired: %w", err)
	}
	return nil
}
