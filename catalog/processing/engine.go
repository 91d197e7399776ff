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
	// workers is how many entities are in the pipeline at once; they wait for networks more than they
	// compute.
	workers = 16
	// claimSize is how many entities are taken at once.
	claimSize = 32
	// entityTimeout bounds one entity's way through the pipeline.
	entityTimeout = 30 * time.Second
	// batchSize bounds the results written in one transaction, stitchSize the entities put together in one.
	batchSize  = 200
	stitchSize = 200
	// pollPeriod is how soon work is found when no notification came.
	pollPeriod = time.Second
	// closedInterval is when an entity is looked at again whose result depends on nothing but its own
	// document. Only a new release of Portico could make something else of it.
	closedInterval = 24 * time.Hour
	// writeTimeout bounds one transaction of the engine.
	writeTimeout = time.Minute
)

// OrphanStrategy says what becomes of entities that nothing brings any more.
type OrphanStrategy string

const (
	// OrphanDelete removes them. It is the zero value's meaning too.
	OrphanDelete OrphanStrategy = "delete"
	// OrphanKeep leaves them, marked with the annotation backstage.io/orphan.
	OrphanKeep OrphanStrategy = "keep"
)

// Options are the engine's settings; the zero value is Backstage's defaults.
type Options struct {
	// Interval is how long after it was read a location is read again, at the earliest; half as much again at
	// the latest. 0 is 100 seconds.
	Interval time.Duration
	// Paused switches processing off: nothing new is read, only what is known is served.
	Paused bool
	Orphan OrphanStrategy
	// OrphanInterval is how often orphans are swept up, and lost locations brought back. 0 is 30 seconds.
	OrphanInterval time.Duration
	// Lease is how long after its last sign of life an engine's entities are others' to take. 0 is 8 seconds.
	Lease time.Duration
	// Notifications is how the database is listened to: without a connection pooler. Nil is the engine's own
	// pool.
	Notifications *pgxpool.Pool
}

// Engine keeps the catalog up to date. Any number of them may run on one database.
type Engine struct {
	pool     *pgxpool.Pool
	queries  *db.Queries
	state    State
	pipeline *Pipeline
	options  Options
	log      *slog.Logger
}

// NewEngine makes an engine; it does nothing until Run.
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
	return &Engine{pool: pool, queries: db.New(), state: NewState(), pipeline: pipeline, options: options, log: log}
}

// Run processes, stitches and sweeps until the context ends, and then gives back what it had taken. It
// returns no error for a context that ended; failures of the database are logged and tried again.
func (e *Engine) Run(ctx context.Context) error {
	listener := db.NewListener(e.options.Notifications, notification, e.log)
	due, stopDue := listener.Follow("")
	defer stopDue()
	unstitched, stopUnstitched := listener.Follow("")
	defer stopUnstitched()

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return listener.Run(ctx) })
	group.Go(func() error { return e.repeat(ctx, "stitch entities", unstitched, e.stitch) })
	if !e.options.Paused {
		group.Go(func() error { return e.process(ctx, due) })
	}
	group.Go(func() error { return e.sweep(ctx) })
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("catalog engine: %w", err)
	}
	return nil
}

// repeat runs step as long as it says that there may be more, and then when it is woken or a poll period has
// passed.
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

// sweep brings back lost locations and removes orphans, now and then.
func (e *Engine) sweep(ctx context.Context) error {
	ticker := time.NewTicker(e.options.OrphanInterval)
	defer ticker.Stop()
	for {
		restored, err := e.RestoreLocations(ctx)
		e.tellSwept(ctx, "bring back lost locations", restored, err)
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
