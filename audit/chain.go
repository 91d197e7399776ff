package audit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/portico-dev/portico/db"
)

// sealsAtOnce bounds the seals that are read at once, with at most sealSize events each.
const sealsAtOnce = 20

// Span selects a part of the chain: from the first seal at Since or later, up to the one before the first at
// Until or later. A zero time does not bound it. Every seal is in exactly one day, also when a clock was set
// back at midnight.
type Span struct{ Since, Until time.Time }

// Day is the span of a day, which begins at this time.
func Day(begins time.Time) Span { return Span{Since: begins, Until: begins.AddDate(0, 0, 1)} }

// beginning is what the first event of the chain is hashed with.
var beginning = make([]byte, sha256.Size)

// link is the hash of an event in the chain: the SHA-256 of the previous hash and the event's document.
func link(previous []byte, row db.AuditEvent) ([]byte, error) {
	content, err := document(row)
	if err != nil {
		return nil, err
	}
	hash := sha256.New()
	hash.Write(previous)
	hash.Write(content)
	return hash.Sum(nil), nil
}

// sealed is a seal with the events that are stored of it.
type sealed struct {
	db.AuditSeal

	events map[uuid.UUID]db.AuditEvent
}

// isMalformed reports whether a seal has not one hash for each of its events. Portico writes no such seal.
func isMalformed(seal db.AuditSeal) bool {
	isNoHash := func(hash []byte) bool { return len(hash) != sha256.Size }
	return len(seal.EventIds) == 0 || len(seal.EventIds) != len(seal.Hashes) || slices.ContainsFunc(seal.Hashes, isNoHash)
}

// errSlowReader means that a snapshot ended because its reader made it wait.
var errSlowReader = errors.New("the audit log was read too slowly: write it to a file first, or read a day at a time")

// idleTimeout is Postgres' error code for a transaction that it ended because no statement followed.
const idleTimeout = "25P03"

// snapshot lets read see the log as it is at one moment. Otherwise the retention and new seals would look like
// a change of the log. A read that waits for long between two statements, because whoever gets the log is slow, fails:
// the snapshot would keep Postgres from removing old rows of all tables.
func (l *Log) snapshot(ctx context.Context, read func(pgx.Tx) error) error {
	tx, err := l.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return fmt.Errorf("begin to read the audit log: %w", err)
	}
	// There is nothing to commit. What was read is whole, even if Postgres has ended the transaction since.
	defer func() { _ = tx.Rollback(ctx) }()
	if err := queries.EndIdleTransaction(ctx, tx, strconv.FormatInt(l.patience.Milliseconds(), 10)); err != nil {
		return fmt.Errorf("bound the time for reading the audit log: %w", err)
	}
	err = read(tx)
	if refused, is := errors.AsType[*pgconn.PgError](err); is && refused.Code == idleTimeout {
		return fmt.Errorf("%w (%w)", errSlowReader, err)
	}
	return err
}

// numbers are the numbers of a span's first seal and of the one after its last.
func (s Span) numbers(ctx context.Context, tx db.DBTX) (first, end int64, err error) {
	first, end = 1, math.MaxInt64
	for _, bound := range []struct {
		at     time.Time
		number *int64
	}{{s.Since, &first}, {s.Until, &end}} {
		if bound.at.IsZero() {
			continue
		}
		if *bound.number, err = queries.FirstAuditSealSince(ctx, tx, bound.at); err != nil {
			return 0, 0, fmt.Errorf("find the first seal since %s: %w", bound.at.Format(time.RFC3339), err)
		}
	}
	return first, end, nil
}

// seals reads a part of the chain in order, with its events. After an error it ends.
func seals(ctx context.Context, tx db.DBTX, span Span) iter.Seq2[sealed, error] {
	return func(yield func(sealed, error) bool) {
		first, end, err := span.numbers(ctx, tx)
		if err != nil {
			yield(sealed{}, err)
			return
		}
		for {
			next, err := links(ctx, tx, first, end, sealsAtOnce)
			if err != nil {
				yield(sealed{}, err)
				return
			}
			for _, each := range next {
				if !yield(each, nil) {
					return
				}
				first = each.Number + 1
			}
			if len(next) < sealsAtOnce {
				return
			}
		}
	}
}

// links reads the seals from one number up to, but without, another, at most so many, with their events.
func links(ctx context.Context, tx db.DBTX, first, end int64, most int32) ([]sealed, error) {
	rows, err := queries.AuditSeals(ctx, tx, first, end, most)
	if err != nil {
		return nil, fmt.Errorf("read the seals of the audit log: %w", err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	var ids []uuid.UUID
	for _, row := range rows {
		ids = append(ids, row.EventIds...)
	}
	stored, err := queries.AuditEventsByID(ctx, tx, ids)
	if err != nil {
		return nil, fmt.Errorf("read sealed audit events: %w", err)
	}
	events := make(map[uuid.UUID]db.AuditEvent, len(stored))
	for _, event := range stored {
		events[event.ID] = event
	}
	found := make([]sealed, len(rows))
	for i, row := range rows {
		found[i] = sealed{row, events}
	}
	return found, nil
}
