package telemetry

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// startTracing starts a tracer provider. The SDK reads OTEL_TRACES_SAMPLER, the sampling of traces.
func (t *Telemetry) startTracing(processor sdktrace.SpanProcessor, described *resource.Resource) {
	t.spans = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(processor), sdktrace.WithResource(described),
		sdktrace.WithIDGenerator(identifiers{}))
	t.tracer = t.spans.Tracer(scope)
}

// propagator is the W3C's: traceparent and tracestate.
var propagator = propagation.TraceContext{}

// IsTracing reports whether spans are recorded.
func (t *Telemetry) IsTracing() bool { return t != nil && t.tracer != nil }

// Span starts a child span of the context's. The caller ends it.
func (t *Telemetry) Span(ctx context.Context, name string, kind trace.SpanKind, attributes ...attribute.KeyValue) (context.Context, trace.Span) {
	if !t.IsTracing() {
		return ctx, noop.Span{}
	}
	return t.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attributes...)) //nolint:spancheck // the caller ends it
}

// Received returns a context that continues the trace in a request's headers.
func (t *Telemetry) Received(ctx context.Context, header http.Header) context.Context {
	if !t.IsTracing() {
		return ctx
	}
	return propagator.Extract(ctx, propagation.HeaderCarrier(header))
}
