package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/recall"
)

const (
	// SessionDelay is how long a process may accept a token after another process has ended its session.
	SessionDelay = 10 * time.Second
	// maxCachedSessions bounds the sessions that a process knows to be valid.
	maxCachedSessions = 10_000
)

// sessions knows which sessions are valid. It is safe for concurrent use.
type sessions struct {
	pool    *pgxpool.Pool
	queries *db.Queries
	valid   *recall.Memory[uuid.UUID, struct{}]
}

func newSessions(pool *pgxpool.Pool) *sessions {
	return &sessions{pool: pool, queries: db.New(), valid: recall.New[uuid.UUID, struct{}](maxCachedSessions, SessionDelay)}
}

// check returns a fault of kind Authentication if a session has ended. uuid.Nil is no session, and never
// ends.
func (s *sessions) check(ctx context.Context, session uuid.UUID) error {
	if session == uuid.Nil {
		return nil
	}
	if _, known := s.valid.Get(session); known {
		return nil
	}
	isValid, err := s.queries.IsSignInSessionValid(ctx, s.pool, session)
	if err != nil {
		return fmt.Errorf("read whether a session is valid: %w", err)
	}
	if !isValid {
		return fault.Wrap(fault.Authentication, ErrExpired, "The session of this token has ended. Sign in again")
	}
	s.valid.Remember(session, struct{}{})
	return nil
}

func (s *sessions) forget(session uuid.UUID) { s.valid.Take(session) }
