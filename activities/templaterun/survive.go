package templaterun

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/temporal"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/run"
)

const (
	// maxLost is how many workers in a row may be lost over one thing before it is given up.
	maxLost = 3
	// countedAfter is how long a turn may take before the record says that it was begun. Should its worker die before, Temporal
	// knows, because that is soon enough for the task to run out of time.
	countedAfter = time.Second
	// aloneFor bounds how long a suspect waits for the one before it.
	aloneFor = time.Minute
)

// lost is the failure of what no worker comes back from.
func lost(what string) engine.Failure {
	return engine.Failure{Name: "WorkerLostError",
		Message: fmt.Sprintf("%d workers in a row were lost over %s: each died, was killed or lost its connections before it was done", maxLost, what),
		Next: "Look at the workers' logs, and whether the machine killed them for their memory. Ask for less in this step, or give the workers more; " +
			"then retry: the run goes on from here."}
}

// attempt is one taking up of something of a run. The record counts it while it lasts, unless it is over so soon that Temporal would
// notice a death: a short run writes nothing for it.
type attempt struct {
	*Activities
	account *account
	release func()

	mu      sync.Mutex
	counted bool
	over    bool
	timer   *time.Timer
}

// takeUp begins an attempt, before which so many did not come back. One that follows such is counted at once, and is made beside no
// other such one: so that not everybody is blamed for the one that kills the worker.
func (a *Activities) takeUp(ctx context.Context, opened *account, before int) (*attempt, error) {
	if before > 0 {
		return a.takeUpCounted(ctx, opened, before)
	}
	t := &attempt{Activities: a, account: opened, release: func() {}}
	t.timer = time.AfterFunc(countedAfter, func() {
		if err := t.count(context.WithoutCancel(ctx), 1); err != nil {
			a.Log.WarnContext(ctx, "it is not on the record that something of the run was begun", "run", opened.ID, "error", err)
		}
	})
	return t, nil
}

// takeUpCounted begins an attempt that is on the record from its beginning.
func (a *Activities) takeUpCounted(ctx context.Context, opened *account, before int) (*attempt, error) {
	t := &attempt{Activities: a, account: opened, release: func() {}}
	if before > 0 {
		t.release = a.alone(ctx)
	}
	if err := t.count(ctx, before+1); err != nil {
		t.release()
		return nil, err
	}
	return t, nil
}

// unanswered is how many attempts in a row did not come back before this one; again says that Temporal knows of one at least.
func (a *account) unanswered(again bool) int {
	if again {
		return max(a.Unreturned, 1)
	}
	return a.Unreturned
}

// alone waits until no other suspect is under way in this process, though not for ever.
func (a *Activities) alone(ctx context.Context) (release func()) {
	waiting, cancel := context.WithTimeout(ctx, aloneFor)
	defer cancel()
	select {
	case a.suspects <- struct{}{}:
		return func() { <-a.suspects }
	case <-waiting.Done():
		return func() {}
	}
}

// count puts on the record that this attempt was begun.
func (t *attempt) count(ctx context.Context, unreturned int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return nil
	}
	writing, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	if err := t.Runs.Record(writing, t.account.claim, run.Entry{Unreturned: &unreturned}); err != nil {
		return err
	}
	t.counted = true
	return nil
}

// comeBack ends the attempt: whatever came of it, its worker lives. One that was stopped with its worker, or cancelled, says nothing
// about those before it.
func (t *attempt) comeBack(ctx context.Context) {
	defer t.release()
	if t.timer != nil {
		t.timer.Stop()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	if !t.counted {
		return
	}
	unreturned := 0
	if ctx.Err() != nil {
		unreturned = t.account.Unreturned
	}
	writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	err := t.Runs.Record(writing, t.account.claim, run.Entry{Unreturned: &unreturned})
	if err != nil && overtakenBy(err) == nil {
		t.Log.WarnContext(ctx, "it is not on the record that a worker came back", "run", t.account.ID, "error", err)
	}
}

// giveUp fails what no worker comes back from: the step under way, or the rollback or the end of the run.
func (t *turn) giveUp(ctx context.Context) (engine.Next, error) {
	if err := t.begin(ctx); err != nil {
		return engine.Next{}, err
	}
	open := slices.IndexFunc(t.steps, func(step run.Step) bool { return !step.Status.Ended() })
	if t.Phase == run.PhaseRollingBack || open < 0 {
		return t.giveUpEnding(ctx)
	}
	if err := t.refuse(ctx, open, lost("this step")); err != nil {
		return engine.Next{}, err
	}
	// It is on the record before anything else is begun that may end like it.
	if err := t.write(ctx); err != nil {
		return engine.Next{}, err
	}
	return t.execute(ctx)
}

// giveUpEnding parks a run that no worker can bring to its end.
func (t *turn) giveUpEnding(ctx context.Context) (engine.Next, error) {
	what := "the rendering of the output"
	if t.Phase == run.PhaseRollingBack {
		what = "the rollback"
	}
	failure := run.Failure(lost(what))
	err := t.note(ctx, run.Entry{Events: []run.NewEvent{t.completion(run.StatusFailed, nil, &failure)},
		End: &run.Ending{Status: run.StatusFailed, Phase: run.PhaseParked, FailedStep: t.FailedStep, Failure: &failure}})
	if err != nil {
		return engine.Next{}, err
	}
	return t.rest(), t.write(ctx)
}

// orPark hands on what an activity came to. One that failed for longer than anybody has patience, for a reason that lies in the run and
// not in the network or the database, parks the run with the reason: it would fail for ever.
func (a *Activities) orPark(ctx context.Context, runID string, next engine.Next, cause error) (engine.Next, error) {
	if cause == nil {
		a.troubles.over(runID)
		return next, nil
	}
	if !isTrouble(ctx, cause) {
		return engine.Next{}, cause
	}
	lasts := a.troubles.note(runID, cause.Error(), time.Now())
	a.logTrouble(ctx, runID, lasts, cause)
	if lasts < a.Patience || a.Patience == 0 {
		return engine.Next{}, cause
	}
	next, err := a.park(ctx, runID, run.Failure{Name: "StuckError",
		Message: fmt.Sprintf("The run could not be carried on, again and again for %s: %s", lasts.Round(time.Second), cause),
		Next:    "Mend the cause, which the message and the workers' logs name, and retry: the run goes on from where it stands. Or roll it back."})
	if err != nil {
		return engine.Next{}, errors.Join(cause, err)
	}
	return next, nil
}

func (a *Activities) logTrouble(ctx context.Context, runID string, lasts time.Duration, cause error) {
	attributes := []any{"run", runID, "for", lasts.Round(time.Second), "error", cause}
	if panicked, is := errors.AsType[*fault.PanicError](cause); is {
		attributes = append(attributes, "stack", string(panicked.Stack))
	}
	a.Log.ErrorContext(ctx, "a run cannot be carried on; this is tried again", attributes...)
}

// isTrouble says whether an activity failed for a reason that lies in its run: not because it was stopped or overtaken, nor because an
// action failed, nor because nobody can be reached.
func isTrouble(ctx context.Context, cause error) bool {
	_, told := errors.AsType[*temporal.ApplicationError](cause)
	return !told && ctx.Err() == nil && overtakenBy(cause) == nil && !db.Unreachable(cause)
}

// park puts the run to rest without reading what it holds.
func (a *Activities) park(ctx context.Context, runID string, failure run.Failure) (engine.Next, error) {
	id, err := uuid.Parse(runID)
	if err != nil {
		return engine.Next{}, fmt.Errorf("run id %q: %w", runID, err)
	}
	writing, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	seen, err := a.Runs.See(writing, id)
	if fault.KindOf(err) == fault.NotFound {
		return engine.Next{Move: engine.MoveEnd, Settings: a.Settings}, nil // nothing is left to be driven
	}
	if err != nil {
		return engine.Next{}, err
	}
	if seen.Moving {
		parked, err := a.Runs.Park(writing, seen, failure)
		if err != nil {
			return engine.Next{}, err
		}
		if !parked {
			return engine.Next{}, fmt.Errorf("run %s moved while it was to be parked", runID)
		}
	}
	return engine.Next{Move: engine.MovePark, Generation: seen.Generation, Settings: a.Settings}, nil
}

// maxTroubles bounds what is remembered of runs in trouble: their number in one process hardly comes near.
const maxTroubles = 10_000

// troubles remembers since when runs cannot be carried on, and why. The zero value is ready.
type troubles struct {
	mu    sync.Mutex
	known map[string]trouble
}

type trouble struct {
	reason string
	since  time.Time
}

// note answers for how long a run has been in this trouble.
func (t *troubles) note(runID, reason string, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known, is := t.known[runID]; is && known.reason == reason {
		return now.Sub(known.since)
	}
	if t.known == nil || len(t.known) >= maxTroubles {
		t.known = map[string]trouble{}
	}
	t.known[runID] = trouble{reason: reason, since: now}
	return 0
}

func (t *troubles) over(runID string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.known, runID)
}
