package run

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/telemetry"
)

// Observed is the run as traces and logs know it.
func (r Run) Observed() telemetry.Run {
	return telemetry.Run{ID: r.ID, Generation: r.Generation, Template: r.TemplateRef, TraceParent: r.TraceParent}
}

// observed is a generation of a run as it is told of at its end.
type observed struct {
	telemetry.Run

	// since is when the run was accepted, or taken up again.
	since time.Time
}

func observedRun(id uuid.UUID, generation int32, templateRef string, traceParent *string, createdAt time.Time, reopenedAt *time.Time) observed {
	return observed{since: cmp.Or(orZero(reopenedAt), createdAt),
		Run: telemetry.Run{ID: id, Generation: int(generation), Template: templateRef, TraceParent: orEmpty(traceParent)}}
}

// observeEnd tells that a run came to rest.
func (s *Store) observeEnd(ctx context.Context, of observed, phase Phase, failure *fault.Failure, at time.Time) {
	cause := ""
	if failure != nil {
		cause = failure.Name
	}
	s.telemetry.Count(ctx, telemetry.RunsEnded, of.Template, string(phase), cause)
	s.telemetry.EndRun(of.Run, of.since, at, cause, attribute.String("portico.run.phase", string(phase)))
}

// maxCounted bounds the groups of Counted.
const maxCounted = 500

// Counted are the runs that move or are parked, as samples of telemetry.Runs, RunsQueued and RunsQueuedAge.
func (s *Store) Counted(ctx context.Context) ([]telemetry.Sample, error) {
	groups, err := s.queries.CountRunsAtHand(ctx, s.pool, maxCounted)
	if err != nil {
		return nil, fmt.Errorf("count the runs that move or are parked: %w", err)
	}
	queued, err := s.queries.CountRunsQueued(ctx, s.pool)
	if err != nil {
		return nil, fmt.Errorf("count the runs that nobody has taken up: %w", err)
	}
	samples := []telemetry.Sample{{Metric: telemetry.RunsQueued, Value: float64(queued.Runs)}, {Metric: telemetry.RunsQueuedAge, Value: queued.Oldest}}
	for _, group := range groups {
		samples = append(samples, telemetry.Sample{Metric: telemetry.Runs, Value: float64(group.Runs),
			Labels: []string{group.TemplateRef, group.Phase, group.Cause}})
	}
	return samples, nil
}
