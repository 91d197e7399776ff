package run

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// maxEvents bounds one reading of an event log; a follower reads on from the last id.
const maxEvents = 10_000

// announceTimeout bounds how long the database may take to wake followers.
const announceTimeout = 5 * time.Second

// Channel is where Postgres tells that a run has new events; the payload is the run's id.
const Channel = "portico_run_events"

// Events are the events of a run after an id, oldest first, and its completion whatever its id: a client that resumes
// always learns how the run ended. At most maxEvents are read.
func (s *Store) Events(ctx context.Context, id uuid.UUID, after int64) ([]Event, error) {
	rows, err := s.queries.RunEventsAfter(ctx, s.pool, id, after, maxEvents)
	if err != nil {
		return nil, fmt.Errorf("read the events of run %s: %w", id, err)
	}
	events := make([]Event, len(rows))
	for i, row := range rows {
		events[i] = Event{ID: row.ID, RunID: row.RunID, Type: row.Type, Body: row.Body, CreatedAt: row.CreatedAt}
	}
	return events, nil
}
