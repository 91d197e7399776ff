// Package webhook sends the sealed events of the audit log to another system, in order and each at least once. Package
// webhook of the foundation sends and signs the messages.
package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/webhook"
)

const (
	// turn is how long one worker sends before it makes room for another, and leaseSeconds how long the others
	// leave it alone: a turn, its last message, and the statements around it.
	turn         = 30 * time.Second
	leaseSeconds = 60
)

// queries has no state.
var queries = db.New()

// Options are what a Sender needs.
type Options struct {
	Log   *slog.Logger
	Pool  *pgxpool.Pool
	Audit *audit.Log
	// URL is where the messages are sent. It is the operator's: nobody else chooses it.
	URL string
	// Secret is the key of the signatures.
	Secret []byte
	// Transport sends the requests.
	Transport http.RoundTripper
}

// Sender sends the audit log to one receiver. Any number of processes may have one: they take turns.
type Sender struct {
	options  Options
	receiver *webhook.Receiver
	problems problems
}

// New creates a Sender.
func New(options Options) *Sender {
	return &Sender{options: options, receiver: webhook.New(webhook.Options{Setting: "portico.audit.webhook", URL: options.URL, Secret: options.Secret,
		Transport: options.Transport})}
}

// Send sends seals until none is left, one fails, or its turn is over, and reports whether there may be more.
// While another worker sends, or before a failed message may be tried again, it does nothing.
func (s *Sender) Send(ctx context.Context) (more bool, err error) {
	lease := uuid.New()
	row, err := queries.LeaseAuditWebhook(ctx, s.options.Pool, lease, leaseSeconds)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("begin to send the audit log: %w", err)
	}
	more, err = s.sendAfter(ctx, lease, audit.Position{Seal: row.Delivered, Events: int(row.DeliveredEvents)})
	if failed, is := errors.AsType[*webhook.Error](err); is {
		return false, s.noteFailure(ctx, lease, failed)
	}
	return more, errors.Join(err, s.release(ctx, lease))
}

// sendAfter sends the events after a position.
func (s *Sender) sendAfter(ctx context.Context, lease uuid.UUID, taken audit.Position) (more bool, err error) {
	for ends := time.Now().Add(turn); time.Now().Before(ends); {
		batch, found, err := s.options.Audit.Next(ctx, taken, webhook.MaxMessage)
		if err != nil || !found {
			return false, err
		}
		s.warn(ctx, taken, batch)
		if len(batch.Lines) > 0 {
			if err := s.post(ctx, batch); err != nil {
				return false, err
			}
		}
		held, err := queries.AdvanceAuditWebhook(ctx, s.options.Pool, batch.End.Seal, int32(batch.End.Events), lease)
		if err != nil || held == 0 {
			return false, err
		}
		taken = batch.End
	}
	return true, nil
}

// warn logs what the receiver cannot get.
func (s *Sender) warn(ctx context.Context, taken audit.Position, batch audit.Batch) {
	if taken.Seal > 0 && batch.Seal > taken.Seal+1 {
		s.options.Log.ErrorContext(ctx, "seals of the audit log were deleted before the webhook had them", "first", taken.Seal+1, "last", batch.Seal-1)
	}
	if batch.Broken != nil {
		s.options.Log.ErrorContext(ctx, "the receiver of the audit log gets a broken chain", "error", batch.Broken)
	}
}

// post sends a batch. Its id, the hash at the end of the batch, is the same for each attempt.
func (s *Sender) post(ctx context.Context, batch audit.Batch) error {
	return s.receiver.Post(ctx, webhook.Message{Name: fmt.Sprintf("seal %d", batch.Seal), ID: batch.Head, ContentType: "application/x-ndjson", Body: batch.Lines})
}

// noteFailure makes every worker wait before the next attempt.
func (s *Sender) noteFailure(ctx context.Context, lease uuid.UUID, failed *webhook.Error) error {
	noted, err := queries.FailAuditWebhook(ctx, s.options.Pool, failed.Wait.Seconds(), lease)
	if errors.Is(err, pgx.ErrNoRows) { // this worker took too long, and another one sends now
		return failed
	}
	if err != nil {
		return errors.Join(failed, fmt.Errorf("note that the webhook of the audit log failed: %w", err))
	}
	wait := time.Duration(noted.WaitSeconds * float64(time.Second))
	return fmt.Errorf("%w (failed attempts: %d; the next is in %s)", failed, noted.Failures, wait.Round(time.Second))
}

// release lets other workers send at once, also when this one is stopping.
func (s *Sender) release(ctx context.Context, lease uuid.UUID) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := queries.ReleaseAuditWebhook(ctx, s.options.Pool, lease); err != nil {
		return fmt.Errorf("end sending the audit log: %w", err)
	}
	return nil
}
