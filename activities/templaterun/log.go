package templaterun

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/portico-dev/portico/scaffolder/run"
)

const (
	// flushInterval is how long log lines are collected before they are written.
	flushInterval = 200 * time.Millisecond
	// Bounds on the log of one attempt. Further lines are dropped; the run continues.
	maxLines     = 20_000
	maxLineBytes = 32 << 10
)

// stepLog implements action.Log for one attempt. The keys of its lines are numbered: an attempt that is
// repeated after a crash writes the same lines under the same keys, so people see each once. A new attempt
// after a failure has its own keys.
type stepLog struct {
	execution *execution
	prefix    string
	// attempt counts from 1.
	attempt int
	// stop stops the action when another worker took the run over.
	stop context.CancelCauseFunc

	mu      sync.Mutex
	pending []run.NewEvent
	lines   int
	done    chan struct{}
	stopped sync.WaitGroup
}

// openLog begins the log of an attempt. The lines of a slow action are written regularly; those of a quick
// one at its end.
func (e *execution) openLog(ctx context.Context, stop context.CancelCauseFunc) (*stepLog, error) {
	prefix := fmt.Sprintf("%s/%d", e.key(e.position), e.index)
	if e.looksAgain() {
		prefix = fmt.Sprintf("%s/%d", prefix, e.steps[e.position].WaitingUntil.UnixMilli())
	}
	log := &stepLog{execution: e, prefix: prefix,
		attempt: e.steps[e.position].FailedAttempts + 1, stop: stop, done: make(chan struct{})}
	var warnings []string
	if e.first && !e.looksAgain() {
		log.pending, warnings = append(log.pending, e.stepStarted(e.position)), e.mask(e.warnings)
		for _, warning := range e.warnings {
			log.Warn("%s", warning)
		}
	}
	if e.each && !e.looksAgain() {
		log.Info("Running step each: %s", e.iteration.Describe())
	}
	// A crash leaves the time of the wait before, which numbers the lines.
	entry := run.Entry{Events: log.drain(), Phase: e.phase(), Steps: []run.StepChange{{Position: e.position, Status: run.StatusProcessing,
		WaitingUntil: e.steps[e.position].WaitingUntil, Input: e.redact.JSON(e.iteration.Input), Warnings: warnings}}}
	if err := e.record(ctx, entry); err != nil {
		return nil, err
	}
	if !e.does.Describe().Quick {
		log.stopped.Go(func() { log.flushRegularly(ctx) })
	}
	return log, nil
}

// Info implements action.Log.
func (l *stepLog) Info(format string, args ...any) { l.line(run.InfoLevel, format, args) }

// Warn implements action.Log.
func (l *stepLog) Warn(format string, args ...any) { l.line(run.WarnLevel, format, args) }

// Error implements action.Log.
func (l *stepLog) Error(format string, args ...any) { l.line(run.ErrorLevel, format, args) }

func (l *stepLog) line(level, format string, args []any) {
	text := format
	if len(args) > 0 {
		text = fmt.Sprintf(format, args...)
	}
	if len(text) > maxLineBytes {
		text = strings.ToValidUTF8(text[:maxLineBytes], "") + " … (cut)"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines++
	switch {
	case l.lines > maxLines:
		return
	case l.lines == maxLines:
		text = fmt.Sprintf("more than %d lines: the rest is not kept", maxLines)
	}
	l.pending = append(l.pending, run.NewEvent{Type: run.EventLog, Key: fmt.Sprintf("%s/%d/line/%d", l.prefix, l.attempt, l.lines),
		Body: run.EventBody{Message: level + l.execution.redact.Text(text), StepID: l.execution.step.ID}, At: time.Now()})
}

// attemptFailed records that this attempt failed and another will follow, and counts it.
func (l *stepLog) attemptFailed(ctx context.Context, message string) {
	e := l.execution
	event := run.NewEvent{Type: run.EventLog, Key: fmt.Sprintf("%s/failed/%d", l.prefix, l.attempt), Body: run.EventBody{
		Message: fmt.Sprintf("%sattempt %d failed and will be made again: %s", run.WarnLevel, l.attempt, message), StepID: e.step.ID}}
	l.write(ctx, run.Entry{Events: append(l.drain(), event),
		Steps: []run.StepChange{{Position: e.position, Status: run.StatusProcessing, FailedAttempts: &l.attempt}}})
}

// drain returns and removes the lines that were not written yet.
func (l *stepLog) drain() []run.NewEvent {
	l.mu.Lock()
	defer l.mu.Unlock()
	pending := l.pending
	l.pending = nil
	return pending
}

// flush writes what is pending.
func (l *stepLog) flush(ctx context.Context) {
	if pending := l.drain(); len(pending) > 0 {
		l.write(ctx, run.Entry{Events: pending})
	}
}

// write records an entry. Lines that cannot be written stay pending until the next flush. When another worker
// has taken the run over, it stops the action.
func (l *stepLog) write(ctx context.Context, entry run.Entry) {
	e := l.execution
	err := e.record(ctx, entry)
	if superseded := supersededBy(err); superseded != nil {
		l.stop(superseded)
		return
	}
	if err != nil {
		e.Log.WarnContext(ctx, "log lines could not be written yet", "error", err)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.pending = append(entry.Events, l.pending...)
	}
}

func (l *stepLog) flushRegularly(ctx context.Context) {
	ticker := time.NewTicker(flushInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			l.flush(ctx)
		case <-l.done:
			return
		case <-ctx.Done():
			return
		}
	}
}

// close ends the regular flushing. Pending lines are left for drain or flush.
func (l *stepLog) close() {
	close(l.done)
	l.stopped.Wait()
}
