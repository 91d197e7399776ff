package templaterun

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/run"
)

const (
	// maxLostWorkers is how many workers in a row may die over one step or undo before it fails.
	maxLostWorkers = 3
	// countAfter is how long an activity runs before the record counts it. If the worker dies before,
	// Temporal redelivers the workflow task, and Redeliveries knows.
	countAfter = time.Second
	// suspectPeriod is how long one suspect is counted while others wait.
	suspectPeriod = 3 * time.Second
	// suspectWait bounds how long a suspect waits to be counted alone before it begins.
	suspectWait = time.Minute
)

// workerLost is the failure of a step or an undo that killed several workers in a row.
func workerLost(what string) fault.Failure {
	return fault.Failure{Name: "WorkerLostError",
		Message: fmt.Sprintf("%d workers in a row were lost over %s: each died, was killed or lost its connections before it was done", maxLostWorkers, what),
		Advice: "Look at the workers' logs, and whether the machine killed them for their memory. Ask for less in this step, or give the workers more; " +
			"then retry: the run goes on from here."}
}

// crashGuard counts an activity on the run's record while it runs, so that the next worker knows if this one
// died. A short activity is not counted: Temporal reports the death of its worker.
//
// When a process dies, all activities in it die, and any of them may be the cause. The next executions of
// these activities are suspects. In each process only one suspect at a time is counted, and they take turns.
// So the one that kills its worker reaches the limit, and those that only ran beside it do not.
type crashGuard struct {
	*Activities
	state *runState
	// suspect says that a worker died while it executed the same thing before.
	suspect bool
	// done is closed when the activity is over, and ends shareSuspicion.
	done   chan struct{}
	rounds sync.WaitGroup
	timer  *time.Timer

	mu sync.Mutex
	// before is how many workers in a row died before this activity; recordedCount is the count that is on
	// the record.
	before, recordedCount int
	over                  bool
}

// lostWorkers is how many workers in a row died before this activity; again says that Temporal knows of at
// least one.
func (s *runState) lostWorkers(again bool) int {
	if again {
		return max(s.LostWorkers, 1)
	}
	return s.LostWorkers
}

// guardAgainstCrash begins to guard an activity, before which so many workers in a row died. It is counted
// after countAfter; at once when it is a suspect or when atOnce is set. The caller calls release at the end.
func (a *Activities) guardAgainstCrash(ctx context.Context, state *runState, before int, atOnce bool) (*crashGuard, error) {
	g := &crashGuard{Activities: a, state: state, done: make(chan struct{}), before: before, recordedCount: state.LostWorkers,
		suspect: before > 0}
	switch {
	case before > 0:
		a.Log.WarnContext(ctx, "executed again after a worker died", "lost", before, "limit", maxLostWorkers)
		return g, g.countSuspect(ctx)
	case atOnce:
		return g, g.count(ctx, 1)
	}
	g.timer = time.AfterFunc(countAfter, func() { g.recount(ctx, 1) })
	return g, nil
}

// countSuspect waits for the suspect's turn and counts it. Later turns come while the activity runs.
func (g *crashGuard) countSuspect(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, suspectWait)
	defer cancel()
	if !g.suspects.lock(waiting.Done()) {
		return g.count(ctx, g.before+1) // it has waited long enough, and is counted beside another
	}
	if err := g.count(ctx, g.before+1); err != nil {
		g.suspects.unlock()
		return err
	}
	g.rounds.Go(func() { g.shareSuspicion(ctx) })
	return nil
}

// shareSuspicion lets other suspects be counted in turns while they wait.
func (g *crashGuard) shareSuspicion(ctx context.Context) {
	ticker := time.NewTicker(suspectPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-g.done:
			g.suspects.unlock()
			return
		case <-ticker.C:
		}
		if !g.suspects.isContended() {
			continue
		}
		g.recount(ctx, 0)
		g.suspects.unlock()
		if !g.suspects.lock(g.done) {
			return
		}
		g.recount(ctx, 1)
	}
}

// count writes how many workers died, including this one while it is counted.
func (g *crashGuard) count(ctx context.Context, lost int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.write(ctx, lost)
}

// recount counts this activity, own 1, or does not, own 0, while it runs.
func (g *crashGuard) recount(ctx context.Context, own int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return
	}
	if err := g.write(context.WithoutCancel(ctx), g.before+own); err != nil && supersededBy(err) == nil {
		g.Log.WarnContext(ctx, "an activity could not be counted on the run's record", "error", err)
	}
}

func (g *crashGuard) write(ctx context.Context, lost int) error {
	writing, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	if err := g.Runs.Record(writing, g.state.claim, run.Entry{LostWorkers: &lost}); err != nil {
		return err
	}
	g.recordedCount = lost
	return nil
}

// progressed says that the run advanced during this activity, and answers the count to write with that. What
// follows did not kill a worker before. After the end of the run nothing is counted.
func (g *crashGuard) progressed(ended bool) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.before, g.recordedCount = 0, min(g.recordedCount, 1)
	if ended {
		g.recordedCount, g.over = 0, true
	}
	return g.recordedCount
}

// release ends the guard: whatever the result, the worker lives. An activity that was cancelled, or stopped
// with its worker, keeps the count of those before it.
func (g *crashGuard) release(ctx context.Context) {
	if g.timer != nil {
		g.timer.Stop()
	}
	close(g.done)
	g.rounds.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over = true
	lost := 0
	if ctx.Err() != nil {
		lost = g.before
	}
	if g.recordedCount == lost {
		return
	}
	if err := g.write(context.WithoutCancel(ctx), lost); err != nil && supersededBy(err) == nil {
		g.Log.WarnContext(ctx, "the end of an activity could not be counted on the run's record", "error", err)
	}
}

// suspectLock is held by one suspect of a process at a time, in the order in which they came.
type suspectLock struct {
	held    chan struct{}
	waiting atomic.Int32
}

func newSuspectLock() *suspectLock { return &suspectLock{held: make(chan struct{}, 1)} }

// lock takes the lock, and answers false when giveUp is closed before.
func (l *suspectLock) lock(giveUp <-chan struct{}) bool {
	l.waiting.Add(1)
	defer l.waiting.Add(-1)
	select {
	case l.held <- struct{}{}:
		return true
	case <-giveUp:
		return false
	}
}

func (l *suspectLock) unlock() { <-l.held }

// isContended says whether another suspect waits.
func (l *suspectLock) isContended() bool { return l.waiting.Load() > 0 }

// failLostStep fails the step that killed several workers in a row, or parks the run if its rollback or its
// end did.
func (d *driver) failLostStep(ctx context.Context) (engine.Next, error) {
	if err := d.recordStart(ctx); err != nil {
		return engine.Next{}, err
	}
	open := slices.IndexFunc(d.steps, func(step run.Step) bool { return !step.Status.Ended() })
	if d.Phase == run.PhaseRollingBack || open < 0 {
		return d.parkLostRun(ctx)
	}
	if err := d.rejectStep(ctx, open, workerLost("this step")); err != nil {
		return engine.Next{}, err
	}
	// It is written before the next step begins, which may kill the worker as well.
	if err := d.flush(ctx); err != nil {
		return engine.Next{}, err
	}
	return d.runSteps(ctx)
}

// parkLostRun parks a run whose rollback or output killed several workers in a row.
func (d *driver) parkLostRun(ctx context.Context) (engine.Next, error) {
	what := "the rendering of the output"
	if d.Phase == run.PhaseRollingBack {
		what = "the rollback"
	}
	failure := workerLost(what)
	err := d.record(ctx, run.Entry{Events: []run.NewEvent{d.runCompleted(run.StatusFailed, nil, &failure)},
		End: &run.Ending{Status: run.StatusFailed, Phase: run.PhaseParked, FailedStep: d.FailedStep, Failure: &failure}})
	if err != nil {
		return engine.Next{}, err
	}
	return d.nextAfterEnd(), d.flush(ctx)
}
