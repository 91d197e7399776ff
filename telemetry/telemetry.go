package telemetry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// scope is the instrumentation scope of Portico's spans and metrics.
const scope = "github.com/portico-dev/portico"

// Options select what is observed. The zero value observes nothing.
type Options struct {
	// Service is the process's name in traces, unless OTEL_SERVICE_NAME is set; Version is the program's.
	Service, Version string
	// Spans receives the spans of traces: see package otlp. Without it, nothing is traced.
	Spans sdktrace.SpanProcessor
	// Metrics turns the metrics on; Handler serves them.
	Metrics bool
}

// Telemetry records spans and metrics of one process. It is safe for concurrent use; nil records nothing.
type Telemetry struct {
	tracer   trace.Tracer
	spans    *sdktrace.TracerProvider
	registry *prometheus.Registry
	meter    metric.Meter
	meters   *sdkmetric.MeterProvider

	counters   map[string]metric.Float64Counter
	histograms map[string]metric.Float64Histogram
	budgets    budgets
}

// New starts what the options select, nil when that is nothing. The caller calls Stop.
func New(ctx context.Context, options Options) (*Telemetry, error) {
	if options.Spans == nil && !options.Metrics {
		return nil, nil
	}
	described, err := describeProcess(ctx, options)
	if err != nil {
		return nil, err
	}
	t := &Telemetry{}
	if options.Spans != nil {
		t.startTracing(options.Spans, described)
	}
	if options.Metrics {
		if err := t.startMetrics(described); err != nil {
			return nil, errors.Join(err, t.Stop(ctx))
		}
	}
	return t, nil
}

// describeProcess builds the resource of the process; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES override
// it.
func describeProcess(ctx context.Context, options Options) (*resource.Resource, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	described, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(
		attribute.String("service.name", cmp.Or(options.Service, "portico")),
		attribute.String("service.version", options.Version),
		attribute.String("service.instance.id", fmt.Sprintf("%s/%d", host, os.Getpid())),
	), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	return described, nil
}

// Stop exports the remaining data and stops.
func (t *Telemetry) Stop(ctx context.Context) error {
	if t == nil {
		return nil
	}
	var stopped []error
	if t.spans != nil {
		stopped = append(stopped, t.spans.Shutdown(ctx))
	}
	if t.meters != nil {
		stopped = append(stopped, t.meters.Shutdown(ctx))
	}
	return errors.Join(stopped...)
}
