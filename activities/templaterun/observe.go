package templaterun

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/portico-dev/portico/scaffolder/template"
	"github.com/portico-dev/portico/telemetry"
)

// observation is an attempt of a step, or of the undoing of an effect, as traces and metrics know it.
type observation struct {
	telemetry *telemetry.Telemetry
	span      trace.Span
	action    string
	began     time.Time
}

// observe begins an observation. The context that it answers is of its span.
func (a *Activities) observe(ctx context.Context, name string, step template.Step, attributes ...attribute.KeyValue) (context.Context, *observation) {
	ctx, span := a.Telemetry.Span(ctx, name, trace.SpanKindInternal, append(attributes,
		attribute.String("portico.step.id", step.ID), attribute.String("portico.action.id", step.Action))...)
	return ctx, &observation{a.Telemetry, span, step.Action, time.Now()}
}

// observe begins the observation of an attempt.
func (e *execution) observe(ctx context.Context) (context.Context, *observation) {
	return e.Activities.observe(telemetry.InStep(ctx, e.step.ID), "step "+e.step.ID, e.step,
		attribute.String("portico.run.id", e.ID.String()), attribute.Int("portico.run.generation", e.Generation),
		attribute.Int("portico.step.iteration", e.index), attribute.Int("portico.step.attempt", e.steps[e.position].FailedAttempts+1))
}

// How an attempt ends, as telemetry.StepDuration has it.
const (
	outcomeCompleted = "completed"
	outcomeFailed    = "failed"
	outcomeRetried   = "retried"
	// outcomeStopped is that of an attempt that was cancelled, or that the worker or the record did not let
	// end.
	outcomeStopped = "stopped"
)

// end ends the observation of an attempt. Of a failure it keeps what people see of it, which is masked.
func (o *observation) end(ctx context.Context, failed *failedAttempt, err error) {
	outcome := outcomeCompleted
	switch {
	case err != nil:
		outcome = outcomeStopped
		o.span.SetStatus(codes.Error, outcomeStopped)
	case failed != nil && failed.again:
		outcome = outcomeRetried
	case failed != nil:
		outcome = outcomeFailed
	}
	if failed != nil {
		o.span.SetStatus(codes.Error, failed.failure.Name+": "+failed.failure.Message)
	}
	o.span.SetAttributes(attribute.String("portico.step.outcome", outcome))
	o.span.End()
	o.telemetry.Measure(ctx, telemetry.StepDuration, time.Since(o.began), o.action, outcome)
}

// endUndo ends the observation of an undoing. Why it failed is on the ledger, masked.
func (o *observation) endUndo(err error) {
	if err != nil {
		o.span.SetStatus(codes.Error, "not undone")
	}
	o.span.End()
}
