package processing

import (
	"context"
	"strings"
)

// CauseKind says in one word what changed an entity.
type CauseKind string

const (
	// CauseUnknown is a change of a release that did not record causes.
	CauseUnknown CauseKind = ""
	// CauseSchedule is a read of the entity's location that was due.
	CauseSchedule CauseKind = "schedule"
	// CauseRequest is a command, such as a refresh or a registration. By is who gave it.
	CauseRequest CauseKind = "request"
	// CauseConfiguration is a change of catalog.locations.
	CauseConfiguration CauseKind = "configuration"
	// CauseSweep is a sweep of a source. By is its id.
	CauseSweep CauseKind = "sweep"
	// CauseEvent is a message of a host of source code. By names it.
	CauseEvent CauseKind = "event"
	// CauseRelations is a change of what belongs to other entities: relations to it, and errors below a Location.
	CauseRelations CauseKind = "relations"
	// CauseOrphan is the removal of an entity that nothing emits any more.
	CauseOrphan CauseKind = "orphan"
	// CauseRelease is an upgrade of Portico that serves the same document in another form.
	CauseRelease CauseKind = "release"
)

// Cause is who or what changed an entity. The zero value is an unknown cause.
type Cause struct {
	Kind CauseKind
	// By is the name of who or what it was, "" for kinds that have none.
	By string
}

// String is the stored form: the kind, and after a colon the name. ParseCause reads it.
func (c Cause) String() string {
	if c.By == "" {
		return string(c.Kind)
	}
	return string(c.Kind) + ":" + c.By
}

// ParseCause reads the stored form of a cause.
func ParseCause(stored string) Cause {
	kind, by, _ := strings.Cut(stored, ":")
	return Cause{CauseKind(kind), by}
}

type causeKey struct{}

// CausedBy makes a cause that of all changes under a context. It is in the context, as the origin of audit events is,
// because a command reaches entities through many functions that it does not concern.
func CausedBy(ctx context.Context, cause Cause) context.Context {
	return context.WithValue(ctx, causeKey{}, cause)
}

// causeOf is the cause of changes under a context, zero when nobody stated one.
func causeOf(ctx context.Context) Cause {
	cause, _ := ctx.Value(causeKey{}).(Cause)
	return cause
}
