// Package crash is the crash budget of activities: an activity during which several workers in a row died
// fails with that reason. Temporal alone would give it to one worker after the other for ever.
//
// An activity with a record counts the workers there: see Store and Budget.Guard. Any other activity is
// wrapped by Guarded, and counts by what Temporal keeps of it.
package crash

import (
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/portico-dev/portico/fault"
)

// MaxLost is how many workers in a row may die during one activity before it fails.
const MaxLost = 3

// Lost is the failure of what killed MaxLost workers in a row. what names it in the middle of a sentence,
// such as "this step".
func Lost(what string) fault.Failure {
	return fault.Failure{Name: "WorkerLostError",
		Message: fmt.Sprintf("%d workers in a row were lost over %s: each died, was killed or lost its connections before it was done", MaxLost, what),
		Advice:  "Look at the workers' logs, and whether the machine killed them for their memory."}
}

// Budget is what the activities of one process share. When the process dies, all of them die, and any of them
// may be the cause. The next executions of these activities are suspects. In each process only one suspect at
// a time is counted, and they take turns. So the one that kills its worker reaches MaxLost, and those that
// only ran beside it do not. A budget is safe for concurrent use.
type Budget struct {
	log          *slog.Logger
	suspects     suspectLock
	redeliveries redeliveries
}

// NewBudget makes the budget of a process. Activities that are executed again after a worker died are logged.
func NewBudget(log *slog.Logger) *Budget {
	return &Budget{log: log, suspects: suspectLock{held: make(chan struct{}, 1)}}
}

// suspectLock is held by one suspect of a process at a time, in the order in which they came.
type suspectLock struct {
	held    chan struct{}
	waiting atomic.Int32
}

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
