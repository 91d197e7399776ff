package processing

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// renewals is how often a lease is renewed while it lasts: some of them may fail.
const renewals = 4

// errLeaseLost ends the work of an engine that others take for dead.
var errLeaseLost = errors.New("the lease on what was taken ran out")

// withLease does work under a lease: what it takes in the holder's name is nobody else's until work returns,
// or until a while after this process died. Work's context ends when the lease is lost. What work left in the
// holder's name is given back.
func (e *Engine) withLease(ctx context.Context, work func(ctx context.Context, holder uuid.UUID) error) error {
	holder, until := uuid.New(), time.Now().Add(e.options.Lease)
	if err := e.startLease(ctx, holder); err != nil {
		return err
	}
	working, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	// Work that is told to stop still writes what it has finished, under its lease.
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var keeper sync.WaitGroup
	var lost error
	keeper.Go(func() {
		lost = e.keepLease(keeping, holder, until)
		lose(lost)
	})
	err := work(working, holder)
	stop()
	keeper.Wait()
	return errors.Join(lost, err, e.endLease(ctx, holder))
}

func (e *Engine) startLease(ctx context.Context, holder uuid.UUID) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	err := e.queries.CatalogStartEngine(ctx, e.pool, holder, e.options.Lease.Seconds())
	return wrapped(err, "begin a lease")
}

// keepLease renews a lease, which lasts until a moment, as long as its context lasts. It returns sooner, with
// an error, only when the lease is lost, at the latest when others would find it so.
func (e *Engine) keepLease(ctx context.Context, holder uuid.UUID, until time.Time) error {
	ticker := time.NewTicker(e.options.Lease / renewals)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		next := time.Now().Add(e.options.Lease)
		renewing, cancel := context.WithDeadline(ctx, until)
		kept, err := e.queries.CatalogKeepEngine(renewing, e.pool, e.options.Lease.Seconds(), holder)
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil && kept == 0:
			return errLeaseLost
		case err == nil:
			until = next
		case !time.Now().Before(until):
			return fmt.Errorf("%w: %w", errLeaseLost, err)
		}
	}
}

// endLease gives back what is still held. When that fails, the lease runs out by itself.
func (e *Engine) endLease(ctx context.Context, holder uuid.UUID) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.options.Lease)
	defer cancel()
	err := Transact(ctx, e.pool, func(tx pgx.Tx) error { return e.queries.CatalogEndEngine(ctx, tx, holder) })
	return wrapped(err, "end a lease")
}
