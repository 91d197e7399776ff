package telemetry

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Run is a run of a template as traces and logs know it.
type Run struct {
	ID uuid.UUID
	// Generation counts how often the run was taken up again: each has a span of its own.
	Generation int
	// Template is the reference of the run's template.
	Template string
	// TraceParent is what TraceParent gave where the run was accepted, "" when nothing was traced there.
	TraceParent string
}

// TraceParent is the span of a context as W3C's traceparent, nil when there is none. It is kept with what
// goes on after the request, by other processes and perhaps days later.
func TraceParent(ctx context.Context) *string {
	carrier := propagation.MapCarrier{}
	propagator.Inject(ctx, carrier)
	if parent := carrier.Get("traceparent"); parent != "" {
		return &parent
	}
	return nil
}

// InRun is a context of work for a run. Log lines carry the run, and spans are below the run's.
func (t *Telemetry) InRun(ctx context.Context, run Run) context.Context {
	ctx = withSubject(ctx, subject{run: run.ID.String()})
	if !t.IsTracing() {
		return ctx
	}
	return trace.ContextWithRemoteSpanContext(ctx, run.span())
}

// InStep is a context of work for a step of the run that the context is of. Log lines carry both.
func InStep(ctx context.Context, id string) context.Context {
	about := subjectOf(ctx)
	about.step = id
	return withSubject(ctx, about)
}

// parent is the span that the run was accepted in, invalid when there is none.
func (r Run) parent() trace.SpanContext {
	ctx := propagator.Extract(context.Background(), propagation.MapCarrier{"traceparent": r.TraceParent})
	return trace.SpanContextFromContext(ctx)
}

// span is the run's span. Its id is made from the run's, so that every process puts the spans of steps below
// it before it is recorded, which whoever ends the run does. Without a parent the trace has the run's own id.
func (r Run) span() trace.SpanContext {
	parent := r.parent()
	if !parent.IsValid() {
		parent = trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID(r.ID), TraceFlags: trace.FlagsSampled})
	}
	seed := sha256.Sum256(binary.BigEndian.AppendUint64(r.ID[:], uint64(r.Generation)))
	return parent.WithSpanID(trace.SpanID(seed[:8])).WithRemote(true)
}

// EndRun records the span of a run that ended or was parked, from when it began or was taken up again.
func (t *Telemetry) EndRun(run Run, from, to time.Time, failure string, attributes ...attribute.KeyValue) {
	if !t.IsTracing() {
		return
	}
	ctx := context.WithValue(context.Background(), wantedKey{}, run.span())
	if parent := run.parent(); parent.IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, parent)
	}
	_, span := t.tracer.Start(ctx, "run "+run.Template, trace.WithTimestamp(from), trace.WithAttributes(append(attributes,
		attribute.String("portico.run.id", run.ID.String()), attribute.Int("portico.run.generation", run.Generation),
		attribute.String("portico.template", run.Template))...))
	if failure != "" {
		span.SetStatus(codes.Error, failure)
	}
	span.End(trace.WithTimestamp(to))
}

// identifiers makes random ids, or those that a context wants.
type identifiers struct{}

type wantedKey struct{}

// NewIDs implements sdktrace.IDGenerator for a span that begins a trace.
func (identifiers) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if wanted, is := ctx.Value(wantedKey{}).(trace.SpanContext); is {
		return wanted.TraceID(), wanted.SpanID()
	}
	var id trace.TraceID
	_, _ = rand.Read(id[:])
	return id, randomSpanID()
}

// NewSpanID implements sdktrace.IDGenerator for a span in a trace.
func (identifiers) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	if wanted, is := ctx.Value(wantedKey{}).(trace.SpanContext); is {
		return wanted.SpanID()
	}
	return randomSpanID()
}

func randomSpanID() (id trace.SpanID) {
	_, _ = rand.Read(id[:])
	return id
}
