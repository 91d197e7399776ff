package build

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// flushPeriod is how soon a line of a build is shown.
const flushPeriod = 300 * time.Millisecond

// journal writes the log of a build in batches, so that a build with many lines does not wait for the database. It is safe for
// concurrent use.
type journal struct {
	write func(ctx context.Context, lines []string) error
	log   *slog.Logger

	mu      sync.Mutex
	pending []string
	total   int
	done    chan struct{}
	stopped sync.WaitGroup
}

// openJournal begins to write. The caller closes the journal.
func openJournal(ctx context.Context, log *slog.Logger, write func(ctx context.Context, lines []string) error) *journal {
	j := &journal{write: write, log: log, done: make(chan struct{})}
	j.stopped.Go(func() {
		ticker := time.NewTicker(flushPeriod)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				j.flush(ctx)
			case <-j.done:
				return
			}
		}
	})
	return j
}

// say adds a line. Lines beyond the bound are dropped; the last one says so.
func (j *journal) say(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch j.total++; {
	case j.total < maxLines:
		j.pending = append(j.pending, cutText(clean(line), maxLine))
	case j.total == maxLines:
		j.pending = append(j.pending, "More lines are not kept.")
	}
}

// clean makes a line what the database takes and a terminal shows.
func clean(line string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(strings.TrimRight(line, "\r\n"), "\uFFFD"))
}

// flush writes what has come. A log that cannot be written does not stop a build.
func (j *journal) flush(ctx context.Context) {
	j.mu.Lock()
	lines := j.pending
	j.pending = nil
	j.mu.Unlock()
	if len(lines) == 0 {
		return
	}
	if err := j.write(ctx, lines); err != nil && ctx.Err() == nil {
		j.log.WarnContext(ctx, "techdocs: lines of a build were lost", "error", err)
	}
}

// close writes the rest.
func (j *journal) close(ctx context.Context) {
	close(j.done)
	j.stopped.Wait()
	j.flush(context.WithoutCancel(ctx))
}
