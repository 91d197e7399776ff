package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/db"
)

const (
	// deletedSeals bounds the seals that one transaction deletes, with at most sealSize events each.
	deletedSeals = 20
	// retentionLock is the key of the advisory lock under which seals are deleted.
	retentionLock = sealLock + 1
)

// DeleteBefore deletes a batch of the events that were sealed before a time, the oldest first, with their
// seals. It reports whether there may be more. It is the only code that may delete from the log. The newest
// seal stays, because the chain continues from it. While another process deletes, it does nothing: two that
// delete different seals would leave a hole if one of them fails.
func (l *Log) DeleteBefore(ctx context.Context, before time.Time) (more bool, err error) {
	err = pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		if locked, err := queries.TryLockAudit(ctx, tx, retentionLock); err != nil || !locked {
			return err
		}
		oldest, err := queries.OldestAuditSeals(ctx, tx, deletedSeals)
		if err != nil {
			return err
		}
		seals := sealedBefore(oldest, before)
		more = len(seals) == deletedSeals
		return deleteSeals(ctx, tx, seals)
	})
	if err != nil {
		return false, fmt.Errorf("delete old audit events: %w", err)
	}
	return more, nil
}

// sealedBefore are the first seals up to one that is not older than the time. An older one may follow it, if a
// clock was set back, and has to stay: the chain would have a hole.
func sealedBefore(oldest []db.OldestAuditSealsRow, before time.Time) []db.OldestAuditSealsRow {
	for i, seal := range oldest {
		if !seal.SealedAt.Before(before) {
			return oldest[:i]
		}
	}
	return oldest
}

func deleteSeals(ctx context.Context, tx pgx.Tx, seals []db.OldestAuditSealsRow) error {
	if len(seals) == 0 {
		return nil
	}
	var events []uuid.UUID
	numbers := make([]int64, len(seals))
	for i, seal := range seals {
		numbers[i], events = seal.Number, append(events, seal.EventIds...)
	}
	if err := queries.PermitAuditRetention(ctx, tx); err != nil {
		return err
	}
	if err := queries.DeleteAuditEvents(ctx, tx, events); err != nil {
		return err
	}
	return queries.DeleteAuditSeals(ctx, tx, numbers)
}
