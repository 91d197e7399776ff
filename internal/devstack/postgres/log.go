package postgres

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
)

const (
	// recentLines is the number of the server's lines in an error message.
	recentLines = 5
	// maxLineBytes bounds a line without an end.
	maxLineBytes = 16 << 10
)

// serverLog passes the server's lines to a logger and keeps the last ones.
type serverLog struct {
	log *slog.Logger

	mu      sync.Mutex
	partial []byte
	last    []string
}

// Write implements io.Writer for the server's standard error.
func (l *serverLog) Write(chunk []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partial = append(l.partial, chunk...)
	for {
		line, rest, complete := bytes.Cut(l.partial, []byte("\n"))
		if !complete && len(line) < maxLineBytes {
			return len(chunk), nil
		}
		l.partial = rest
		l.record(string(line))
	}
}

func (l *serverLog) record(line string) {
	l.last = append(l.last, line)
	if len(l.last) > recentLines {
		l.last = l.last[1:]
	}
	if strings.HasPrefix(line, "PANIC:") {
		l.log.Error("PostgreSQL", "line", line)
		return
	}
	l.log.Debug("PostgreSQL", "line", line)
}

// recent is the end of the server's output.
func (l *serverLog) recent() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.last, "\n")
}
