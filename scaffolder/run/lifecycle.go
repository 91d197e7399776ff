package run

import (
	"cmp"
	"slices"
)

// Lifecycle is the state of a run in its life: Backstage's status and Portico's phase.
type Lifecycle struct {
	Status Status
	Phase  Phase
}

// String is the form that SQL compares: status/phase.
func (s Lifecycle) String() string { return string(s.Status) + "/" + string(s.Phase) }

// The states of a run. The database accepts no other pair: see the constraint runs_standing.
var (
	created     = Lifecycle{StatusOpen, PhaseRunning}
	running     = Lifecycle{StatusProcessing, PhaseRunning}
	waiting     = Lifecycle{StatusProcessing, PhaseWaiting}
	rollingBack = Lifecycle{StatusProcessing, PhaseRollingBack}
	done        = Lifecycle{StatusCompleted, PhaseDone}
	parked      = Lifecycle{StatusFailed, PhaseParked}
	cancelled   = Lifecycle{StatusFailed, PhaseCancelled}
	rolledBack  = Lifecycle{StatusFailed, PhaseRolledBack}
)

// transitions are the permitted changes of state within one generation. An advance is recorded as one write,
// so a short run goes from created to its end in one transition. A write that would make any other change is
// refused.
var transitions = map[Lifecycle][]Lifecycle{
	created:     {created, running, waiting, rollingBack, done, parked, cancelled},
	running:     {running, waiting, rollingBack, done, parked, cancelled},
	waiting:     {waiting, running, rollingBack, done, parked, cancelled},
	rollingBack: {rollingBack, rolledBack, parked},
	// A run that has ended is only reopened, by a person, which begins a new generation.
	done: {}, parked: {}, cancelled: {}, rolledBack: {},
}

// reopenings are the states in which a run that has ended can be reopened.
var reopenings = map[Lifecycle][]Lifecycle{
	done:      {running, rollingBack},
	parked:    {running, rollingBack},
	cancelled: {running, rollingBack},
	// Effects that became known after the rollback can be rolled back as well.
	rolledBack: {running, rollingBack},
}

// Lifecycles are all states.
func Lifecycles() []Lifecycle {
	return []Lifecycle{created, running, waiting, rollingBack, done, parked, cancelled, rolledBack}
}

// CanTransition says whether a run may change from one state to another within a generation.
func CanTransition(from, to Lifecycle) bool { return slices.Contains(transitions[from], to) }

// CanReopen says whether a run in one state may be reopened in another.
func CanReopen(from, to Lifecycle) bool { return slices.Contains(reopenings[from], to) }

// origins are the states, in the form that SQL compares, from which a change to another is permitted. A part
// of to that is "" keeps the run's own.
func origins(to Lifecycle, permitted func(from, to Lifecycle) bool) []string {
	var from []string
	for _, lifecycle := range Lifecycles() {
		if permitted(lifecycle, Lifecycle{cmp.Or(to.Status, lifecycle.Status), cmp.Or(to.Phase, lifecycle.Phase)}) {
			from = append(from, lifecycle.String())
		}
	}
	return from
}
