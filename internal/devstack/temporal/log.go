package temporal

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// logger passes Temporal's log to slog. Temporal logs as errors and warnings what it then retries itself,
// often because its parts start and stop at the same time. So they become info and debug; only a fatal
// message is an error here.
type logger struct {
	log *slog.Logger
	// tags are on every line of this logger. They are formatted only for a logged line, because Temporal
	// creates loggers for every request.
	tags []tag.Tag
	// stopping means that the server was told to stop: what its parts then report about each other is
	// dropped.
	stopping *atomic.Bool
}

var _ log.WithLogger = logger{}

func (l logger) Debug(string, ...tag.Tag) {}
func (l logger) Info(string, ...tag.Tag)  {}

func (l logger) Warn(message string, tags ...tag.Tag)   { l.write(slog.LevelDebug, message, tags) }
func (l logger) Error(message string, tags ...tag.Tag)  { l.write(slog.LevelInfo, message, tags) }
func (l logger) DPanic(message string, tags ...tag.Tag) { l.write(slog.LevelError, message, tags) }

func (l logger) Panic(message string, tags ...tag.Tag) {
	l.write(slog.LevelError, message, tags)
	panic("Temporal: " + message)
}

// fatalError is what Fatal panics with.
type fatalError struct{ message string }

func (e fatalError) Error() string { return e.message }

// Fatal must not return: Temporal calls it where it cannot continue. Start turns the panic into an error.
func (l logger) Fatal(message string, tags ...tag.Tag) {
	l.write(slog.LevelError, message, tags)
	panic(fatalError{fmt.Sprintf("%s %v", message, attributes(tags))})
}

func (l logger) With(tags ...tag.Tag) log.Logger {
	return logger{l.log, slices.Concat(l.tags, tags), l.stopping}
}

func (l logger) write(level slog.Level, message string, tags []tag.Tag) {
	ctx := context.Background()
	if l.stopping.Load() {
		level = slog.LevelDebug
	}
	if l.log.Enabled(ctx, level) {
		l.log.LogAttrs(ctx, level, "Temporal: "+message, attributes(slices.Concat(l.tags, tags))...)
	}
}

func attributes(tags []tag.Tag) []slog.Attr {
	attributes := make([]slog.Attr, len(tags))
	for i, one := range tags {
		attributes[i] = slog.Any(one.Key(), fmt.Sprint(one.Value()))
	}
	return attributes
}
