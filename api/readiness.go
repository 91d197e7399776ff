package api

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// pingTimeout bounds a probe's query to the database.
	pingTimeout = time.Second
	// pingValidity is how long a ping's result is cached, so that probes cost the database little.
	pingValidity = time.Second
)

// Database reports whether the database can be reached. The zero value always reports yes.
type Database struct {
	// Ping checks the connection with one round trip.
	Ping func(context.Context) error
	// Unreachable reports whether a route's error means that the database did not answer.
	Unreachable func(error) bool
}

// pinger shares one ping among its callers, and caches the result for pingValidity.
type pinger struct {
	ping func(context.Context) error
	log  *slog.Logger

	mu         sync.Mutex
	validUntil time.Time
	answered   bool
}

// answers reports whether the database has answered within pingValidity. A caller that leaves does not cancel
// the ping, because others may wait for it.
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
