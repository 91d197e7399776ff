package processing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/db"
)

const (
	// workers is the number of entities that are in the pipeline at once, and urgentWorkers that of urgent ones in
	// addition. They mostly wait for the network.
	workers       = 16
	urgentWorkers = 8
	// claimSize is the number of entities that are claimed at once. When the workers take all of them within
	// takenAtOnce, twice as many are claimed the next time, up to maxClaimSize.
	claimSize    = 32
	maxClaimSize = 512
	takenAtOnce  = 250 * time.Millisecond
	// entityTimeout bounds the processing of one entity.
	entityTimeout = 30 * time.Second
	// batchSize bounds the results written in one transaction, stitchSize the entities stitched in one. After a result
	// that brings the children to batchChildren, no more are added.
	batchSize     = 500
	batchChildren = 2000
	// maxLarge is the number of Locations with thousands of children that are in memory at once: one is read while the
	// other is written.
	maxLarge   = 2
	stitchSize = 500
	// stitchers is the number of transactions that stitch at once: one computes while the database works for the other.
	stitchers = 2
	// pollPeriod is the time after which the engine looks for work without a notification.
	pollPeriod = time.Second
	// closedInterval is the refresh interval of an entity whose result depends on its own document only. Only
	// a new release of Portico can change the result.
	closedInterval = 24 * time.Hour
	// writeTimeout bounds one transaction of the engine.
	writeTimeout = time.Minute
)

// OrphanStrategy selects what happens to entities that no parent emits any more.
type OrphanStrategy string

const (
	// OrphanDelete removes them. The zero value means the same.
	OrphanDelete OrphanStrategy = "delete"
	// OrphanKeep keeps them and adds the annotation backstage.io/orphan.
	OrphanKeep OrphanStrategy = "keep"
)

// Options are the engine's settings. The zero value has Backstage's defaults.
type Options struct {
	// Interval is the minimum time between two reads of a location. The maximum is one and a half times as
	// long. 0 is 100 seconds.
	Interval time.Duration
	// Paused stops processing: nothing is read, and only the known entities are served.
	Paused bool
	Orphan OrphanStrategy
	// OrphanInterval is the time between two removals of orphans, which also restore lost locations and renew
	// what older releases stitched. 0 is 30 seconds.
	OrphanInterval time.Duration
	// Lease is the time after an engine's last renewal at which others may claim its entities. 0 is 8
	// seconds.
	Lease time.Duration
	// Notifications is a pool for LISTEN that does not go through a connection pooler. Nil is the engine's
	// own pool.
	Notifications *pgxpool.Pool
}

// Engine keeps the catalog up to date. Any number of them may run on one database.
type Engine struct {
	pool     *pgxpool.Pool
	queries  *db.Queries
	state    State
	pipeline *Pipeline
	options  Options
	bursts   bursts
	log      *slog.Logger
}

// NewEngine makes an engine. Run starts it.
func NewEngine(pool *pgxpool.Pool, pipeline *Pipeline, options Options, log *slog.Logger) *Engine {
	if options.Interval == 0 {
		options.Interval = 100 * time.Second
	}
	if options.OrphanInterval == 0 {
		options.OrphanInterval = 30 * time.Second
	}
	if options.Lease == 0 {
		options.Lease = 8 * time.Second
	}
	if options.Notifications == nil {
		options.Notifications = pool
	}
	return &Engine{pool: pool, queries: db.New(), state: NewState().WithModel(pipeline.model()), pipeline: pipeline, options: options, log: log}
}

// Run processes, stitches and sweeps until the context ends, and then releases the claimed entities. It
// returns nil when the context has ended. Failures of the database are logged and retried.
func (e *Engine) Run(ctx context.Context) error {
	listener := db.NewListener(e.options.Notifications, notification, e.log)
	due, stopDue := listener.Follow("")
	defer stopDue()
	urgent, stopUrgent := listener.Follow(urgentTopic)
	defer stopUrgent()

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return listener.Run(ctx) })
	for range stitchers {
		unstitched, stop := listener.Follow("")
		defer stop()
		group.Go(func() error { return e.repeat(ctx, "stitch entities", unstitched, e.stitch) })
	}
	if !e.options.Paused {
		group.Go(func() error { return e.process(ctx, due, urgent) })
	}
	group.Go(func() error { return e.sweep(ctx) })
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("catalog engine: %w", err)
	}
	return nil
}

// repeat runs step as long as it reports more work. Then it waits for a notification or a poll period, and
// starts over.
func (e *Engine) repeat(ctx context.Context, what string, woken <-chan struct{}, step func(ctx context.Context) (more bool, err error)) error {
	for {
		more, err := step(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			e.log.ErrorContext(ctx, "catalog: "+what, "error", err)
		}
		if more && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-woken:
		case <-time.After(pollPeriod):
		}
	}
}

// sweep periodically restores lost locations, renews what older releases stitched, and removes orphans.
func (e *Engine) sweep(ctx context.Context) error {
	ticker := time.NewTicker(e.options.OrphanInterval)
	defer ticker.Stop()
	for {
		restored, err := e.RestoreLocations(ctx)
		e.tellSwept(ctx, "bring back lost locations", restored, err)
		outdated, err := e.RestitchOutdated(ctx)
		e.tellSwept(ctx, "stitch again what an older release stitched", outdated, err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		if e.options.Orphan != OrphanKeep {
			removed, err := e.RemoveOrphans(ctx)
			e.tellSwept(ctx, "remove orphans", removed, err)
		}
	}
}

func (e *Engine) tellSwept(ctx context.Context, what string, count int, err error) {
	if err != nil && ctx.Err() == nil {
		e.log.ErrorContext(ctx, "catalog: "+what, "error", err)
	}
	if count > 0 {
		e.log.InfoContext(ctx, "catalog: "+what, "count", count)
	}
}
