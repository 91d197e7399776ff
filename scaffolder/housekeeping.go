package scaffolder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/telemetry"
)

const (
	// startPause is the pause between two attempts to start a run. It doubles each time, up to maxStartPause.
	startPause    = 5 * time.Second
	maxStartPause = 5 * time.Minute
	// maxStarts is how often a run is started that the engine refuses: for some fifteen minutes.
	maxStarts = 9
	// maxUnanswered is how many runs in a row may get no answer before a sweep ends.
	maxUnanswered = 3
)

// Sweeper starts and parks runs that no workflow drives. It acts for Portico itself and not for a person, so
// it asks no decider; only workers have one. It is safe for concurrent use.
type Sweeper struct {
	log    *slog.Logger
	runs   *run.Store
	engine engine.Engine
}

// NewSweeper makes a Sweeper.
func NewSweeper(log *slog.Logger, runs *run.Store, engine engine.Engine) *Sweeper {
	return &Sweeper{log, runs, engine}
}

// StartPending starts the runs that were recorded but whose workflow has not begun, because of a crash or
// because the engine did not answer. A server calls it regularly. A run that no worker takes, or that cannot
// be started, is tried less and less often and delays no other run. A run that the engine keeps refusing is
// parked.
func (s *Sweeper) StartPending(ctx context.Context, olderThan time.Duration) error {
	pending, err := s.runs.Unstarted(ctx, time.Now().Add(-olderThan))
	if err != nil {
		return err
	}
	sweep := sweep{}
	for _, unstarted := range pending {
		if !sweep.next(ctx, s.startPending(ctx, unstarted)) {
			break
		}
	}
	return sweep.failed
}

// sweep is one pass over many runs. An error of one run does not stop the others.
type sweep struct {
	// failed joins the errors.
	failed error
	// unanswered is how many runs in a row got no answer from the engine.
	unanswered int
}

// next takes the result of one run, and says whether to continue with the next: not when the engine does not
// answer.
func (s *sweep) next(ctx context.Context, err error) bool {
	s.failed = errors.Join(s.failed, err)
	if _, refused := errors.AsType[*engine.RefusedError](err); err == nil || refused {
		s.unanswered = 0
		return true
	}
	s.unanswered++
	return s.unanswered < maxUnanswered && ctx.Err() == nil
}

// startPending starts one run, and postpones its next start.
func (s *Sweeper) startPending(ctx context.Context, unstarted run.Unstarted) error {
	pending, err := s.runs.Get(ctx, run.Rules.Everything(), unstarted.ID)
	if err != nil {
		return err
	}
	err = s.engine.Start(ctx, command(pending, pending.Generation))
	refused, is := errors.AsType[*engine.RefusedError](err)
	switch {
	case is && unstarted.Starts >= maxStarts:
		return s.park(ctx, pending.ID, fault.Failure{Name: "NotStartedError", Message: "The run could not be started: " + refused.Error(),
			Advice: "Mend the cause and retry, or start a new run. The log of Temporal may say more."})
	case err != nil && !is:
		// The other runs come first.
		return errors.Join(err, s.runs.PostponeStart(ctx, pending.ID, time.Now(), unstarted.Starts))
	}
	pause := min(startPause<<min(unstarted.Starts, maxStarts), maxStartPause)
	return errors.Join(err, s.runs.PostponeStart(ctx, pending.ID, time.Now().Add(pause), unstarted.Starts+1))
}

func (s *Sweeper) park(ctx context.Context, id uuid.UUID, failure fault.Failure) error {
	seen, err := s.runs.Version(ctx, id)
	if err != nil {
		return err
	}
	_, err = s.runs.Park(ctx, seen, failure)
	return err
}

// Reconcile asks the engine about active runs that were not written for a while. A run without a workflow, or
// whose workflow has made no progress for stuckTimeout, is parked with the reason; a retry starts a new
// workflow. An error of one run does not stop the others. A worker calls it regularly.
func (s *Sweeper) Reconcile(ctx context.Context, staleFor, stuckTimeout time.Duration) error {
	before := time.Now().Add(-staleFor)
	sweep := sweep{}
	var after uuid.UUID
	for {
		stale, err := s.runs.Stale(ctx, before, after)
		if err != nil || len(stale) == 0 {
			return errors.Join(sweep.failed, err)
		}
		for _, seen := range stale {
			if !sweep.next(ctx, s.reconcile(ctx, seen, stuckTimeout)) {
				return sweep.failed
			}
		}
		after = stale[len(stale)-1].ID
	}
}

func (s *Sweeper) reconcile(ctx context.Context, seen run.Version, stuckTimeout time.Duration) error {
	id := seen.ID.String()
	health, err := s.engine.Health(ctx, id)
	if err != nil {
		return err
	}
	failure := fault.Failure{Name: "WorkflowLostError", Message: "This run has no workflow any more: " + health.Gone,
		Advice: "Retry: a new workflow goes on from where the run stands. Or roll it back."}
	if health.Gone == "" {
		if health.Stuck == "" || time.Since(health.StuckSince) < stuckTimeout {
			return nil
		}
		failure = fault.Failure{Name: "StuckError", Message: "The run makes no progress: " + health.Stuck,
			Advice: "Look at the workers' logs, mend the cause, and retry: a new workflow goes on from where the run stands. Or roll it back."}
		if err := s.engine.Terminate(ctx, id, "parked: "+health.Stuck); err != nil {
			return err
		}
	}
	parked, err := s.runs.Park(ctx, seen, failure)
	if err != nil {
		return fmt.Errorf("park run %s, which has no healthy workflow: %w", id, err)
	}
	if parked {
		s.log.WarnContext(telemetry.ForRun(ctx, seen.ID), "a run without a healthy workflow is parked", "reason", failure.Message)
	}
	return nil
}
