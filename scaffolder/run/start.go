package run

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Unstarted is an active run whose workflow has not begun.
type Unstarted struct {
	ID uuid.UUID
	// Starts is how often the workflow's start was requested with success.
	Starts int
}

// Unstarted are the runs without a workflow that were not written since a time, or whose postponed start is
// due. At most a hundred are answered, those that were never postponed first.
func (s *Store) Unstarted(ctx context.Context, before time.Time) ([]Unstarted, error) {
	rows, err := s.queries.RunsToStart(ctx, s.pool, &before)
	if err != nil {
		return nil, fmt.Errorf("find runs that were never started: %w", err)
	}
	found := make([]Unstarted, len(rows))
	for i, row := range rows {
		found[i] = Unstarted{ID: row.ID, Starts: int(row.Starts)}
	}
	return found, nil
}

// PostponeStart postpones the next start of a run, so that other runs come first, and stores how often it was
// requested.
func (s *Store) PostponeStart(ctx context.Context, id uuid.UUID, until time.Time, starts int) error {
	if err := s.queries.PostponeStart(ctx, s.pool, int32(starts), &until, id); err != nil {
		return fmt.Errorf("put off the start of run %s: %w", id, err)
	}
	return nil
}
