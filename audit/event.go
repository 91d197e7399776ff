// Package audit records who changed what, and which attempts were refused. An event of a change is written in
// the transaction of the change. Portico only ever adds events, until the retention deletes them. A hash chain over
// all events shows whether somebody changed the log by other means.
package audit

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Actor is who did something.
type Actor struct {
	// Kind is the kind of principal: user, service, system, or "" for a caller who is not signed in.
	Kind string
	// Subject is an entity reference, or the name of a service or of a job of Portico.
	Subject string
	// Via is the service that calls for the subject, such as plugin:search, "" when the subject calls. Events have
	// that service as their actor, and the subject as OnBehalfOf.
	Via string
}

// Outcome is how an attempt ended.
type Outcome string

// The outcomes.
const (
	// Done means that the change was made: the event is part of its transaction.
	Done Outcome = "done"
	// Denied means that the actor may not do it.
	Denied Outcome = "denied"
	// Failed means that it was permitted, and not done for another reason.
	Failed Outcome = "failed"
)

// Change is a field of the resource that was changed. Old is nil for a new field, and New for a removed one.
type Change struct {
	Field string `json:"field"`
	Old   any    `json:"old,omitempty"`
	New   any    `json:"new,omitempty"`
	// Secret means that the field has a value that is not stored here.
	Secret bool `json:"secret,omitempty"`
}

// Changed is a change of a field. Its values are stored: use Secret for a field that may hold a secret.
func Changed(field string, old, now any) Change { return Change{Field: field, Old: old, New: now} }

// Secret says that a secret field was set or changed, without its values.
func Secret(field string) Change { return Change{Field: field, Secret: true} }

// Event is one entry of the log, as it was read.
type Event struct {
	// ID is a UUID of version 7: ids are in the order of time.
	ID uuid.UUID
	At time.Time
	// Actor is who did it. OnBehalfOf is for whom: the starter of the run or the user of the plugin that did it, ""
	// when the actor acted for itself.
	Actor      Actor
	OnBehalfOf string
	Action     Action
	// Resource is an entity reference, or the id of another kind of resource, which the action tells.
	Resource string
	Outcome  Outcome
	// Reason says why it was denied or failed.
	Reason  string
	Changes []Change
	// Address is the remote address of the request. TraceID is the id of its trace. Both are "" outside
	// requests, and TraceID without tracing.
	Address, RequestID, TraceID string
}

// Origin is where an attempt comes from. Edges set it for everything that a request or a step does.
type Origin struct {
	// Address is the remote address of the request, and RequestID its id.
	Address, RequestID string
	// UserAgent is what the visitor's program says about itself. Events do not have it.
	UserAgent string
	// Run is the id of the run whose step acts for its starter, "" for everything else.
	Run string
}

type originKey struct{}

// WithOrigin returns a context whose events have the origin.
func WithOrigin(ctx context.Context, origin Origin) context.Context {
	return context.WithValue(ctx, originKey{}, origin)
}

// OriginOf is the origin of a context, zero outside requests and steps.
func OriginOf(ctx context.Context) Origin {
	origin, _ := ctx.Value(originKey{}).(Origin)
	return origin
}
