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

// renewals is the number of renewals within one lease: some of them may fail.
const renewals = 4

// errLeaseLost stops an engine whose lease others may consider expired.
var errLeaseLost = errors.New("the lease on what was taken ran out")

// withLease does work under a lease. The entities that work claims in the holder's name belong to this
// process until work returns, or until some time after the process has died. Work's context ends when the
// lease is lost. Entities that work left claimed are released.
func (e *Engine) withLease(ctx context.Context, work func(ctx context.Context, holder uuid.UUID) error) error {
	holder, until := uuid.New(), time.Now().Add(e.options.Lease)
	if err := e.startLease(ctx, holder); err != nil {
		return err
	}
	working, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	// Work that is cancelled still writes its finished results, under its lease.
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

// keepLease renews a lease, which expires at a given time, until its context ends. It returns early, with an
// error, only when the lease is lost: at the latest when others consider it expired.
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

// endLease releases the entities that are still held. If that fails, the lease expires by itself.
func (e *Engine) endLease(ctx context.Context, holder uuid.UUID) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.options.Lease)
	defer cancel()
	err := Transact(ctx, e.pool, func(tx pgx.Tx) error { return e.queries.CatalogEndEngine(ctx, tx, holder) })
	return wrapped(err, "end a lease")
}
