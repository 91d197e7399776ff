package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/db"
)

// Query selects events. The zero value selects the newest.
type Query struct {
	// Who selects the events of an actor, and those that were done on their behalf.
	Who string
	// Actions and Outcomes select events with one of them, any when empty.
	Actions  []Action
	Outcomes []Outcome
	Resource string
	// Since and Until bound the time, to the millisecond. Zero is unbounded.
	Since, Until time.Time
	// Before selects the events that are older than the one with this id: the next page.
	Before uuid.UUID
	// Limit bounds the number of events. 0 means 100.
	Limit int
}

// Find returns the events of a query, the newest first. It asks no decider: package audit/trail does.
func Find(ctx context.Context, from db.DBTX, q Query) ([]Event, error) {
	rows, err := queries.AuditEvents(ctx, db.PlanEach(from), params(q))
	if err != nil {
		return nil, fmt.Errorf("find audit events: %w", err)
	}
	return decodeAll(rows)
}

func params(q Query) db.AuditEventsParams {
	before := uuid.Max
	if !q.Until.IsZero() {
		before = firstID(q.Until)
	}
	if q.Before != uuid.Nil && slices.Compare(q.Before[:], before[:]) < 0 {
		before = q.Before
	}
	limit := 100
	if q.Limit > 0 {
		limit = q.Limit
	}
	return db.AuditEventsParams{Who: q.Who, Actions: texts(q.Actions), Outcomes: texts(q.Outcomes), Resource: q.Resource,
		FirstID: firstID(q.Since), BeforeID: before, MaxRows: int32(limit)}
}

// firstID is the smallest id of an event at this time: a UUID of version 7 begins with 48 bits of
// milliseconds since 1970 (RFC 9562). For the zero time it is the smallest of all.
func firstID(at time.Time) (id uuid.UUID) {
	if at.IsZero() {
		return uuid.Nil
	}
	milliseconds := uint64(max(at.UnixMilli(), 0))
	for i := range 6 {
		id[i] = byte(milliseconds >> (8 * (5 - i)))
	}
	return id
}

func texts[T ~string](values []T) []string {
	all := make([]string, len(values))
	for i, value := range values {
		all[i] = string(value)
	}
	return all
}

func decodeAll(rows []db.AuditEvent) ([]Event, error) {
	events := make([]Event, len(rows))
	for i, row := range rows {
		var err error
		if events[i], err = decode(row); err != nil {
			return nil, err
		}
	}
	return events, nil
}

func decode(row db.AuditEvent) (Event, error) {
	e := Event{ID: row.ID, At: row.At.UTC(), Actor: Actor{Kind: row.ActorKind, Subject: row.Actor}, OnBehalfOf: orEmpty(row.OnBehalfOf),
		Action: Action(row.Action), Resource: row.Resource, Outcome: Outcome(row.Outcome), Reason: orEmpty(row.Reason),
		Address: orEmpty(row.Address), RequestID: orEmpty(row.RequestID), TraceID: orEmpty(row.TraceID)}
	if row.Changes == nil {
		return e, nil
	}
	if err := json.Unmarshal(row.Changes, &e.Changes); err != nil {
		return Event{}, fmt.Errorf("changes of audit event %s: %w", row.ID, err)
	}
	return e, nil
}

func orEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
