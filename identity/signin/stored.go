package signin

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
)

const (
	// endedAtOnce bounds the sessions that are ended in one transaction.
	endedAtOnce = 100
	// logOutDeadline bounds the time for which several sessions are ended at their providers.
	logOutDeadline = 15 * time.Second
	// refusedFor is how long a session that was refused can be renewed after all.
	refusedFor = 7 * 24 * time.Hour
)

// Stored is a session as it is shown. It has no secret.
type Stored struct {
	ID                              uuid.UUID
	Provider, Environment           string
	UserRef                         string
	StartedAt, RenewedAt, ExpiresAt time.Time
	// Address and UserAgent are those of the last request that began or renewed it, "" where they are not known.
	// The visitor chose the latter.
	Address, UserAgent string
	// RefusedAt and Refusal are since when it is not renewed, and why; zero while it is.
	RefusedAt time.Time
	Refusal   string
	// InCatalog says that the catalog has the user.
	InCatalog bool
}

// Sessions lists the sessions of a user, or of all users if userRef is "", the latest first. before is the id
// of the last session of the page before; zero for the first page. Who may see them is for the caller to
// check.
func (s *Service) Sessions(ctx context.Context, userRef string, before uuid.UUID, limit int) ([]Stored, error) {
	if before == uuid.Nil {
		before = uuid.Max
	}
	rows, err := s.queries.SignInSessions(ctx, s.Pool, userRef, before, int32(limit))
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	sessions := make([]Stored, len(rows))
	for i, row := range rows {
		sessions[i] = Stored{ID: row.SessionID, Provider: row.Provider, Environment: row.Environment, UserRef: row.UserRef,
			StartedAt: row.CreatedAt, RenewedAt: row.RefreshedAt, ExpiresAt: row.ExpiresAt, Address: orZero(row.Address),
			UserAgent: orZero(row.UserAgent), RefusedAt: orZero(row.RefusedAt), Refusal: orZero(row.Refusal), InCatalog: row.InCatalog}
	}
	return sessions, nil
}

func orZero[T any](value *T) T {
	if value == nil {
		var zero T
		return zero
	}
	return *value
}

// EndByID ends a session, here and as far as possible at its provider. If userRef is not "", it must be a
// session of this user. One that is not there is a fault of kind NotFound. Who may end it is for the caller to
// check.
func (s *Service) EndByID(ctx context.Context, by audit.Actor, userRef string, id uuid.UUID) error {
	ended, err := s.delete(ctx, by, func(tx pgx.Tx) ([]deleted, error) {
		rows, err := s.queries.DeleteSignInSessionByID(ctx, tx, id, userRef)
		return each(rows, func(row db.DeleteSignInSessionByIDRow) deleted { return deleted(row) }), err
	})
	if err != nil {
		return err
	}
	if len(ended) == 0 {
		return fault.New(fault.NotFound, "There is no session '%s'. It may have ended already", id)
	}
	s.logOutAll(ctx, ended)
	return nil
}

// EndAll ends all sessions of a user except one, which is zero for none, as EndByID does. It returns how many.
func (s *Service) EndAll(ctx context.Context, by audit.Actor, userRef string, except uuid.UUID) (int, error) {
	var all []deleted
	for {
		ended, err := s.delete(ctx, by, func(tx pgx.Tx) ([]deleted, error) {
			rows, err := s.queries.DeleteSignInSessionsOfUser(ctx, tx, userRef, except, endedAtOnce)
			return each(rows, func(row db.DeleteSignInSessionsOfUserRow) deleted { return deleted(row) }), err
		})
		all = append(all, ended...)
		if err != nil || len(ended) < endedAtOnce {
			s.logOutAll(ctx, all)
			return len(all), err
		}
	}
}

// deleted is a session that was deleted.
type deleted struct {
	ID                             []byte
	SessionID                      uuid.UUID
	Provider, Environment, UserRef string
	Tokens                         []byte
}

func each[From, To any](values []From, convert func(From) To) []To {
	converted := make([]To, len(values))
	for i, value := range values {
		converted[i] = convert(value)
	}
	return converted
}

// delete deletes sessions and records it, in one transaction.
func (s *Service) delete(ctx context.Context, by audit.Actor, remove func(tx pgx.Tx) ([]deleted, error)) (ended []deleted, err error) {
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		if ended, err = remove(tx); err != nil {
			return err
		}
		for _, session := range ended {
			if err := s.recordEnd(ctx, tx, by, session.UserRef, session.Provider, session.SessionID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("end sessions: %w", err)
	}
	for _, session := range ended {
		s.Issuer.SessionEnded(session.SessionID)
	}
	return ended, nil
}

// logOutAll ends at their providers sessions that have ended here. The addresses to which a browser would be
// sent are of no use: the browser is elsewhere.
func (s *Service) logOutAll(ctx context.Context, ended []deleted) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logOutDeadline)
	defer cancel()
	for _, session := range ended {
		client, err := s.client(session.Provider, session.Environment)
		if err != nil {
			continue // the provider is not configured any more
		}
		tokens, err := s.openTokens(session.ID, session.Tokens)
		if err != nil {
			s.Log.WarnContext(ctx, "a session was ended here, and not at the provider", "provider", session.Provider, "reason", err.Error())
			continue
		}
		s.logOut(ctx, client, tokens)
	}
}

// sweptAtOnce bounds the sessions that one statement deletes.
const sweptAtOnce = 1000

// DeleteExpired deletes a batch of the sessions that have expired, and of those that were refused long ago. It
// reports whether there may be more.
func DeleteExpired(ctx context.Context, from db.DBTX) (more bool, err error) {
	count, err := db.New().DeleteExpiredSignInSessions(ctx, from, time.Now().Add(-refusedFor), sweptAtOnce)
	if err != nil {
		return false, fmt.Errorf("delete expired sessions: %w", err)
	}
	return count == sweptAtOnce, nil
}
