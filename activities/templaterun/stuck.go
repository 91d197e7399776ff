package templaterun

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/temporal"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/engine"
)

// parkIfStuck returns the result of an activity. When the activities of a run have been failing for
// StuckTimeout, for a reason of the run's own and not of the network or the database, it parks the run with
// that reason. The state is nil for a run that could not be loaded.
func (a *Activities) parkIfStuck(ctx context.Context, runID string, state *runState, next engine.Next, cause error) (engine.Next, error) {
	if cause == nil {
		a.stuckRuns.recovered(runID)
		return next, nil
	}
	if !isStuckCause(ctx, cause) {
		return engine.Next{}, cause
	}
	masked := state.maskCause(cause)
	lasts := a.stuckRuns.failed(runID, masked.Error(), time.Now())
	a.logStuck(ctx, lasts, masked, cause)
	if lasts < a.StuckTimeout || a.StuckTimeout == 0 {
		return engine.Next{}, masked
	}
	next, err := a.park(ctx, runID, fault.Failure{Name: engine.ErrorStuck,
		Message: fmt.Sprintf("The run could not be continued, again and again for %s: %s", lasts.Round(time.Second), masked),
		Advice:  "Mend the cause, which the message and the workers' logs name, and retry: the run goes on from where it stands. Or roll it back."})
	if err != nil {
		return engine.Next{}, errors.Join(masked, err)
	}
	return next, nil
}

// maskCause is the cause of a failed activity without the run's secrets: Temporal shows all causes of an
// error, so it has none. A nil state has no secrets.
func (s *runState) maskCause(cause error) error {
	if s == nil {
		return cause
	}
	return errors.New(s.redact.Text(cause.Error()))
}

func (a *Activities) logStuck(ctx context.Context, lasts time.Duration, masked, cause error) {
	attributes := []any{"for", lasts.Round(time.Second), "error", masked}
	if panicked, is := errors.AsType[*fault.PanicError](cause); is {
		attributes = append(attributes, "stack", string(panicked.Stack))
	}
	a.Log.ErrorContext(ctx, "a run cannot be continued; this is tried again", attributes...)
}

// isStuckCause says whether an activity failed for a reason of its run's own: not because it was stopped,
// another worker took the run over, an action failed, or the database cannot be reached.
func isStuckCause(ctx context.Context, cause error) bool {
	_, reported := errors.AsType[*temporal.ApplicationError](cause)
	return !reported && ctx.Err() == nil && supersededBy(cause) == nil && !isBusy(cause) && !db.Unreachable(cause)
}

// park parks the run without decoding its record.
func (a *Activities) park(ctx context.Context, runID string, failure fault.Failure) (engine.Next, error) {
	id, err := uuid.Parse(runID)
	if err != nil {
		return engine.Next{}, fmt.Errorf("run id %q: %w", runID, err)
	}
	writing, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	seen, err := a.Runs.Version(writing, id)
	if fault.KindOf(err) == fault.NotFound {
		return engine.Next{Kind: engine.NextEnd, Settings: a.Settings}, nil // the run was deleted
	}
	if err != nil {
		return engine.Next{}, err
	}
	if seen.Active {
		parked, err := a.Runs.Park(writing, seen, failure)
		if err != nil {
			return engine.Next{}, err
		}
		if !parked {
			return engine.Next{}, fmt.Errorf("run %s was written while it was to be parked", runID)
		}
	}
	return engine.Next{Kind: engine.NextPark, Generation: seen.Generation, Settings: a.Settings,
		Progress: engine.Progress{State: engine.StateParked, Failure: failure.Cut(engine.MaxFailureText)}}, nil
}

// maxStuckRuns bounds the runs whose failures are remembered.
const maxStuckRuns = 10_000

// stuckRuns remembers since when the activities of runs fail, and why. The zero value is ready.
type stuckRuns struct {
	mu    sync.Mutex
	known map[string]stuckRun
}

type stuckRun struct {
	reason string
	since  time.Time
}

// failed records a failure, and answers for how long the run has been failing for this reason.
func (s *stuckRuns) failed(runID, reason string, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, is := s.known[runID]; is && known.reason == reason {
		return now.Sub(known.since)
	}
	if s.known == nil || len(s.known) >= maxStuckRuns {
		s.known = map[string]stuckRun{}
	}
	s.known[runID] = stuckRun{reason: reason, since: now}
	return 0
}

// recovered forgets the failures of a run.
func (s *stuckRuns) recovered(runID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, runID)
}
