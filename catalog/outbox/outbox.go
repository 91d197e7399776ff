// Package outbox sends the changes of served entities to other systems: each at least once, and those of one entity in
// their order. The database records a change in its transaction (catalog_changes), whichever statement makes it. A
// message says which entities have changed and not how: receivers read them by the API, with their own permissions.
package outbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/telemetry"
	"github.com/portico-dev/portico/webhook"
)

const (
	// turn is how long one worker sends to a webhook before it makes room for another, and lease how long the others
	// leave it alone: a turn, its last message, and the statements around it.
	turn  = 30 * time.Second
	lease = time.Minute
	// most bounds the changes of a message.
	most = 500
	// timeout bounds a statement.
	timeout = 10 * time.Second
	// deleted bounds the changes that are deleted at once.
	deleted = 5000
)

// Webhook is a configured receiver.
type Webhook struct {
	// Name identifies the webhook in the configuration and in metrics.
	Name string
	*webhook.Receiver
}

// Options are the dependencies of a Sender. Every field is required.
type Options struct {
	Pool     *pgxpool.Pool
	Log      *slog.Logger
	Webhooks []Webhook
}

// Sender sends changes. Any number of processes may have one: they take turns.
type Sender struct {
	Options

	queries *db.Queries
}

// New makes a Sender.
func New(options Options) *Sender { return &Sender{Options: options, queries: db.New()} }

// Configure has the changes recorded for exactly the webhooks of the configuration from now on. What another webhook has
// not taken is deleted.
func (s *Sender) Configure(ctx context.Context) error {
	names := make([]string, len(s.Webhooks))
	for i, hook := range s.Webhooks {
		names[i] = hook.Name
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		if err := s.queries.CatalogAddWebhooks(ctx, tx, names); err != nil {
			return err
		}
		return s.queries.CatalogDeleteOtherWebhooks(ctx, tx, names)
	})
	if err != nil {
		return fmt.Errorf("configure the webhooks of catalog.events.webhooks: %w", err)
	}
	return nil
}

// Send sends to each webhook until nothing is left, a message is not taken, or its turn is over, and reports whether
// there may be more. The failure of one webhook does not keep the others waiting.
func (s *Sender) Send(ctx context.Context) (more bool, err error) {
	var failures []error
	for _, hook := range s.Webhooks {
		left, err := s.sendTo(ctx, hook)
		more = more || left
		failures = append(failures, err)
	}
	return more, errors.Join(failures...)
}

// sendTo does nothing while another worker sends to the webhook, or before a message may be tried again.
func (s *Sender) sendTo(ctx context.Context, hook Webhook) (more bool, err error) {
	holder := uuid.New()
	leased, err := s.queries.CatalogLeaseWebhook(ctx, s.Pool, holder, lease.Seconds(), hook.Name)
	if err != nil {
		return false, fmt.Errorf("begin to send changes to webhook %s: %w", hook.Name, err)
	}
	if leased == 0 {
		return false, nil
	}
	more, err = s.sendAll(ctx, hook, holder)
	if failed, is := errors.AsType[*webhook.Error](err); is {
		return false, s.noteFailure(ctx, hook, holder, failed)
	}
	return more, errors.Join(err, s.release(ctx, hook, holder))
}

func (s *Sender) sendAll(ctx context.Context, hook Webhook, holder uuid.UUID) (more bool, err error) {
	for ends := time.Now().Add(turn); time.Now().Before(ends); {
		rows, err := s.queries.CatalogNextChanges(ctx, s.Pool, hook.Name, most)
		if err != nil {
			return false, fmt.Errorf("read the changes for webhook %s: %w", hook.Name, err)
		}
		if len(rows) == 0 {
			return false, nil
		}
		sent, ids, err := message(rows)
		if err != nil {
			return false, err
		}
		if err := hook.Post(ctx, sent); err != nil {
			return false, err
		}
		taken, err := s.queries.CatalogTakenChanges(ctx, s.Pool, ids, hook.Name, holder)
		if err != nil {
			return false, fmt.Errorf("note what webhook %s has taken: %w", hook.Name, err)
		}
		if taken == 0 { // this worker took too long, and another one sends now
			return false, nil
		}
	}
	return true, nil
}

// body is the body of a message.
type body struct {
	Type string `json:"type"`
	// Timestamp is the time of the first change.
	Timestamp time.Time `json:"timestamp"`
	Data      data      `json:"data"`
}

type data struct {
	Changes []change `json:"changes"`
}

// change is the change of one entity. Its ID is the same in every message that has it.
type change struct {
	ID        string    `json:"id"`
	Change    string    `json:"change"`
	EntityRef string    `json:"entityRef"`
	UID       string    `json:"uid"`
	ChangedAt time.Time `json:"changedAt"`
}

// message is the message of some changes. The same changes make the same message.
func message(rows []db.CatalogNextChangesRow) (webhook.Message, []int64, error) {
	made := body{Type: "catalog.entities.changed", Timestamp: rows[0].ChangedAt.UTC()}
	ids := make([]int64, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
		made.Data.Changes = append(made.Data.Changes, change{ID: strconv.FormatInt(row.ID, 10), Change: row.Change, EntityRef: row.EntityRef,
			UID: row.EntityID.String(), ChangedAt: row.ChangedAt.UTC()})
	}
	encoded, err := json.Marshal(made)
	if err != nil {
		return webhook.Message{}, nil, fmt.Errorf("encode changes of entities: %w", err)
	}
	sum := sha256.Sum256(encoded)
	return webhook.Message{Name: fmt.Sprintf("%d changes", len(rows)), ID: "msg_" + hex.EncodeToString(sum[:16]),
		ContentType: "application/json", Body: encoded}, ids, nil
}

// noteFailure makes every worker wait before the next attempt.
func (s *Sender) noteFailure(ctx context.Context, hook Webhook, holder uuid.UUID, failed *webhook.Error) error {
	noted, err := s.queries.CatalogFailWebhook(ctx, s.Pool, failed.Wait.Seconds(), hook.Name, holder)
	if errors.Is(err, pgx.ErrNoRows) { // this worker took too long, and another one sends now
		return failed
	}
	if err != nil {
		return errors.Join(failed, fmt.Errorf("note that webhook %s failed: %w", hook.Name, err))
	}
	wait := time.Duration(noted.WaitSeconds * float64(time.Second))
	return fmt.Errorf("%w (failed attempts: %d; the next is in %s)", failed, noted.Failures, wait.Round(time.Second))
}

// release lets other workers send at once, also when this one is stopping.
func (s *Sender) release(ctx context.Context, hook Webhook, holder uuid.UUID) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := s.queries.CatalogReleaseWebhook(ctx, s.Pool, hook.Name, holder); err != nil {
		return fmt.Errorf("end sending to webhook %s: %w", hook.Name, err)
	}
	return nil
}

// Backlog measures what webhooks have not taken, as samples of telemetry.ChangesPending and ChangesLag.
func (s *Sender) Backlog(ctx context.Context) ([]telemetry.Sample, error) {
	backlogs, err := s.queries.CatalogWebhookBacklogs(ctx, s.Pool)
	if err != nil {
		return nil, fmt.Errorf("count the changes that webhooks have not taken: %w", err)
	}
	var samples []telemetry.Sample
	for _, backlog := range backlogs {
		labels := []string{backlog.Name}
		samples = append(samples, telemetry.Sample{Metric: telemetry.ChangesPending, Value: float64(backlog.Pending), Labels: labels},
			telemetry.Sample{Metric: telemetry.ChangesLag, Value: backlog.Oldest, Labels: labels})
	}
	return samples, nil
}

// DeleteBefore deletes changes that were made before a time and that no webhook has taken, some at once, and reports
// whether there may be more. It logs that they are lost.
func (s *Sender) DeleteBefore(ctx context.Context, before time.Time) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	count, err := s.queries.CatalogDeleteOldChanges(ctx, s.Pool, before, deleted)
	if err != nil {
		return false, fmt.Errorf("delete old changes of entities: %w", err)
	}
	if count > 0 {
		s.Log.ErrorContext(ctx, "changes of entities were deleted before a webhook of catalog.events.webhooks had them", "count", count, "before", before)
	}
	return count == deleted, nil
}
