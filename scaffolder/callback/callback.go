// Package callback gives runs addresses at which other systems tell them how something ended: a pipeline, an approval,
// a machine that is being delivered. Whoever has an address may use it, so it contains a secret of 256 bits, of which
// only the hash is stored. It belongs to one run, and ends with it.
package callback

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/telemetry"
)

const (
	// MaxBody bounds what can be told, in bytes.
	MaxBody = 64 << 10
	// secretSize is the size of the secret in an address, in bytes.
	secretSize = 32
)

// Options are the dependencies of a Service. Every field is required.
type Options struct {
	Pool *pgxpool.Pool
	Log  *slog.Logger
	// URL is the address below which the API takes callbacks.
	URL string
	// Wake makes a run that waits look again at once. Without it the run looks later.
	Wake func(ctx context.Context, runID string) error
}

// Service creates callbacks and takes their answers. It is safe for concurrent use.
type Service struct {
	Options

	queries *db.Queries
}

// New makes a Service.
func New(options Options) *Service {
	options.URL = strings.TrimRight(options.URL, "/")
	return &Service{Options: options, queries: db.New()}
}

// Callback is a new callback. URL and FailureURL are secrets.
type Callback struct {
	ID uuid.UUID
	// URL takes a POST when what the run waits for has succeeded, FailureURL when it has failed.
	URL, FailureURL string
}

// Create makes a callback of a run.
func (s *Service) Create(ctx context.Context, runID string) (Callback, error) {
	owner, err := uuid.Parse(runID)
	if err != nil {
		return Callback{}, fmt.Errorf("create a callback of run %q: %w", runID, err)
	}
	secret := make([]byte, secretSize)
	_, _ = rand.Read(secret) // it never fails
	created := Callback{ID: uuid.New(), URL: s.URL + "/" + base64.RawURLEncoding.EncodeToString(secret)}
	created.FailureURL = created.URL + "/failure"
	if err := s.queries.InsertRunCallback(ctx, s.Pool, created.ID, owner, digest(secret)); err != nil {
		return Callback{}, fmt.Errorf("create a callback of run %s: %w", runID, err)
	}
	return created, nil
}

func digest(secret []byte) []byte {
	sum := sha256.Sum256(secret)
	return sum[:]
}

// Answer is what was told.
type Answer struct {
	// Succeeded says at which of the two addresses it was told.
	Succeeded bool
	// Body is a JSON object.
	Body json.RawMessage
}

// Look returns the answer to a callback of a run, nil while there is none. Since is when the run began to wait: a
// failure because of which the run has failed before that is not returned again. Without such a callback the error
// is a fault of kind NotFound.
func (s *Service) Look(ctx context.Context, runID, id string, since time.Time) (*Answer, error) {
	owner, err := uuid.Parse(runID)
	if err != nil {
		return nil, fmt.Errorf("look for a callback of run %q: %w", runID, err)
	}
	which, err := uuid.Parse(id)
	if err != nil {
		return nil, fault.New(fault.Input, "'%s' is no id of a callback", id)
	}
	row, err := s.queries.RunCallback(ctx, s.Pool, which, owner)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, fault.New(fault.NotFound, "This run has no callback %s", id)
	case err != nil:
		return nil, fmt.Errorf("look for callback %s of run %s: %w", id, runID, err)
	case row.AnsweredAt == nil:
		return nil, nil
	}
	answer := &Answer{Succeeded: *row.Succeeded, Body: row.Body}
	if answer.Succeeded {
		return answer, nil
	}
	if row.FailureSeenAt != nil && row.FailureSeenAt.Before(since) {
		return nil, nil
	}
	return answer, nil
}

// SeeFailure notes that the run fails because of a reported failure.
func (s *Service) SeeFailure(ctx context.Context, id string) error {
	which, err := uuid.Parse(id)
	if err == nil {
		now := time.Now()
		err = s.queries.SeeRunCallbackFailure(ctx, s.Pool, &now, which)
	}
	if err != nil {
		return fmt.Errorf("note the failure of callback %s: %w", id, err)
	}
	return nil
}

// Take stores an answer and wakes the run. A repeated answer changes nothing. A success can follow a failure, and so can
// another failure, also the same, once the run has failed because of the first. Anything else after the first answer is
// a fault of kind Conflict, and an unknown secret one of kind NotFound.
func (s *Service) Take(ctx context.Context, secret string, answer Answer) error {
	if len(answer.Body) > MaxBody {
		return fault.New(fault.Input, "The body has more than %d bytes", MaxBody)
	}
	sent, err := base64.RawURLEncoding.DecodeString(secret)
	if err != nil {
		return errUnknown
	}
	var runID uuid.UUID
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) (err error) {
		runID, err = s.take(ctx, tx, sent, answer)
		return err
	})
	if err != nil || runID == uuid.Nil {
		return err
	}
	if err := s.Wake(ctx, runID.String()); err != nil {
		s.Log.WarnContext(telemetry.ForRun(ctx, runID), "the callback is stored, and the run will find it when it looks again", "error", err)
	}
	return nil
}

var (
	errUnknown = fault.New(fault.NotFound, "There is no such callback: the address is wrong, or its run was deleted")
	errOver    = fault.New(fault.Conflict, "The run has ended and waits for nothing")
	errChanged = fault.New(fault.Conflict, "This callback was answered before, with something else")
)

// take returns the run that has a new answer, zero when the answer is there already.
func (s *Service) take(ctx context.Context, tx pgx.Tx, secret []byte, answer Answer) (uuid.UUID, error) {
	row, err := s.queries.LockRunCallback(ctx, tx, digest(secret))
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return uuid.Nil, errUnknown
	case err != nil:
		return uuid.Nil, fmt.Errorf("look for a callback: %w", err)
	case isUnseen(row) && *row.Succeeded == answer.Succeeded && bytes.Equal(row.Body, answer.Body):
		return uuid.Nil, nil
	case row.Phase == string(run.PhaseDone) || row.Phase == string(run.PhaseRolledBack):
		return uuid.Nil, errOver
	case isUnseen(row) && (*row.Succeeded || !answer.Succeeded):
		return uuid.Nil, errChanged
	}
	if err := s.queries.AnswerRunCallback(ctx, tx, &answer.Succeeded, answer.Body, row.ID); err != nil {
		return uuid.Nil, fmt.Errorf("answer callback %s of run %s: %w", row.ID, row.RunID, err)
	}
	return row.RunID, audit.Record(ctx, tx, audit.Actor{}, audit.RunCallback, row.RunID.String(),
		audit.Changed("callback", nil, row.ID.String()), audit.Changed("succeeded", nil, answer.Succeeded))
}

// isUnseen reports whether there is an answer because of which the run has not failed yet: a success, or a new failure.
func isUnseen(row db.LockRunCallbackRow) bool {
	return row.Succeeded != nil && row.FailureSeenAt == nil
}
