package scaffolder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/telemetry"
)

const (
	// startPause is how long a run that was just started, or could not be, waits for the next sweep that looks at it. It doubles each
	// time, up to maxStartPause.
	startPause    = 5 * time.Second
	maxStartPause = 5 * time.Minute
	// maxStarts is how often a run is tried that the engine refuses to start: for some fifteen minutes.
	maxStarts = 9
	// maxUnheard is for how many runs in a row there may be no answer before a sweep ends.
	maxUnheard = 3
)

// Sweeper looks after the runs that nobody carries on. It works for Portico itself: nobody asks it for anything, so it
// asks no decider, and only workers have one. It is safe for concurrent use.
type Sweeper struct {
	log    *slog.Logger
	runs   *run.Store
	engine engine.Engine
}

// NewSweeper makes a Sweeper.
func NewSweeper(log *slog.Logger, runs *run.Store, engine engine.Engine) *Sweeper {
	return &Sweeper{log, runs, engine}
}

// StartPending starts the runs that are on the record but were never handed to the engine: a crash, or an engine that did not answer,
// came between the two. It is called now and then by a process that serves. A run that was started and that no worker takes, or that
// cannot be started, is looked at less and less often, and holds up no other; one that the engine refuses is parked in the end.
func (s *Sweeper) StartPending(ctx context.Context, olderThan time.Duration) error {
	pending, err := s.runs.Unstarted(ctx, time.Now().Add(-olderThan))
	if err != nil {
		return err
	}
	sweep := sweep{}
	for _, unstarted := range pending {
		if !sweep.goesOn(ctx, s.startPending(ctx, unstarted)) {
			break
		}
	}
	return sweep.failed
}

// sweep is one going over many runs. What fails for one of them holds up no other.
type sweep struct {
	// failed is all that failed.
	failed error
	// unheard is for how many runs in a row nobody answered.
	unheard int
}

// goesOn takes in what came of one run. It says whether the others' turn comes: not when nobody answers.
func (s *sweep) goesOn(ctx context.Context, err error) bool {
	s.failed = errors.Join(s.failed, err)
	if _, refused := errors.AsType[*engine.RefusedError](err); err == nil || refused {
		s.unheard = 0
		return true
	}
	s.unheard++
	return s.unheard < maxUnheard && ctx.Err() == nil
}

// startPending asks for one start, and puts the next one off.
func (s *Sweeper) startPending(ctx context.Context, unstarted run.Unstarted) error {
	pending, err := s.runs.Get(ctx, run.Rules.Everything(), unstarted.ID)
	if err != nil {
		return err
	}
	err = s.engine.Start(ctx, command(pending.ID, pending.Generation, pending.Title, pending.Subject, pending.Spec))
	refused, is := errors.AsType[*engine.RefusedError](err)
	switch {
	case is && unstarted.Starts >= maxStarts:
		return s.park(ctx, pending.ID, run.Failure{Name: "NotStartedError", Message: "The run could not be started: " + refused.Error(),
			Next: "Mend the cause and retry, or start a new run. The log of Temporal may say more."})
	case err != nil && !is:
		// Its turn comes again when all others had theirs.
		return errors.Join(err, s.runs.PostponeStart(ctx, pending.ID, time.Now(), unstarted.Starts))
	}
	pause := min(startPause<<min(unstarted.Starts, maxStarts), maxStartPause)
	return errors.Join(err, s.runs.PostponeStart(ctx, pending.ID, time.Now().Add(pause), unstarted.Starts+1))
}

func (s *Sweeper) park(ctx context.Context, id uuid.UUID, failure run.Failure) error {
	seen, err := s.runs.See(ctx, id)
	if err != nil {
		return err
	}
	_, err = s.runs.Park(ctx, seen, failure)
	return err
}

// Reconcile compares the runs that say that they move, and were silent for a while, with what the engine knows. One that nothing
// drives any more, or whose workflow has not got on for so long as patience lasts, is parked with the reason: whoever retries it starts
// a new workflow. One that this fails for holds up no other. It is called now and then by a process that serves.
func (s *Sweeper) Reconcile(ctx context.Context, silentFor, patience time.Duration) error {
	before := time.Now().Add(-silentFor)
	sweep := sweep{}
	var after uuid.UUID
	for {
		silent, err := s.runs.Silent(ctx, before, after)
		if err != nil || len(silent) == 0 {
			return errors.Join(sweep.failed, err)
		}
		for _, seen := range silent {
			if !sweep.goesOn(ctx, s.reconcile(ctx, seen, patience)) {
				return sweep.failed
			}
		}
		after = silent[len(silent)-1].ID
	}
}

func (s *Sweeper) reconcile(ctx context.Context, seen run.Sighting, patience time.Duration) error {
	id := seen.ID.String()
	condition, err := s.engine.Condition(ctx, id)
	if err != nil {
		return err
	}
	failure := run.Failure{Name: "WorkflowLostError", Message: "Nothing carries this run on any more: " + condition.Gone,
		Next: "Retry: a new workflow goes on from where the run stands. Or roll it back."}
	if condition.Gone == "" {
		if condition.Stuck == "" || time.Since(condition.StuckSince) < patience {
			return nil
		}
		failure = run.Failure{Name: "StuckError", Message: "The run does not get on: " + condition.Stuck,
			Next: "Look at the workers' logs, mend the cause, and retry: a new workflow goes on from where the run stands. Or roll it back."}
		if err := s.engine.Abandon(ctx, id, "parked: "+condition.Stuck); err != nil {
			return err
		}
	}
	parked, err := s.runs.Park(ctx, seen, failure)
	if err != nil {
		return fmt.Errorf("park run %s, which nothing carries on: %w", id, err)
	}
	if parked {
		s.log.WarnContext(telemetry.ForRun(ctx, seen.ID), "a run is parked that nothing carries on", "reason", failure.Message)
	}
	return nil
}
