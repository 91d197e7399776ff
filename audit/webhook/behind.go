package webhook

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/portico-dev/portico/telemetry"
)

const (
	// lateAfter is how long the receiver may take nothing before it is a problem, as in the alert PorticoAuditWebhookLags.
	lateAfter = 15 * time.Minute
	// problemValidity is how long an answer of Problems is cached, so that frequent probes cost the database
	// nothing, and problemTimeout bounds it.
	problemValidity = 10 * time.Second
	problemTimeout  = time.Second
)

// Backlog measures what the receiver has not taken, as samples of telemetry.AuditWebhookPending and
// AuditWebhookLag.
func (s *Sender) Backlog(ctx context.Context) ([]telemetry.Sample, error) {
	backlog, err := queries.AuditWebhookBacklog(ctx, s.options.Pool)
	if err != nil {
		return nil, fmt.Errorf("count what the webhook of the audit log has not taken: %w", err)
	}
	return []telemetry.Sample{{Metric: telemetry.AuditWebhookPending, Value: float64(backlog.Seals)},
		{Metric: telemetry.AuditWebhookLag, Value: backlog.Stalled}}, nil
}

// problems is the cached answer of Problems.
type problems struct {
	mu         sync.Mutex
	validUntil time.Time
	found      []string
}

// Problems says that the receiver is late, if it is. While the database does not answer, it says nothing: that
// is another problem.
func (s *Sender) Problems() []string {
	s.problems.mu.Lock()
	defer s.problems.mu.Unlock()
	if time.Now().Before(s.problems.validUntil) {
		return s.problems.found
	}
	ctx, cancel := context.WithTimeout(context.Background(), problemTimeout)
	defer cancel()
	s.problems.found = nil
	backlog, err := queries.AuditWebhookBacklog(ctx, s.options.Pool)
	if stalled := time.Duration(backlog.Stalled * float64(time.Second)); err == nil && stalled > lateAfter {
		s.problems.found = []string{fmt.Sprintf("the webhook of the audit log has not taken events for %s", stalled.Round(time.Minute))}
	}
	s.problems.validUntil = time.Now().Add(problemValidity)
	return s.problems.found
}
