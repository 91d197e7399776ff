package processing

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
)

// work is one entity that was taken, and what became of it.
type work struct {
	row    db.CatalogClaimDueRow
	result Result
}

// shift is an engine's work under one lease.
type shift struct {
	*Engine
	holder uuid.UUID
}

// process works one shift after another. A shift ends when its lease is lost or nothing can be written, and
// what it held is processed anew.
func (e *Engine) process(ctx context.Context, due <-chan struct{}) error {
	return e.repeat(ctx, "process entities", due, func(ctx context.Context) (bool, error) {
		return true, e.withLease(ctx, func(ctx context.Context, holder uuid.UUID) error {
			s := shift{Engine: e, holder: holder}
			return s.work(ctx, due)
		})
	})
}

// work takes what is due, has workers run it through the pipeline, and writes results as they come, until the
// context ends.
func (s shift) work(ctx context.Context, due <-chan struct{}) error {
	taken, finished := make(chan work), make(chan work, batchSize)
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(taken)
		return s.repeat(running, "take due entities", due, func(ctx context.Context) (bool, error) { return s.take(ctx, taken) })
	})
	group.Go(func() error {
		defer close(finished)
		s.runAll(running, taken, finished)
		return nil
	})
	group.Go(func() error { return s.writeAll(running, finished) })
	if err := group.Wait(); ctx.Err() == nil {
		return err
	}
	return nil
}

// take holds due entities and hands them to the workers.
func (s shift) take(ctx context.Context, taken chan<- work) (bool, error) {
	claiming, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	rows, err := s.queries.CatalogClaimDue(claiming, s.pool, s.holder, s.options.Lease.Seconds(), claimSize)
	if err != nil {
		return false, fmt.Errorf("claim due entities: %w", err)
	}
	for _, row := range rows {
		select {
		case taken <- work{row: row}:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	return len(rows) > 0, nil
}

// runAll runs what was taken through the pipeline, many at once. What is under way when the context ends
// comes to nothing.
func (s shift) runAll(ctx context.Context, taken <-chan work, finished chan<- work) {
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for item := range taken {
				item.result = s.run(ctx, item.row)
				if ctx.Err() != nil {
					return
				}
				select {
				case finished <- item:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	running.Wait()
}

// run puts one document through the pipeline. A document that makes the pipeline panic fails; the process
// does not.
func (s shift) run(ctx context.Context, row db.CatalogClaimDueRow) (result Result) {
	defer func() {
		if cause := recover(); cause != nil {
			stack := debug.Stack()
			if elsewhere, is := cause.(*fault.PanicError); is {
				stack = elsewhere.Stack
			}
			s.log.ErrorContext(ctx, "catalog: processing panicked", "entity", row.EntityRef, "cause", cause, "stack", string(stack))
			result = Result{Failed: true}
			result.Errors = append(result.Errors, failure(fault.Input, "Processing of %s failed: %v", row.EntityRef, cause))
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, entityTimeout)
	defer cancel()
	emitted := Emitted{Ref: row.EntityRef, LocationKey: row.LocationKey, Document: row.Unprocessed}
	if row.ResultHash == "" {
		return s.pipeline.Process(ctx, emitted) // its result is wanted even if nothing has changed
	}
	return s.pipeline.ProcessAgain(ctx, emitted, row.Readings)
}

// writeAll writes finished work in batches: as much as there is at a time. It gives up when not even a
// failure can be written.
func (s shift) writeAll(ctx context.Context, finished <-chan work) error {
	for first := range finished {
		batch := gather(first, finished)
		if err := s.write(ctx, batch); err == nil {
			continue
		}
		for _, item := range batch {
			if err := s.writeAlone(ctx, item); err != nil {
				return err
			}
		}
	}
	return nil
}

// gather makes a batch of work and whatever else is finished already.
func gather(first work, finished <-chan work) []work {
	batch := []work{first}
	for len(batch) < batchSize {
		select {
		case next, open := <-finished:
			if !open {
				return batch
			}
			batch = append(batch, next)
		default:
			return batch
		}
	}
	return batch
}

// writeAlone writes work of a batch that could not be written, so that what is at fault takes nothing else
// with it.
func (s shift) writeAlone(ctx context.Context, item work) error {
	failed := s.write(ctx, []work{item})
	if failed != nil && db.Refused(failed) {
		failed = s.writeWithout(ctx, item, failed)
	}
	if failed == nil {
		return nil
	}
	s.log.ErrorContext(ctx, "catalog: write a result; it will be made again", "entity", item.row.EntityRef, "error", failed)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	return s.release(ctx, s.pool, []verdict{{row: item.row, failed: true, delay: s.options.Interval}})
}

// writeWithout writes work without those of its children that the database refuses, which become errors. When
// it is not a child that is refused, the work itself failed.
func (s shift) writeWithout(ctx context.Context, item work, refused error) error {
	stored, lost, err := s.storable(ctx, item.result.Children)
	if err != nil {
		return err
	}
	if len(lost) > 0 && len(stored) > 0 {
		item.result.Children, item.result.Readings = stored, nil
		for _, child := range lost {
			item.result.Errors = append(item.result.Errors, cannotBeStored(child.entity, child.err))
			item.result.Unread = append(item.result.Unread, place{Key: child.entity.LocationKey})
		}
		if err := s.write(ctx, []work{item}); err == nil || !db.Refused(err) {
			return err
		}
	}
	item.result = Result{Failed: true, ReadOutside: item.result.ReadOutside, location: item.result.location,
		Errors: []*entity.Error{failure(fault.Input, "%s cannot be stored: %s", item.row.EntityRef, refused)}}
	return s.write(ctx, []work{item})
}

func cannotBeStored(child Emitted, err error) *entity.Error {
	shown := failure(fault.Input, "%s cannot be stored (%s): %s", child.Ref, whereabouts(child.LocationKey, child.Line), err)
	shown.Location, shown.Line = child.LocationKey, child.Line
	return shown
}

// unstorable is a child that the database refuses, and why.
type unstorable struct {
	entity Emitted
	err    error
}

// storable tells the children that the database takes from those that it refuses, by trying halves.
func (s shift) storable(ctx context.Context, children []Emitted) (stored []Emitted, lost []unstorable, err error) {
	if len(children) == 0 {
		return nil, nil, nil
	}
	err = s.tryStoring(ctx, children)
	switch {
	case err == nil:
		return children, nil, nil
	case !db.Refused(err):
		return nil, nil, err
	case len(children) == 1:
		return nil, []unstorable{{children[0], err}}, nil
	}
	half := len(children) / 2
	for _, part := range [][]Emitted{children[:half], children[half:]} {
		more, less, err := s.storable(ctx, part)
		if err != nil {
			return nil, nil, err
		}
		stored, lost = append(stored, more...), append(lost, less...)
	}
	return stored, lost, nil
}

// tryStoring writes children and takes it back.
func (s shift) tryStoring(ctx context.Context, children []Emitted) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	err := Transact(ctx, s.pool, func(tx pgx.Tx) error {
		tried := newOffers()
		for _, child := range children {
			tried.add("", child)
		}
		if _, err := s.state.writeClaimed(ctx, tx, tried); err != nil {
			return err
		}
		return errTakenBack
	})
	if errors.Is(err, errTakenBack) {
		return nil
	}
	return err
}

var errTakenBack = errors.New("it was only a try")

// verdict is when a held entity is due again, and what it is then compared with.
type verdict struct {
	row db.CatalogClaimDueRow
	// delay is from now; for one that failed it is the longest.
	delay  time.Duration
	failed bool
	// readings replace those of the row, unless these are to be kept.
	readings     []byte
	keepReadings bool
}

// verdict is how an entity goes on after a result that stands.
func (s shift) verdict(item work) verdict {
	return verdict{
		row: item.row, delay: s.delay(item.result), failed: item.result.ReadOutside && len(item.result.Errors) > 0,
		readings: item.result.Readings, keepReadings: item.result.Unchanged,
	}
}

// delay is when an entity is looked at again, spread so that entities read together do not stay together.
func (s shift) delay(result Result) time.Duration {
	interval := s.options.Interval
	if !result.ReadOutside {
		interval = max(closedInterval, interval)
	}
	return interval + rand.N(interval/2+1) //nolint:gosec // spreading load needs no secret
}

// release lets go of entities. Those that were asked for meanwhile are taken again at once.
func (s shift) release(ctx context.Context, tx db.DBTX, verdicts []verdict) error {
	rows := db.CatalogReleaseStatesParams{Engine: s.holder}
	for _, v := range verdicts {
		rows.EntityIds = append(rows.EntityIds, v.row.EntityID)
		rows.TakenUntil = append(rows.TakenUntil, v.row.NextUpdateAt)
		rows.Delays = append(rows.Delays, v.delay.Seconds())
		rows.Failed = append(rows.Failed, v.failed)
		rows.Readings = append(rows.Readings, string(v.readings))
		rows.KeepReadings = append(rows.KeepReadings, v.keepReadings)
	}
	due, err := s.queries.CatalogReleaseStates(ctx, tx, rows)
	if err != nil {
		return fmt.Errorf("release entities: %w", err)
	}
	if !slices.Contains(due, true) {
		return nil
	}
	return s.state.notify(ctx, tx)
}
