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

// Sealer adds events to the hash chain after they were committed, in batches: a chain that grew in the
// transactions of the changes would make these wait for each other. It is safe for concurrent use by many
// processes.
type Sealer struct{ pool *pgxpool.Pool }

// NewSealer seals the events in the database of pool.
func NewSealer(pool *pgxpool.Pool) *Sealer { return &Sealer{pool} }

// Seal seals a batch of events, and reports whether there may be more. While another process seals, it does
// nothing.
func (s *Sealer) Seal(ctx context.Context) (more bool, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if locked, err := queries.TryLockAuditSeals(ctx, tx, sealLock); err != nil || !locked {
			return err
		}
		more, err = s.seal(ctx, tx)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("seal audit events: %w", err)
	}
	return more, nil
}

func (s *Sealer) seal(ctx context.Context, tx pgx.Tx) (more bool, err error) {
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
	seal := db.InsertAuditSealParams{Number: last.Number + 1, Previous: head(last)}
	hash := seal.Previous
	for _, row := range rows {
		if hash, err = link(hash, row); err != nil {
			return false, err
		}
		seal.EventIds, seal.Hashes = append(seal.EventIds, row.ID), append(seal.Hashes, hash)
	}
	return len(ids) == sealSize, queries.InsertAuditSeal(ctx, tx, seal)
}

// head is the hash at the end of a seal, which the next seal begins with. It is 32 zero bytes for the zero
// value.
func head(seal db.AuditSeal) []byte {
	if len(seal.Hashes) == 0 {
		return make([]byte, sha256.Size)
	}
	return seal.Hashes[len(seal.Hashes)-1]
}

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
