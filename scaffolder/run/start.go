package run

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Unstarted is a run that moves and that no execution of its workflow has taken up.
type Unstarted struct {
	ID uuid.UUID
	// Starts is how often its start was asked for and answered.
	Starts int
}

// Unstarted are the runs that wait for their start and were not written since before, or whose start was put off until now: a
// hundred at most, those that were never put off first.
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

// PostponeStart puts off the next start of a run, so that it is not in the way of others, and notes how often it was asked for.
func (s *Store) PostponeStart(ctx context.Context, id uuid.UUID, until time.Time, starts int) error {
	if err := s.queries.PostponeStart(ctx, s.pool, int32(starts), &until, id); err != nil {
		return fmt.Errorf("put off the start of run %s: %w", id, err)
	}
	return nil
}
