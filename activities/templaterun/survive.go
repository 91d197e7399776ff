package templaterun

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
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
	// trialPeriod is how long a suspect is blamed alone while others wait for their turn.
	trialPeriod = 3 * time.Second
	// trialWait bounds how long something waits for its first turn before it is begun.
	trialWait = time.Minute
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
//
// A process that dies takes all that is under way in it along. So of those that follow an attempt nobody came back from, the suspects,
// only one at a time is counted in a process; they take turns, and begin with theirs. Who kills its worker at once is found by that, and
// what merely ran beside it is not blamed for all of its deaths.
type attempt struct {
	*Activities
	account *account
	// suspect says that somebody did not come back from what this attempt takes up.
	suspect bool
	// done is closed when the attempt is over, and ends who takes turns for it.
	done    chan struct{}
	waiting sync.WaitGroup
	timer   *time.Timer

	mu sync.Mutex
	// before is how many in a row did not come back before this attempt, recorded the count that it left on the record.
	before, recorded int
	over             bool
}

// unanswered is how many attempts in a row did not come back before this one; again says that Temporal knows of one at least.
func (a *account) unanswered(again bool) int {
	if again {
		return max(a.Unreturned, 1)
	}
	return a.Unreturned
}

// takeUp begins an attempt, before which so many in a row did not come back. It is counted once it has lasted a while, at once when it is
// a suspect or when atOnce says so.
func (a *Activities) takeUp(ctx context.Context, opened *account, before int, atOnce bool) (*attempt, error) {
	t := &attempt{Activities: a, account: opened, done: make(chan struct{}), before: before, recorded: opened.Unreturned,
		suspect: before > 0}
	switch {
	case before > 0:
		a.Log.WarnContext(ctx, "taken up again after a worker did not come back", "lost", before, "limit", maxLost)
		return t, t.standTrial(ctx)
	case atOnce:
		return t, t.count(ctx, 1)
	}
	t.timer = time.AfterFunc(countedAfter, func() { t.recount(ctx, 1) })
	return t, nil
}

// standTrial waits for the suspect's turn and counts it; the turns that follow are taken while it is under way.
func (t *attempt) standTrial(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, trialWait)
	defer cancel()
	if !t.suspects.enter(waiting.Done()) {
		return t.count(ctx, t.before+1) // it has waited long enough, and is blamed beside another
	}
	if err := t.count(ctx, t.before+1); err != nil {
		t.suspects.leave()
		return err
	}
	t.waiting.Go(func() { t.takeTurns(ctx) })
	return nil
}

// takeTurns hands the blame on while others wait for it.
func (t *attempt) takeTurns(ctx context.Context) {
	ticker := time.NewTicker(trialPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-t.done:
			t.suspects.leave()
			return
		case <-ticker.C:
		}
		if !t.suspects.isWanted() {
			continue
		}
		t.recount(ctx, 0)
		t.suspects.leave()
		if !t.suspects.enter(t.done) {
			return
		}
		t.recount(ctx, 1)
	}
}

// count puts on the record how many did not come back, this attempt included while it is blamed.
func (t *attempt) count(ctx context.Context, unreturned int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.write(ctx, unreturned)
}

// recount counts this attempt, own 1, or leaves it out, own 0, while it is under way.
func (t *attempt) recount(ctx context.Context, own int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return
	}
	if err := t.write(context.WithoutCancel(ctx), t.before+own); err != nil && overtakenBy(err) == nil {
		t.Log.WarnContext(ctx, "it is not on the record that something of the run is under way", "error", err)
	}
}

func (t *attempt) write(ctx context.Context, unreturned int) error {
	writing, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	if err := t.Runs.Record(writing, t.account.claim, run.Entry{Unreturned: &unreturned}); err != nil {
		return err
	}
	t.recorded = unreturned
	return nil
}

// progressed says that the run got on while this attempt lasts, and answers what is to be counted with that: what comes now is nothing
// that anybody died of before. After the end of the run nothing comes.
func (t *attempt) progressed(ended bool) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.before, t.recorded = 0, min(t.recorded, 1)
	if ended {
		t.recorded, t.over = 0, true
	}
	return t.recorded
}

// comeBack ends the attempt: whatever came of it, its worker lives. One that was stopped with its worker, or cancelled, says nothing
// about those before it.
func (t *attempt) comeBack(ctx context.Context) {
	if t.timer != nil {
		t.timer.Stop()
	}
	close(t.done)
	t.waiting.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	unreturned := 0
	if ctx.Err() != nil {
		unreturned = t.before
	}
	if t.recorded == unreturned {
		return
	}
	if err := t.write(context.WithoutCancel(ctx), unreturned); err != nil && overtakenBy(err) == nil {
		t.Log.WarnContext(ctx, "it is not on the record that a worker came back", "error", err)
	}
}

// dock is where the suspects of a process stand, one at a time, in the order in which they came.
type dock struct {
	place  chan struct{}
	queued atomic.Int32
}

func newDock() *dock { return &dock{place: make(chan struct{}, 1)} }

// enter takes the place, unless the caller is told to give up before.
func (d *dock) enter(giveUp <-chan struct{}) bool {
	d.queued.Add(1)
	defer d.queued.Add(-1)
	select {
	case d.place <- struct{}{}:
		return true
	case <-giveUp:
		return false
	}
}

func (d *dock) leave() { <-d.place }

// isWanted says whether anybody waits for the place.
func (d *dock) isWanted() bool { return d.queued.Load() > 0 }

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
	a.logTrouble(ctx, lasts, cause)
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

func (a *Activities) logTrouble(ctx context.Context, lasts time.Duration, cause error) {
	attributes := []any{"for", lasts.Round(time.Second), "error", cause}
	if panicked, is := errors.AsType[*fault.PanicError](cause); is {
		attributes = append(attributes, "stack", string(panicked.Stack))
	}
	a.Log.ErrorContext(ctx, "a run cannot be carried on; this is tried again", attributes...)
}

// isTrouble says whether an activity failed for a reason that lies in its run: not because it was stopped or overtaken, nor because an
// action failed, nor because nobody can be reached.
func isTrouble(ctx context.Context, cause error) bool {
	_, told := errors.AsType[*temporal.ApplicationError](cause)
	return !told && ctx.Err() == nil && overtakenBy(cause) == nil && !isBusy(cause) && !db.Unreachable(cause)
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
