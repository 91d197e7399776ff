package telemetry

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
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

// Traces configures the export of spans. With the zero value, the environment decides:
// OTEL_EXPORTER_OTLP_ENDPOINT and the other variables of OpenTelemetry's exporters. Without them, nothing is
// exported.
type Traces struct {
	// Endpoint is the collector's URL: http://collector:4318. Over HTTP, a path is used as it is; without
	// one, spans go to OTLP's default, /v1/traces.
	Endpoint string
	// Protocol is http/protobuf or grpc; "" is OTEL_EXPORTER_OTLP_PROTOCOL, or http/protobuf without it.
	Protocol string
	// Processor receives the spans instead of a collector.
	Processor sdktrace.SpanProcessor
}

const (
	protocolHTTP = "http/protobuf"
	protocolGRPC = "grpc"
)

// open creates the span processor, nil when there is nothing to export to. It does not connect:
// OpenTelemetry's error handler reports a collector that does not answer once there are spans.
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
			at, err := url.Parse(o.Endpoint)
			if err != nil {
				return nil, fmt.Errorf("the endpoint: %w", err)
			}
			if strings.Trim(at.Path, "/") == "" {
				at.Path = "/v1/traces"
			}
			options = append(options, otlptracehttp.WithEndpointURL(at.String()))
		}
		return otlptracehttp.New(ctx, options...)
	default:
		return nil, fmt.Errorf("the protocol %q is not known: use %s or %s", protocol, protocolHTTP, protocolGRPC)
	}
}

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
