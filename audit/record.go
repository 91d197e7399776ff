package audit

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/plainjson"
)

// The bounds of an event's texts, in bytes. Longer ones are cut.
const (
	maxName    = 500
	maxReason  = 1000
	maxChanges = 8 << 10
)

// queries has no state.
var queries = db.New()

// Record writes that a change was made. tx is the transaction of the change: the event is stored exactly if
// the change is. The values of the changes are stored: see Secret.
func Record(ctx context.Context, tx db.DBTX, actor Actor, action Action, resource string, changes ...Change) error {
	return record(ctx, tx, Event{Actor: actor, Action: action, Resource: resource, Outcome: Done, Changes: changes})
}

// record writes an event with its origin, time and id.
func record(ctx context.Context, tx db.DBTX, e Event) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("id of an audit event: %w", err)
	}
	changes, err := encodeChanges(e.Changes)
	if err != nil {
		return fmt.Errorf("changes of %s: %w", e.Resource, err)
	}
	origin := OriginOf(ctx)
	switch {
	case origin.Run != "":
		e.OnBehalfOf = e.Actor.Subject
		e.Actor = Actor{Kind: systemKind, Subject: runPrefix + origin.Run}
	case strings.HasPrefix(e.Actor.Via, runPrefix): // a step calls the API
		e.OnBehalfOf = e.Actor.Subject
		e.Actor = Actor{Kind: systemKind, Subject: e.Actor.Via}
	case e.Actor.Via != "":
		e.OnBehalfOf = e.Actor.Subject
		e.Actor = Actor{Kind: serviceKind, Subject: e.Actor.Via}
	}
	err = queries.InsertAuditEvent(ctx, tx, db.InsertAuditEventParams{ID: id, At: time.Now(), ActorKind: e.Actor.Kind, Actor: cut(e.Actor.Subject, maxName),
		OnBehalfOf: orNull(e.OnBehalfOf), Action: string(e.Action), Resource: cut(e.Resource, maxName), Outcome: string(e.Outcome),
		Reason: orNull(cut(e.Reason, maxReason)), Changes: changes,
		Address: orNull(origin.Address), RequestID: orNull(origin.RequestID), TraceID: orNull(traceID(ctx))})
	if err != nil {
		return fmt.Errorf("record %s of %s in the audit log: %w", e.Action, e.Resource, err)
	}
	return nil
}

const (
	// runPrefix begins the name of a run that acts for its starter.
	runPrefix = "run:"
	// systemKind is the kind of Portico's own actors.
	systemKind = "system"
	// serviceKind is the kind of the actors that call for somebody else.
	serviceKind = "service"
)

// encodeChanges encodes changes, null when there are none. Changes that are too long in all are stored
// without their values.
func encodeChanges(changes []Change) ([]byte, error) {
	if len(changes) == 0 {
		return nil, nil
	}
	encoded, err := plainjson.Marshal(changes)
	if err != nil {
		return nil, err
	}
	if len(encoded) > maxChanges {
		return plainjson.Marshal(withoutValues(changes))
	}
	return encoded, nil
}

// maxFields bounds the fields that are named when their values are too long.
const maxFields = 50

// valueTooLong replaces values that are too long.
const valueTooLong = "(too long for the audit log)"

func withoutValues(changes []Change) []Change {
	short := make([]Change, min(len(changes), maxFields))
	for i := range short {
		short[i] = Change{Field: cut(changes[i].Field, maxName/5), Secret: changes[i].Secret}
		if !short[i].Secret {
			short[i].New = valueTooLong
		}
	}
	return short
}

// cut bounds a text, and makes it one that Postgres accepts: valid UTF-8 without NUL.
func cut(text string, most int) string {
	if len(text) > most {
		text = text[:most-len("…")] + "…"
	}
	return strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", "\uFFFD"), "\uFFFD")
}

func traceID(ctx context.Context) string {
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		return span.TraceID().String()
	}
	return ""
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
