package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// partList prints which parts are starting, and how long each took.
type partList struct {
	out io.Writer
	mu  sync.Mutex
	// since is the start time of each part.
	since map[string]time.Time
}

func newPartList(out io.Writer) *partList { return &partList{out: out, since: map[string]time.Time{}} }

func (l *partList) tell(part, state string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch state {
	case "starting":
		l.since[part] = time.Now()
		fmt.Fprintf(l.out, "  starting  %s\n", part)
	case "ready":
		fmt.Fprintf(l.out, "  ready     %s (%s)\n", part, brief(time.Since(l.since[part])))
	default:
		fmt.Fprintf(l.out, "  %-9s %s\n", state, part)
	}
}

// brief formats a duration with few units.
func brief(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(10 * time.Millisecond).String()
	default:
		return d.Round(time.Second).String()
	}
}
