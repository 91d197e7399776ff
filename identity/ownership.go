package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/recall"
)

const (
	// ownershipFreshFor is how long a process caches what a user owns.
	ownershipFreshFor = 10 * time.Second
	// maxCachedUsers bounds the cache.
	maxCachedUsers = 10_000
)

// Ownerships stores the references by which users own entities, as they were when the user last got a token.
// Tokens do not contain them by default. It is safe for concurrent use.
type Ownerships struct {
	pool    *pgxpool.Pool
	queries *db.Queries
	cache   *recall.Memory[string, []string]
}

// NewOwnerships stores in the database of pool.
func NewOwnerships(pool *pgxpool.Pool) *Ownerships {
	return &Ownerships{pool: pool, queries: db.New(), cache: recall.New[string, []string](maxCachedUsers, ownershipFreshFor)}
}

func (o *Ownerships) put(ctx context.Context, userRef string, ownership []string) error {
	ownership = append([]string{}, ownership...) // a copy, and not null in SQL
	if err := o.queries.PutUserOwnership(ctx, o.pool, userRef, ownership); err != nil {
		return fmt.Errorf("store what %s owns: %w", userRef, err)
	}
	o.cache.Remember(userRef, slices.Clip(ownership))
	return nil
}

// of returns what a user owns: only their own things when nothing is stored.
func (o *Ownerships) of(ctx context.Context, userRef string) ([]string, error) {
	if cached, known := o.cache.Get(userRef); known {
		return cached, nil
	}
	ownership, err := o.queries.UserOwnership(ctx, o.pool, userRef)
	if errors.Is(err, pgx.ErrNoRows) {
		return []string{userRef}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what %s owns: %w", userRef, err)
	}
	ownership = slices.Clip(ownership) // principals share it
	o.cache.Remember(userRef, ownership)
	return ownership, nil
}
