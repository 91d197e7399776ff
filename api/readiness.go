package api

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// pingTimeout bounds how long a probe waits for the database.
	pingTimeout = time.Second
	// pingValidity is how long an answer of the database is good for, so that probes cost it next to nothing.
	pingValidity = time.Second
)

// Database is what the server knows of the store behind its routes: whether it can be reached. The zero value
// is always there.
type Database struct {
	// Ping proves with one round trip that it answers.
	Ping func(context.Context) error
	// Unreachable says whether an error of a route means that it did not answer.
	Unreachable func(error) bool
}

// pinger asks the database once at a time, and remembers for pingValidity whether it answered.
type pinger struct {
	ping func(context.Context) error
	log  *slog.Logger

	mu         sync.Mutex
	validUntil time.Time
	answered   bool
}

// answers says whether the database answers, as of at most pingValidity ago. The caller's leaving does not
// spoil the answer for others, who wait for it.
func (p *pinger) answers(ctx context.Context) bool {
	if p.ping == nil {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Now().Before(p.validUntil) {
		return p.answered
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingTimeout)
	defer cancel()
	err := p.ping(ctx)
	if err != nil {
		p.log.WarnContext(ctx, "not ready: the database does not answer", "error", err)
	}
	p.answered, p.validUntil = err == nil, time.Now().Add(pingValidity)
	return p.answered
}
