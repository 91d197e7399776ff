package processing

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/provenance"
)

// work is one claimed entity and its result.
type work struct {
	row    db.CatalogClaimDueRow
	result Result
	// isLarge means that its place among the large ones is free again when it is written.
	isLarge bool
}

// isNewLocation reports whether this is a Location that is read for the first time.
func (w work) isNewLocation() bool {
	return w.row.ResultHash == "" && strings.HasPrefix(w.row.EntityRef, "location:")
}

// session is an engine's work under one lease.
type session struct {
	*Engine
	holder uuid.UUID
}

// lane is a part of a session that no other waits for: urgent entities do not queue behind those that are due by their
// interval, however slow the hosts are from which those are read.
type lane struct {
	session
	urgent  bool
	workers int
	// large has room for the local Locations that are read, or that have thousands of children and are not written yet:
	// nothing is gained by having more of them in memory, because no host has to be waited for.
	large chan struct{}
}

// process runs one session after another. A session ends when its lease is lost or nothing can be written.
// The entities that it held are then processed anew.
func (e *Engine) process(ctx context.Context, due, urgent <-chan struct{}) error {
	return e.repeat(ctx, "process entities", due, func(ctx context.Context) (bool, error) {
		return true, e.withLease(ctx, func(ctx context.Context, holder uuid.UUID) error {
			s := session{Engine: e, holder: holder}
			e.bursts.reading.Store(0) // what the session before has not written is read again
			group, running := errgroup.WithContext(ctx)
			group.Go(func() error { return lane{session: s, workers: workers}.work(running, due) })
			group.Go(func() error { return lane{session: s, workers: urgentWorkers, urgent: true}.work(running, urgent) })
			return group.Wait()
		})
	})
}

// work claims due entities, processes them in workers, and writes results as they come, until the context
// ends.
func (s lane) work(ctx context.Context, due <-chan struct{}) error {
	claimed, finished := make(chan work), make(chan work, batchSize)
	s.large = make(chan struct{}, maxLarge)
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(claimed)
		size := claimSize
		return s.repeat(running, "claim due entities", due, func(ctx context.Context) (more bool, err error) {
			more, size, err = s.claim(ctx, size, claimed)
			return more, err
		})
	})
	group.Go(func() error {
		defer close(finished)
		s.runAll(running, claimed, finished)
		return nil
	})
	group.Go(func() error { return s.writeAll(running, finished) })
	if err := group.Wait(); ctx.Err() == nil {
		return err
	}
	return nil
}

// claim claims up to size due entities and passes them to the workers. It returns how many to claim next: more
// while the workers take them at once, because most documents are processed without waiting for a host, and
// few when they do not, so that other engines find some.
func (s lane) claim(ctx context.Context, size int, claimed chan<- work) (more bool, next int, err error) {
	claiming, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	rows, err := s.due(claiming, int32(size))
	if err != nil {
		return false, claimSize, fmt.Errorf("claim due entities: %w", err)
	}
	begun := time.Now()
	for _, row := range rows {
		select {
		case claimed <- work{row: row}:
		case <-ctx.Done():
			return false, claimSize, ctx.Err()
		}
	}
	if time.Since(begun) > takenAtOnce {
		return true, max(size/2, claimSize), nil
	}
	return len(rows) > 0, min(2*size, maxClaimSize), nil
}

// due claims the next entities of the lane, up to size.
func (s lane) due(ctx context.Context, size int32) (rows []db.CatalogClaimDueRow, err error) {
	err = Transact(ctx, s.pool, func(tx pgx.Tx) error {
		if !s.urgent {
			rows, err = s.queries.CatalogClaimDue(ctx, tx, s.holder, s.options.Lease.Seconds(), size)
			return err
		}
		urgent, err := s.queries.CatalogClaimUrgent(ctx, tx, s.holder, s.options.Lease.Seconds(), size)
		rows = make([]db.CatalogClaimDueRow, len(urgent))
		for i, row := range urgent {
			rows[i] = db.CatalogClaimDueRow(row)
		}
		return err
	})
	return rows, err
}

// runAll runs the claimed entities through the pipeline, many at once. When the context ends, unfinished ones
// are dropped.
func (s lane) runAll(ctx context.Context, claimed <-chan work, finished chan<- work) {
	var running sync.WaitGroup
	for range s.workers {
		running.Go(func() {
			for item := range claimed {
				if item.isNewLocation() {
					s.bursts.reading.Add(1)
				}
				s.runAlone(ctx, &item)
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

// runAlone processes one document. Of local Locations, few are in memory at once.
func (s lane) runAlone(ctx context.Context, item *work) {
	if isLocation := strings.HasPrefix(item.row.EntityRef, "location:"); !isLocation || !strings.HasPrefix(item.row.LocationKey, provenance.File+":") {
		item.result = s.run(ctx, item.row)
		return
	}
	select {
	case s.large <- struct{}{}:
	case <-ctx.Done():
		return
	}
	item.result = s.run(ctx, item.row)
	if item.isLarge = len(item.result.Children) > batchSize; !item.isLarge {
		<-s.large
	}
}

// leave gives the places of written work to others.
func (s lane) leave(written []work) {
	for _, item := range written {
		if item.isNewLocation() {
			s.bursts.reading.Add(-1)
		}
		if item.isLarge {
			<-s.large
		}
	}
}

// run processes one document. A panic of the pipeline fails the document and not the process.
func (s lane) run(ctx context.Context, row db.CatalogClaimDueRow) (result Result) {
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
		return s.pipeline.processNew(ctx, emitted) // its result is needed even if nothing has changed
	}
	return s.pipeline.ProcessAgain(ctx, emitted, row.Readings)
}

// writeAll writes finished work in batches of all that is available. It returns an error when it cannot even
// write a failure.
func (s lane) writeAll(ctx context.Context, finished <-chan work) error {
	for first := range finished {
		batch := collect(first, finished)
		if err := s.writeBatch(ctx, batch); err != nil {
			return err
		}
		s.leave(batch)
	}
	return nil
}

func (s lane) writeBatch(ctx context.Context, batch []work) error {
	if children(batch) >= burstSize {
		s.bursts.begin()
		defer s.bursts.end()
	}
	if err := s.write(ctx, batch); err == nil {
		return nil
	}
	for _, item := range batch {
		if err := s.writeAlone(ctx, item); err != nil {
			return err
		}
	}
	return nil
}

func children(batch []work) (count int) {
	for _, item := range batch {
		count += len(item.result.Children)
	}
	return count
}

// collect makes a batch of work and everything else that is finished.
func collect(first work, finished <-chan work) []work {
	batch := []work{first}
	for len(batch) < batchSize && children(batch) < batchChildren {
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

// writeAlone writes an item of a batch that could not be written, so that the bad item does not block the
// others. Its children are processed each by itself then.
func (s lane) writeAlone(ctx context.Context, item work) error {
	for i := range item.result.Children {
		item.result.Children[i].processed = nil
	}
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
	return s.release(ctx, s.pool, []schedule{{row: item.row, failed: true, delay: s.options.Interval}}, nil)
}

// writeWithout writes an item without the children that the database rejects, which become errors. When the
// database rejects the item itself, the item fails.
func (s lane) writeWithout(ctx context.Context, item work, refused error) error {
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
	shown := failure(fault.Input, "%s cannot be stored (%s): %s", child.Ref, position(child.LocationKey, child.Line), err)
	shown.Location, shown.Line = child.LocationKey, child.Line
	return shown
}

// unstorable is a child that the database rejects, and the reason.
type unstorable struct {
	entity Emitted
	err    error
}

// storable separates the children that the database accepts from those that it rejects, by bisection.
func (s lane) storable(ctx context.Context, children []Emitted) (stored []Emitted, lost []unstorable, err error) {
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

// tryStoring writes children and rolls back.
func (s lane) tryStoring(ctx context.Context, children []Emitted) error {
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
		return errRollback
	})
	if errors.Is(err, errRollback) {
		return nil
	}
	return err
}

var errRollback = errors.New("roll back")

// schedule says when a held entity is due again, and stores its readings.
type schedule struct {
	row db.CatalogClaimDueRow
	// delay starts now. For a failed entity it is the maximum.
	delay  time.Duration
	failed bool
	// readings replace those of the row, unless keepReadings is set.
	readings     []byte
	keepReadings bool
}

// schedule returns the schedule of an entity after a current result.
func (s lane) schedule(item work) schedule {
	return schedule{
		row: item.row, delay: s.delay(item.result), failed: item.result.ReadOutside && len(item.result.Errors) > 0,
		readings: item.result.Readings, keepReadings: item.result.Unchanged,
	}
}

// delay is the time until an entity is processed again, randomized so that entities that were read together
// do not stay together.
func (s lane) delay(result Result) time.Duration {
	interval := s.options.Interval
	if !result.ReadOutside {
		interval = max(closedInterval, interval)
	}
	return delayed(interval)
}

func delayed(interval time.Duration) time.Duration {
	return interval + rand.N(interval/2+1) //nolint:gosec // Nobody gains by guessing when an entity is read again.
}

// release releases claimed entities and saves results of some of them. Entities that were requested meanwhile
// are claimed again at once.
func (s lane) release(ctx context.Context, tx db.DBTX, schedules []schedule, results []outcome) error {
	saved := make(map[uuid.UUID]outcome, len(results))
	for _, result := range results {
		saved[result.row.EntityID] = result
	}
	rows := db.CatalogReleaseStatesParams{Engine: s.holder}
	for _, v := range schedules {
		rows.EntityIds = append(rows.EntityIds, v.row.EntityID)
		rows.TakenUntil = append(rows.TakenUntil, v.row.NextUpdateAt)
		rows.Delays = append(rows.Delays, v.delay.Seconds())
		rows.Failed = append(rows.Failed, v.failed)
		rows.Readings = append(rows.Readings, string(v.readings))
		rows.KeepReadings = append(rows.KeepReadings, v.keepReadings)
		result := saved[v.row.EntityID]
		encoded, err := encodeErrors(result.result.Errors)
		if err != nil {
			return fmt.Errorf("errors of %s: %w", v.row.EntityRef, err)
		}
		document := ""
		if !result.result.Failed {
			document = string(result.result.Document)
		}
		rows.Processed, rows.ResultHashes, rows.Errors = append(rows.Processed, document), append(rows.ResultHashes, result.hash), append(rows.Errors, encoded)
	}
	due, err := s.queries.CatalogReleaseStates(ctx, tx, rows)
	if err != nil {
		return fmt.Errorf("release entities: %w", err)
	}
	if !slices.Contains(due, true) {
		return nil
	}
	if err := s.state.notify(ctx, tx); err != nil {
		return err
	}
	return s.state.notifyUrgent(ctx, tx)
}
