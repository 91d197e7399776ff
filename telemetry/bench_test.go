package telemetry_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/portico-dev/portico/telemetry"
)

// discard drops all spans.
type discard struct{}

func (discard) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (discard) OnEnd(sdktrace.ReadOnlySpan)                     {}
func (discard) Shutdown(context.Context) error                  { return nil }
func (discard) ForceFlush(context.Context) error                { return nil }

// BenchmarkStep measures the cost of telemetry for one attempt of a step, off and on.
func BenchmarkStep(b *testing.B) {
	on, err := telemetry.New(b.Context(), telemetry.Options{Metrics: true,
		Spans: discard{}})
	require.NoError(b, err)
	for name, t := range map[string]*telemetry.Telemetry{"off": nil, "on": on} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			run := telemetry.Run{ID: uuid.New(), Template: "template:default/t"}
			for b.Loop() {
				ctx, span := t.Span(telemetry.InStep(t.InRun(b.Context(), run), "one"), "step one", trace.SpanKindInternal)
				span.End()
				t.Measure(ctx, telemetry.StepDuration, time.Second, "debug:log", "completed")
			}
		})
	}
}
