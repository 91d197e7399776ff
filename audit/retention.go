package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// deletedSeals bounds the seals that one transaction deletes, with at most sealSize events each.
const deletedSeals = 20

// DeleteBefore deletes a batch of the events that were sealed before a time, the oldest first, with their
// seals. It reports whether there may be more. It is the only code that may delete from the log.
func (l *Log) DeleteBefore(ctx context.Context, before time.Time) (more bool, err error) {
	err = pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		seals, err := queries.OldAuditSeals(ctx, tx, before, deletedSeals)
		if err != nil || len(seals) == 0 {
			return err
		}
		more = len(seals) == deletedSeals
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
	})
	if err != nil {
		return false, fmt.Errorf("delete old audit events: %w", err)
	}
	return more, nil
}
