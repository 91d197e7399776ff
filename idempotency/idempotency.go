// Package idempotency remembers how commands were answered that clients marked with an Idempotency-Key, so
// that a request which is sent twice is carried out once (draft-ietf-httpapi-idempotency-key-header). Every
// process that uses the same database shares what it remembers.
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
	// Retention is how long an answer is remembered.
	Retention = 24 * time.Hour
	// MaxBody bounds an answer that is remembered, in bytes: a command answers with an id, or with a
	// location.
	MaxBody = 256 << 10
	// deleteBatch bounds how many keys are deleted in one statement.
	deleteBatch = 1000
	// pollInterval is how often the answer to a request is looked for that another process is carrying out.
	pollInterval = 100 * time.Millisecond
)

var (
	// ErrOtherRequest says that the key was used for another request.
	ErrOtherRequest = errors.New("the key was used for another request")
	// ErrUnderWay says that the first request with the key had no answer yet when there was no more time to
	// wait for it.
	ErrUnderWay = errors.New("the first request with the key is still being carried out")
)

// Options are how patient Keys are; the zero value has the usual times.
type Options struct {
	// Lease is how long a command may take. After that another request carries it out: its process has died.
	// 0 is three minutes.
	Lease time.Duration
	// Wait is how long a repeated request waits for the answer to the first. 0 is ten seconds.
	Wait time.Duration
}

// Keys are what is remembered. They are safe for concurrent use.
type Keys struct {
	pool    *pgxpool.Pool
	queries *db.Queries
	options Options
}

// New keeps keys in the database of pool.
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
	// Principal is who asks: the same key of somebody else is another key.
	Principal string
	Key       string
	// Content is all that makes the request what it is: method, address and body.
	Content []byte
}

// digests are what of a request is stored. The key is part of both and is not stored, so that nobody can try
// out which secrets a request held.
func (r Request) digests() (id, content []byte) {
	hash := hmac.New(sha256.New, []byte(r.Key))
	hash.Write([]byte("principal\x00" + r.Principal))
	id = hash.Sum(nil)
	hash.Reset()
	hash.Write([]byte("request\x00"))
	hash.Write(r.Content)
	return id, hash.Sum(nil)
}

// Answer is what a command was answered.
type Answer struct {
	Status      int
	ContentType string
	Body        []byte
}

// Attempt is the right to carry a command out. Whoever has one ends it with Answer or Release.
type Attempt struct {
	// CommandID is the same for every attempt at the command: what it creates gets this id, and so is created
	// once, even when a process dies before it can answer.
	CommandID uuid.UUID

	keys *Keys
	key  []byte
	id   uuid.UUID
}

// Begin starts a command, or answers with what the first request was answered; one of the two results is not
// nil. While the first is under way it waits. The errors to expect are ErrOtherRequest and ErrUnderWay.
func (k *Keys) Begin(ctx context.Context, r Request) (*Attempt, *Answer, error) {
	deadline := time.NewTimer(k.options.Wait)
	defer deadline.Stop()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	id, content := r.digests()
	for {
		attempt, answer, err := k.begin(ctx, id, content)
		if attempt != nil || answer != nil || err != nil {
			return attempt, answer, err
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

// begin tries once; three nils say that the command is under way.
func (k *Keys) begin(ctx context.Context, id, content []byte) (*Attempt, *Answer, error) {
	attempt := &Attempt{keys: k, key: id, id: uuid.New()}
	commandID, err := k.queries.ClaimIdempotencyKey(ctx, k.pool, db.ClaimIdempotencyKeyParams{ID: id, Request: content,
		CommandID: uuid.New(), Attempt: attempt.id, LeaseSeconds: k.options.Lease.Seconds()})
	if err == nil {
		attempt.CommandID = commandID
		return attempt, nil, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return nil, nil, fmt.Errorf("claim an idempotency key: %w", err)
	}
	row, err := k.queries.IdempotencyKey(ctx, k.pool, id)
	switch {
	case errors.Is(err, pgx.ErrNoRows): // its retention ended just now
		return nil, nil, nil
	case err != nil:
		return nil, nil, fmt.Errorf("read an idempotency key: %w", err)
	case !hmac.Equal(row.Request, content):
		return nil, nil, ErrOtherRequest
	case row.Status == nil:
		return nil, nil, nil
	}
	answer := &Answer{Status: int(*row.Status), Body: row.Body}
	if row.ContentType != nil {
		answer.ContentType = *row.ContentType
	}
	return nil, answer, nil
}

// Answer remembers how the command was answered; the body has MaxBody bytes at the most. Once another attempt
// has taken the command over it changes nothing.
func (a *Attempt) Answer(ctx context.Context, answer Answer) error {
	status := int32(answer.Status)
	err := a.keys.queries.AnswerIdempotencyKey(ctx, a.keys.pool, db.AnswerIdempotencyKeyParams{Status: &status,
		ContentType: &answer.ContentType, Body: answer.Body, ID: a.key, Attempt: a.id})
	if err != nil {
		return fmt.Errorf("keep the answer with its idempotency key: %w", err)
	}
	return nil
}

// Release gives the command up unanswered: the next request with the key carries it out.
func (a *Attempt) Release(ctx context.Context) error {
	if err := a.keys.queries.ReleaseIdempotencyKey(ctx, a.keys.pool, a.key, a.id); err != nil {
		return fmt.Errorf("release an idempotency key: %w", err)
	}
	return nil
}

// DeleteOld forgets the answers whose Retention is over. It works on a batch, and says whether there may be
// more.
func (k *Keys) DeleteOld(ctx context.Context) (more bool, err error) {
	deleted, err := k.queries.DeleteIdempotencyKeys(ctx, k.pool, Retention.Seconds(), deleteBatch)
	if err != nil {
		return false, fmt.Errorf("delete old idempotency keys: %w", err)
	}
	return deleted == deleteBatch, nil
}
