package telemetry

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Traces says where spans go. The zero value asks the environment: OTEL_EXPORTER_OTLP_ENDPOINT and the other
// variables of OpenTelemetry's exporters, and nowhere when it has none.
type Traces struct {
	// Endpoint is the collector's URL: http://collector:4318. Its path, when it has none, is that of OTLP.
	Endpoint string
	// Protocol is http/protobuf or grpc; "" is what OTEL_EXPORTER_OTLP_PROTOCOL says, and http/protobuf
	// without it.
	Protocol string
	// Processor takes the spans in place of a collector.
	Processor sdktrace.SpanProcessor
}

const (
	protocolHTTP = "http/protobuf"
	protocolGRPC = "grpc"
)

// open makes what takes the spans, nil when they go nowhere. Nothing is sent yet: a collector that does not
// answer is reported by OpenTelemetry's error handler when there are spans for it.
func (o Traces) open(ctx context.Context) (sdktrace.SpanProcessor, error) {
	if o.Processor != nil || !o.enabled() {
		return o.Processor, nil
	}
	exporter, err := o.exporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("export traces: %w", err)
	}
	return sdktrace.NewBatchSpanProcessor(exporter), nil
}

func (o Traces) enabled() bool {
	off := strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || os.Getenv("OTEL_TRACES_EXPORTER") == "none"
	return !off && cmp.Or(o.Endpoint, os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT")) != ""
}

func (o Traces) exporter(ctx context.Context) (sdktrace.SpanExporter, error) {
	protocol := cmp.Or(o.Protocol, os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"), protocolHTTP)
	switch protocol {
	case protocolGRPC:
		var options []otlptracegrpc.Option
		if o.Endpoint != "" {
			options = append(options, otlptracegrpc.WithEndpointURL(o.Endpoint))
		}
		return otlptracegrpc.New(ctx, options...)
	case protocolHTTP:
		var options []otlptracehttp.Option
		if o.Endpoint != "" {
			options = append(options, otlptracehttp.WithEndpointURL(strings.TrimRight(o.Endpoint, "/")+"/v1/traces"))
		}
		return otlptracehttp.New(ctx, options...)
	default:
		return nil, fmt.Errorf("the protocol %q is not known: use %s or %s", protocol, protocolHTTP, protocolGRPC)
	}
}

// startTracing gives spans to a processor. The SDK reads OTEL_TRACES_SAMPLER, which says how many of the
// traces are kept.
func (t *Telemetry) startTracing(processor sdktrace.SpanProcessor, described *resource.Resource) {
	t.spans = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(processor), sdktrace.WithResource(described),
		sdktrace.WithIDGenerator(identifiers{}))
	t.tracer = t.spans.Tracer(scope)
}

// propagator is the W3C's: traceparent and tracestate.
var propagator = propagation.TraceContext{}

// IsTracing reports whether spans are recorded.
func (t *Telemetry) IsTracing() bool { return t != nil && t.tracer != nil }

// Span begins a span below that of the context. The caller ends it.
func (t *Telemetry) Span(ctx context.Context, name string, kind trace.SpanKind, attributes ...attribute.KeyValue) (context.Context, trace.Span) {
	if !t.IsTracing() {
		return ctx, noop.Span{}
	}
	return t.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attributes...)) //nolint:spancheck // the caller ends it
}

// Received is a context that continues the trace of a request's headers.
func (t *Telemetry) Received(ctx context.Context, header http.Header) context.Context {
	if !t.IsTracing() {
		return ctx
	}
	return propagator.Extract(ctx, propagation.HeaderCarrier(header))
}
