// Package idempotency stores the responses to commands with an Idempotency-Key, so that a repeated request is
// carried out once (draft-ietf-httpapi-idempotency-key-header). All processes with the same database share
// the responses.
package idempotency

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/db"
)

const (
	// Retention is how long a response is stored.
	Retention = 24 * time.Hour
	// MaxBody bounds a stored response, in bytes: a command responds with an id or a location.
	MaxBody = 256 << 10
	// deleteBatch bounds the keys that one statement deletes.
	deleteBatch = 1000
	// pollInterval is how often a request checks for the response that another process is producing.
	pollInterval = 100 * time.Millisecond
)

var (
	// ErrOtherRequest means that the key was used for another request.
	ErrOtherRequest = errors.New("the key was used for another request")
	// ErrUnderWay means that the first request with the key was still in progress at the end of the wait.
	ErrUnderWay = errors.New("the first request with the key is still being carried out")
)

// Options are the times of Keys; the zero value has the defaults.
type Options struct {
	// Lease is how long a command may take. After it, the process is considered dead, and another request
	// runs the command. 0 is three minutes.
	Lease time.Duration
	// Wait is how long a repeated request waits for the response to the first. 0 is ten seconds.
	Wait time.Duration
}

// Keys stores the responses. It is safe for concurrent use.
type Keys struct {
	pool    *pgxpool.Pool
	queries *db.Queries
	options Options
}

// New stores keys in the database of pool.
func New(pool *pgxpool.Pool, options Options) *Keys {
	if options.Lease == 0 {
		options.Lease = 3 * time.Minute
	}
	if options.Wait == 0 {
		options.Wait = 10 * time.Second
	}
	return &Keys{pool: pool, queries: db.New(), options: options}
}

// Request is a command with its key.
type Request struct {
	// Principal is the caller. The same key of another caller is another key.
	Principal string
	Key       string
	// Content identifies the request: method, address and body.
	Content []byte
}

// digests are the stored hashes of a request. Both include the key, which is not stored, so that nobody can
// test guesses of the secrets in a request.
func (r Request) digests() (id, content []byte) {
	hash := hmac.New(sha256.New, []byte(r.Key))
	hash.Write([]byte("principal\x00" + r.Principal))
	id = hash.Sum(nil)
	hash.Reset()
	hash.Write([]byte("request\x00"))
	hash.Write(r.Content)
	return id, hash.Sum(nil)
}

// Answer is the response to a command.
type Answer struct {
	Status      int
	ContentType string
	Body        []byte
}

// Attempt is the right to run a command. Its holder ends it with Answer or Release.
type Attempt struct {
	// CommandID is the same for every attempt at the command. The command creates things under this id, so
	// they are created once even if a process dies before it responds.
	CommandID uuid.UUID

	keys *Keys
	key  []byte
	id   uuid.UUID
}

// Begin starts a command, or returns the first request's response; one of the two results is not nil. While
// the first request is in progress, it waits. Expected errors are ErrOtherRequest and ErrUnderWay.
func (k *Keys) Begin(ctx context.Context, r Request) (*Attempt, *Answer, error) {
	deadline := time.NewTimer(k.options.Wait)
	defer deadline.Stop()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	id, content := r.digests()
	isClaimable := true
	for {
		// A claim writes, even one that fails: it locks the row. So a request that waits only reads.
		if isClaimable {
			attempt, err := k.claim(ctx, id, content)
			if attempt != nil || err != nil {
				return attempt, nil, err
			}
		}
		var answer *Answer
		var err error
		answer, isClaimable, err = k.read(ctx, id, content)
		if answer != nil || err != nil {
			return nil, answer, err
		}
		if isClaimable {
			continue
		}
		select {
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("wait for the first request with the idempotency key: %w", ctx.Err())
		case <-deadline.C:
			return nil, nil, ErrUnderWay
		case <-ticker.C:
		}
	}
}

// claim takes the right to run the command; nil means that another request has it, or that there is a
// response.
func (k *Keys) claim(ctx context.Context, id, content []byte) (*Attempt, error) {
	attempt := &Attempt{keys: k, key: id, id: uuid.New()}
	commandID, err := k.queries.ClaimIdempotencyKey(ctx, k.pool, db.ClaimIdempotencyKeyParams{ID: id, Request: content,
		CommandID: uuid.New(), Attempt: attempt.id, LeaseSeconds: k.options.Lease.Seconds()})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("claim an idempotency key: %w", err)
	}
	attempt.CommandID = commandID
	return attempt, nil
}

// read returns the response to the command. Without one, it says whether the command may be claimed, because
// its attempt ended without a response or its row is gone.
func (k *Keys) read(ctx context.Context, id, content []byte) (answer *Answer, isClaimable bool, err error) {
	row, err := k.queries.IdempotencyKey(ctx, k.pool, id)
	switch {
	case errors.Is(err, pgx.ErrNoRows): // its retention has just ended
		return nil, true, nil
	case err != nil:
		return nil, false, fmt.Errorf("read an idempotency key: %w", err)
	case !hmac.Equal(row.Request, content):
		return nil, false, ErrOtherRequest
	case row.Status == nil:
		return nil, row.IsClaimable, nil
	}
	answer = &Answer{Status: int(*row.Status), Body: row.Body}
	if row.ContentType != nil {
		answer.ContentType = *row.ContentType
	}
	return answer, false, nil
}

// Answer stores the response to the command, with at most MaxBody bytes. It has no effect after another
// attempt has taken over.
func (a *Attempt) Answer(ctx context.Context, answer Answer) error {
	status := int32(answer.Status)
	err := a.keys.queries.AnswerIdempotencyKey(ctx, a.keys.pool, db.AnswerIdempotencyKeyParams{Status: &status,
		ContentType: &answer.ContentType, Body: answer.Body, ID: a.key, Attempt: a.id})
	if err != nil {
		return fmt.Errorf("keep the answer with its idempotency key: %w", err)
	}
	return nil
}

// Release gives the command up without a response: the next request with the key runs it.
func (a *Attempt) Release(ctx context.Context) error {
	if err := a.keys.queries.ReleaseIdempotencyKey(ctx, a.keys.pool, a.key, a.id); err != nil {
		return fmt.Errorf("release an idempotency key: %w", err)
	}
	return nil
}

// DeleteOld deletes a batch of responses whose Retention is over, and reports whether there may be more.
func (k *Keys) DeleteOld(ctx context.Context) (more bool, err error) {
	deleted, err := k.queries.DeleteIdempotencyKeys(ctx, k.pool, Retention.Seconds(), deleteBatch)
	if err != nil {
		return false, fmt.Errorf("delete old idempotency keys: %w", err)
	}
	return deleted == deleteBatch, nil
}
