package crash

import (
	"context"
	"sync"
	"time"
)

const (
	// countAfter is how long an activity runs before it is counted. If the worker dies before, Temporal gives
	// the activity out again, and counts that.
	countAfter = time.Second
	// suspectPeriod is how long one suspect is counted while others wait.
	suspectPeriod = 3 * time.Second
	// suspectWait bounds how long a suspect waits to be counted alone before it begins.
	suspectWait = time.Minute
	// storeTimeout bounds one write to a store.
	storeTimeout = 30 * time.Second
)

// Store keeps the count of one activity, or of activities that follow each other, between their executions.
type Store interface {
	// SetLost records how many workers in a row have died by the next execution, if this worker dies now.
	SetLost(ctx context.Context, workers int) error
}

// Execution is an execution of an activity as it begins.
type Execution struct {
	Store Store
	// Lost is how many workers in a row died before. The caller does not execute what has lost MaxLost.
	Lost int
	// Stored is what the store has: how many have died by the next execution if nothing is written.
	Stored int
	// AtOnce counts the execution from its beginning on, and not only when it takes long.
	AtOnce bool
}

// Guard counts an execution while it lasts, so that the next worker knows if this one died.
type Guard struct {
	budget  *Budget
	store   Store
	suspect bool
	// done is closed when the execution is over, and ends shareSuspicion.
	done   chan struct{}
	rounds sync.WaitGroup
	timer  *time.Timer

	mu sync.Mutex
	// before is how many workers in a row died before what is executed now; stored is what the store has.
	before, stored int
	over           bool
}

// Guard begins to guard an execution. A short one is not counted, unless it is a suspect: a suspect may wait
// for its turn here, for suspectWait at most. The caller calls Release at the end.
func (b *Budget) Guard(ctx context.Context, execution Execution) (*Guard, error) {
	g := &Guard{budget: b, store: execution.Store, suspect: execution.Lost > 0, done: make(chan struct{}),
		before: execution.Lost, stored: execution.Stored}
	switch {
	case g.suspect:
		b.log.WarnContext(ctx, "executed again after a worker died", "lost", g.before, "limit", MaxLost)
		return g, g.countSuspect(ctx)
	case execution.AtOnce:
		return g, g.count(ctx)
	}
	g.timer = time.AfterFunc(countAfter, func() { g.recount(ctx, 1) })
	return g, nil
}

// IsSuspect says that a worker died during the same activity before.
func (g *Guard) IsSuspect() bool { return g.suspect }

// countSuspect waits for the suspect's turn and counts it. Later turns come while the activity runs.
func (g *Guard) countSuspect(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, suspectWait)
	defer cancel()
	if !g.budget.suspects.lock(waiting.Done()) {
		return g.count(ctx) // it has waited long enough, and is counted beside another
	}
	if err := g.count(ctx); err != nil {
		g.budget.suspects.unlock()
		return err
	}
	g.rounds.Go(func() { g.shareSuspicion(ctx) })
	return nil
}

// shareSuspicion lets other suspects be counted in turns while they wait.
func (g *Guard) shareSuspicion(ctx context.Context) {
	ticker := time.NewTicker(suspectPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-g.done:
			g.budget.suspects.unlock()
			return
		case <-ticker.C:
		}
		if !g.budget.suspects.isContended() {
			continue
		}
		g.recount(ctx, 0)
		g.budget.suspects.unlock()
		if !g.budget.suspects.lock(g.done) {
			return
		}
		g.recount(ctx, 1)
	}
}

// count counts this worker, before the activity begins.
func (g *Guard) count(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.write(ctx, g.before+1)
}

// recount counts this worker, own 1, or does not, own 0, while the activity runs.
func (g *Guard) recount(ctx context.Context, own int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return
	}
	if err := g.write(context.WithoutCancel(ctx), g.before+own); err != nil {
		g.budget.log.WarnContext(ctx, "an activity could not be counted while it runs", "error", err)
	}
}

func (g *Guard) write(ctx context.Context, lost int) error {
	if lost == g.stored {
		return nil
	}
	writing, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := g.store.SetLost(writing, lost); err != nil {
		return err
	}
	g.stored = lost
	return nil
}

// Advanced says that what was executed so far is done and on the record, and that something else follows,
// which did not kill a worker before. It answers the count to write with that. After the last advance nothing
// is counted.
func (g *Guard) Advanced(last bool) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.before, g.stored = 0, min(g.stored, 1)
	if last {
		g.stored, g.over = 0, true
	}
	return g.stored
}

// Release ends the guard: whatever the result, the worker lives. An execution that was cancelled, or stopped
// with its worker, keeps the count of those before it.
func (g *Guard) Release(ctx context.Context) {
	g.stop()
	lost := 0
	if ctx.Err() != nil {
		lost = g.before
	}
	if err := g.write(context.WithoutCancel(ctx), lost); err != nil {
		g.budget.log.WarnContext(ctx, "the end of an activity could not be counted", "error", err)
	}
}

// stop ends the guard and leaves the count as it is. Nobody else uses the guard after that.
func (g *Guard) stop() {
	if g.timer != nil {
		g.timer.Stop()
	}
	close(g.done)
	g.rounds.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over = true
}
