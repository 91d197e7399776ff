package run

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/db"
)

// maxEvents and maxEventBytes bound one page of an event log. A follower reads the next page after the last
// id.
const (
	maxEvents     = 1000
	maxEventBytes = 1 << 20
)

// notifyTimeout bounds how long the database may take to wake followers.
const notifyTimeout = 5 * time.Second

// Channel is the Postgres channel on which a run's new events are notified. The payload is the run's id.
const Channel = "portico_run_events"

// LastEvent is the id of the newest event of a run, 0 when there is none.
func (s *Store) LastEvent(ctx context.Context, id uuid.UUID) (int64, error) {
	last, err := s.queries.LastRunEvent(ctx, s.pool, id)
	if err != nil {
		return 0, fmt.Errorf("find the last event of run %s: %w", id, err)
	}
	return last, nil
}

// Events is a page of a run's events after an id, oldest first. A completion is included whatever its id, so
// that a client that resumes always learns how the run ended. The next page is after the last event; after an
// empty page there is none.
func (s *Store) Events(ctx context.Context, id uuid.UUID, after int64) ([]Event, error) {
	rows, err := s.queries.RunEventsAfter(ctx, s.pool, db.RunEventsAfterParams{RunID: id, After: after, MaxRows: maxEvents, MaxBytes: maxEventBytes})
	if err != nil {
		return nil, fmt.Errorf("read the events of run %s: %w", id, err)
	}
	events := make([]Event, len(rows))
	for i, row := range rows {
		events[i] = Event{ID: row.ID, RunID: row.RunID, Type: row.Type, Body: row.Body, CreatedAt: row.CreatedAt}
	}
	return events, nil
}
