package telemetry

import (
	"context"
	"log/slog"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"
)

// subject is the run and step of a log line.
type subject struct{ run, step string }

type subjectKey struct{}

func withSubject(ctx context.Context, about subject) context.Context {
	return context.WithValue(ctx, subjectKey{}, about)
}

func subjectOf(ctx context.Context) subject {
	about, _ := ctx.Value(subjectKey{}).(subject)
	return about
}

// ForRun returns a context whose log lines have the run. Telemetry.InRun also adds the run's trace.
func ForRun(ctx context.Context, id uuid.UUID) context.Context {
	return withSubject(ctx, subject{run: id.String()})
}

// LogHandler adds to each line the run, the step and the trace of its context.
func LogHandler(next slog.Handler) slog.Handler { return logHandler{next} }

type logHandler struct{ slog.Handler }

// Handle implements slog.Handler.
func (h logHandler) Handle(ctx context.Context, record slog.Record) error {
	about, span := subjectOf(ctx), trace.SpanContextFromContext(ctx)
	if about == (subject{}) && !span.IsValid() {
		return h.Handler.Handle(ctx, record)
	}
	record = record.Clone()
	if about.run != "" {
		record.AddAttrs(slog.String("run", about.run))
	}
	if about.step != "" {
		record.AddAttrs(slog.String("step", about.step))
	}
	if span.IsValid() {
		record.AddAttrs(slog.String("trace", span.TraceID().String()))
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (h logHandler) WithAttrs(attributes []slog.Attr) slog.Handler {
	return logHandler{h.Handler.WithAttrs(attributes)}
}

// WithGroup implements slog.Handler.
func (h logHandler) WithGroup(name string) slog.Handler { return logHandler{h.Handler.WithGroup(name)} }

// ReplaceAttrs changes the attributes of every line, to rename those of a library.
func ReplaceAttrs(next slog.Handler, replace func(slog.Attr) slog.Attr) slog.Handler {
	return replacing{next, replace}
}

type replacing struct {
	slog.Handler

	replace func(slog.Attr) slog.Attr
}

// Handle implements slog.Handler.
func (h replacing) Handle(ctx context.Context, record slog.Record) error {
	changed := slog.NewRecord(record.Time, record.Level, record.Message, record.PC)
	record.Attrs(func(attribute slog.Attr) bool {
		changed.AddAttrs(h.replace(attribute))
		return true
	})
	return h.Handler.Handle(ctx, changed)
}

// WithAttrs implements slog.Handler.
func (h replacing) WithAttrs(attributes []slog.Attr) slog.Handler {
	changed := make([]slog.Attr, len(attributes))
	for i, attribute := range attributes {
		changed[i] = h.replace(attribute)
	}
	return replacing{h.Handler.WithAttrs(changed), h.replace}
}

// WithGroup implements slog.Handler.
func (h replacing) WithGroup(name string) slog.Handler {
	return replacing{h.Handler.WithGroup(name), h.replace}
}
