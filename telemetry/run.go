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

// Run identifies a template's run in traces and logs.
type Run struct {
	ID uuid.UUID
	// Generation counts how often the run was reopened: each generation has its own span.
	Generation int
	// Template is the reference of the run's template.
	Template string
	// TraceParent is the result of TraceParent for the request that started the run, "" without a trace.
	TraceParent string
}

// TraceParent is the span of a context as W3C's traceparent, nil when there is none. It is stored, because
// work continues after the request, in other processes and perhaps days later.
func TraceParent(ctx context.Context) *string {
	carrier := propagation.MapCarrier{}
	propagator.Inject(ctx, carrier)
	if parent := carrier.Get("traceparent"); parent != "" {
		return &parent
	}
	return nil
}

// InRun returns a context for a run's work. Its log lines have the run, and its spans are children of the
// run's.
func (t *Telemetry) InRun(ctx context.Context, run Run) context.Context {
	ctx = withSubject(ctx, subject{run: run.ID.String()})
	if !t.IsTracing() {
		return ctx
	}
	return trace.ContextWithRemoteSpanContext(ctx, run.span())
}

// InStep returns a context for a step of the context's run. Its log lines have both.
func InStep(ctx context.Context, id string) context.Context {
	about := subjectOf(ctx)
	about.step = id
	return withSubject(ctx, about)
}

// parent is the span of the request that started the run, invalid when there is none.
func (r Run) parent() trace.SpanContext {
	ctx := propagator.Extract(context.Background(), propagation.MapCarrier{"traceparent": r.TraceParent})
	return trace.SpanContextFromContext(ctx)
}

// span is the run's span. Its id derives from the run's, so that every process can use it as a parent before
// it is recorded. The process that ends the run records it. Without a parent, the trace has the run's own id.
func (r Run) span() trace.SpanContext {
	parent := r.parent()
	if !parent.IsValid() {
		parent = trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID(r.ID), TraceFlags: trace.FlagsSampled})
	}
	seed := sha256.Sum256(binary.BigEndian.AppendUint64(r.ID[:], uint64(r.Generation)))
	return parent.WithSpanID(trace.SpanID(seed[:8])).WithRemote(true)
}

// EndRun records the span of a run that has ended or was parked, since it began or was reopened.
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

// identifiers generates random ids, or uses those in a context.
type identifiers struct{}

type wantedKey struct{}

// NewIDs implements sdktrace.IDGenerator for a root span.
func (identifiers) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if wanted, is := ctx.Value(wantedKey{}).(trace.SpanContext); is {
		return wanted.TraceID(), wanted.SpanID()
	}
	var id trace.TraceID
	_, _ = rand.Read(id[:])
	return id, randomSpanID()
}

// NewSpanID implements sdktrace.IDGenerator for a child span.
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
