package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/telemetry"
)

const (
	// sealSize bounds the events of a seal.
	sealSize = 500
	// sealLock is the key of the advisory lock under which seals are added.
	sealLock = 0x706f727469636f // "portico"
	// patience is how long a snapshot waits for its reader.
	patience = time.Minute
)

// Log seals, verifies, exports and deletes the stored events. It is Portico's own and the operators', and
// asks no decider. It is safe for concurrent use by many processes.
type Log struct {
	pool     *pgxpool.Pool
	log      *slog.Logger
	patience time.Duration
}

// NewLog is the log in the database of pool.
func NewLog(pool *pgxpool.Pool, log *slog.Logger) *Log { return &Log{pool, log, patience} }

// Seal adds a batch of committed events to the hash chain, and reports whether there may be more. A chain
// that grew in the transactions of the changes would make these wait for each other. While another process
// seals, it does nothing.
func (l *Log) Seal(ctx context.Context) (more bool, err error) {
	err = pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		if locked, err := queries.TryLockAudit(ctx, tx, sealLock); err != nil || !locked {
			return err
		}
		more, err = l.seal(ctx, tx)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("seal audit events: %w", err)
	}
	return more, nil
}

func (l *Log) seal(ctx context.Context, tx pgx.Tx) (more bool, err error) {
	ids, err := queries.TakeUnsealedAuditEvents(ctx, tx, sealSize)
	if err != nil || len(ids) == 0 {
		return false, err
	}
	rows, err := queries.AuditEventsByID(ctx, tx, ids)
	if err != nil {
		return false, err
	}
	if lost := without(ids, rows); len(lost) > 0 {
		l.log.ErrorContext(ctx, "events of the audit log were deleted before they were sealed", "events", lost)
	}
	if len(rows) > 0 {
		err = l.addSeal(ctx, tx, rows)
	}
	return len(ids) == sealSize, err
}

// Unsealed measures how long events have waited for their seal, as a sample of telemetry.AuditUnsealedAge.
func (l *Log) Unsealed(ctx context.Context) ([]telemetry.Sample, error) {
	oldest, err := queries.AuditUnsealedAge(ctx, l.pool)
	if err != nil {
		return nil, fmt.Errorf("find the oldest audit event without a seal: %w", err)
	}
	return []telemetry.Sample{{Metric: telemetry.AuditUnsealedAge, Value: oldest}}, nil
}

// without are the ids of which there is no event.
func without(ids []uuid.UUID, events []db.AuditEvent) []uuid.UUID {
	exists := make(map[uuid.UUID]bool, len(events))
	for _, event := range events {
		exists[event.ID] = true
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id uuid.UUID) bool { return exists[id] })
}

// addSeal adds events to the end of the chain.
func (l *Log) addSeal(ctx context.Context, tx pgx.Tx, events []db.AuditEvent) error {
	slices.SortFunc(events, func(a, b db.AuditEvent) int { return slices.Compare(a.ID[:], b.ID[:]) })
	last, err := queries.LastAuditSeal(ctx, tx)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	seal := db.InsertAuditSealParams{Number: last.Number + 1, Previous: last.Head}
	if len(last.Head) == 0 {
		seal.Previous = beginning
	}
	if len(last.Head) == 0 && last.Number > 0 {
		// The chain is broken there in any case, and events without any seal would be worse.
		l.log.ErrorContext(ctx, "the audit log was changed: its newest seal has no hash to continue; run portico audit verify", "seal", last.Number)
	}
	hash := seal.Previous
	for _, event := range events {
		if hash, err = link(hash, event); err != nil {
			return err
		}
		seal.EventIds, seal.Hashes = append(seal.EventIds, event.ID), append(seal.Hashes, hash)
	}
	return queries.InsertAuditSeal(ctx, tx, seal)
}
