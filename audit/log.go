package audit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/db"
)

const (
	// sealSize bounds the events of a seal.
	sealSize = 500
	// sealLock is the key of the advisory lock under which seals are added.
	sealLock = 0x706f727469636f // "portico"
)

// Log seals, verifies, exports and deletes the stored events. It is Portico's own and the operators', and
// asks no decider. It is safe for concurrent use by many processes.
type Log struct{ pool *pgxpool.Pool }

// NewLog is the log in the database of pool.
func NewLog(pool *pgxpool.Pool) *Log { return &Log{pool} }

// Seal adds a batch of committed events to the hash chain, and reports whether there may be more. A chain
// that grew in the transactions of the changes would make these wait for each other. While another process
// seals, it does nothing.
func (l *Log) Seal(ctx context.Context) (more bool, err error) {
	err = pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		if locked, err := queries.TryLockAuditSeals(ctx, tx, sealLock); err != nil || !locked {
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
	slices.SortFunc(rows, func(a, b db.AuditEvent) int { return slices.Compare(a.ID[:], b.ID[:]) })
	last, err := queries.LastAuditSeal(ctx, tx)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return false, err
	}
	seal := db.InsertAuditSealParams{Number: last.Number + 1, Previous: last.Head}
	if errors.Is(err, pgx.ErrNoRows) {
		seal.Previous = beginning
	}
	hash := seal.Previous
	for _, row := range rows {
		if hash, err = link(hash, row); err != nil {
			return false, err
		}
		seal.EventIds, seal.Hashes = append(seal.EventIds, row.ID), append(seal.Hashes, hash)
	}
	return len(ids) == sealSize, queries.InsertAuditSeal(ctx, tx, seal)
}

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
