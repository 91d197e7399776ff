package processing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
)

const (
	// workers is how many entities are in the pipeline at once; they wait for networks more than they compute.
	workers = 16
	// claimSize is how many entities are taken at once, and lease how long nobody else takes them: longer than the workers need for
	// that many when every one of them runs into entityTimeout.
	claimSize = 32
	lease     = 90 * time.Second
	// entityTimeout bounds one entity's way through the pipeline.
	entityTimeout = 30 * time.Second
	// batchSize bounds the results written in one transaction, stitchSize the entities put together in one.
	batchSize  = 200
	stitchSize = 200
	// pollPeriod is how soon work is found when no notification came.
	pollPeriod = time.Second
	// closedInterval is when an entity is looked at again whose result depends on nothing but its own document. Only a new release
	// of Portico could make something else of it.
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
	// Interval is how long after it was read a location is read again, at the earliest; half as much again at the latest. 0 is 100 seconds.
	Interval time.Duration
	// Paused switches processing off: nothing new is read, only what is known is served.
	Paused bool
	Orphan OrphanStrategy
	// OrphanInterval is how often orphans are swept up. 0 is 30 seconds.
	OrphanInterval time.Duration
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
	return &Engine{pool: pool, queries: db.New(), state: NewState(), pipeline: pipeline, options: options, log: log}
}

// Run processes, stitches and sweeps until the context ends, and then gives back what it had taken. It returns no error for a
// context that ended; failures of the database are logged and tried again.
func (e *Engine) Run(ctx context.Context) error {
	listener := db.NewListener(e.pool, notification, e.log)
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
	if e.options.Orphan != OrphanKeep {
		group.Go(func() error { return e.sweep(ctx) })
	}
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("catalog engine: %w", err)
	}
	return nil
}

// repeat runs step as long as it says that there may be more, and then when it is woken or a poll period has passed.
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

// sweep removes orphans now and then.
func (e *Engine) sweep(ctx context.Context) error {
	ticker := time.NewTicker(e.options.OrphanInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		removed, err := e.RemoveOrphans(ctx)
		if err != nil && ctx.Err() == nil {
			e.log.ErrorContext(ctx, "catalog: remove orphans", "error", err)
		}
		if removed > 0 {
			e.log.InfoContext(ctx, "catalog: removed orphans", "count", removed)
		}
	}
}

// work is one entity that was taken, and what became of it.
type work struct {
	row    db.CatalogClaimDueRow
	result Result
	// unfinished says that the engine stopped in the middle: the result means nothing.
	unfinished bool
}

// process takes what is due, has workers run it through the pipeline, and writes results as they come.
func (e *Engine) process(ctx context.Context, due <-chan struct{}) error {
	taken, finished := make(chan work), make(chan work, batchSize)
	writing := make(chan struct{})
	go func() {
		defer close(writing)
		e.writeAll(ctx, finished)
	}()
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for item := range taken {
				item.result = e.run(ctx, item.row)
				item.unfinished = ctx.Err() != nil
				finished <- item
			}
		})
	}
	err := e.repeat(ctx, "take due entities", due, func(ctx context.Context) (bool, error) {
		return e.take(ctx, taken, finished)
	})
	close(taken)
	running.Wait()
	close(finished)
	<-writing
	return err
}

// take leases due entities and hands them to the workers, or back when the engine stops meanwhile.
func (e *Engine) take(ctx context.Context, taken, finished chan<- work) (bool, error) {
	// Not cut short when the engine stops: what was leased without being told of it could not be given back.
	claiming, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	rows, err := e.queries.CatalogClaimDue(claiming, e.pool, lease.Seconds(), claimSize)
	if err != nil {
		return false, fmt.Errorf("claim due entities: %w", err)
	}
	for _, row := range rows {
		select {
		case taken <- work{row: row}:
		case <-ctx.Done():
			finished <- work{row: row, unfinished: true}
		}
	}
	return len(rows) > 0, nil
}

// run puts one document through the pipeline. A document that makes the pipeline panic fails; the process does not.
func (e *Engine) run(ctx context.Context, row db.CatalogClaimDueRow) (result Result) {
	defer func() {
		if cause := recover(); cause != nil {
			e.log.ErrorContext(ctx, "catalog: processing panicked", "entity", row.EntityRef, "cause", cause, "stack", string(debug.Stack()))
			result = Result{}
			result.Errors = append(result.Errors, failure(fault.Input, "Processing of %s failed: %v", row.EntityRef, cause))
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, entityTimeout)
	defer cancel()
	return e.pipeline.Process(ctx, row.Unprocessed)
}

// writeAll writes finished work in batches: as much as there is at a time.
func (e *Engine) writeAll(ctx context.Context, finished <-chan work) {
	for first := range finished {
		batch := []work{first}
		for more := true; more && len(batch) < batchSize; {
			select {
			case next, open := <-finished:
				if more = open; open {
					batch = append(batch, next)
				}
			default:
				more = false
			}
		}
		err := e.settle(ctx, batch)
		if err != nil && len(batch) > 1 {
			err = e.settleEach(ctx, batch)
		}
		if err != nil {
			e.log.ErrorContext(ctx, "catalog: write results; they will be made again", "error", err)
		}
	}
}

// settleEach writes a batch that failed one by one, so that what cannot be written takes nothing else with it.
func (e *Engine) settleEach(ctx context.Context, batch []work) error {
	var errs []error
	for _, item := range batch {
		if err := e.settle(ctx, []work{item}); err != nil {
			errs = append(errs, fmt.Errorf("entity %s: %w", item.row.EntityRef, err))
		}
	}
	return errors.Join(errs...)
}

// settle writes what is finished and gives back what is not. It has its own deadline: what was done when the engine is told
// to stop is still written.
func (e *Engine) settle(ctx context.Context, batch []work) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	var done []work
	var given []string
	for _, item := range batch {
		if item.unfinished {
			given = append(given, item.row.EntityRef)
		} else {
			done = append(done, item)
		}
	}
	var errs []error
	if len(given) > 0 {
		_, err := e.queries.CatalogMakeDue(ctx, e.pool, given)
		errs = append(errs, wrapped(err, "give back unfinished entities"))
	}
	if len(done) > 0 {
		errs = append(errs, e.write(ctx, done))
	}
	return errors.Join(errs...)
}

// delay is when an entity is looked at again, spread so that entities read together do not stay together.
func (e *Engine) delay(result Result) time.Duration {
	interval := e.options.Interval
	if !result.ReadOutside {
		interval = max(closedInterval, interval)
	}
	return interval + rand.N(interval/2+1) //nolint:gosec // spreading load needs no secret
}

// entityIDs lists the ids of work.
func entityIDs(items []work) []uuid.UUID {
	ids := make([]uuid.UUID, len(items))
	for i, item := range items {
		ids[i] = item.row.EntityID
	}
	return ids
}
