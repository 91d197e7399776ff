package run

import (
	"cmp"
	"slices"
)

// Standing is where a run stands: its status in Backstage's words and its phase in ours.
type Standing struct {
	Status Status
	Phase  Phase
}

// String is the standing as SQL compares it: status/phase.
func (s Standing) String() string { return string(s.Status) + "/" + string(s.Phase) }

// Where a run can stand. The database holds no other pair: see the constraint runs_standing.
var (
	created     = Standing{StatusOpen, PhaseRunning}
	running     = Standing{StatusProcessing, PhaseRunning}
	waiting     = Standing{StatusProcessing, PhaseWaiting}
	rollingBack = Standing{StatusProcessing, PhaseRollingBack}
	done        = Standing{StatusCompleted, PhaseDone}
	parked      = Standing{StatusFailed, PhaseParked}
	cancelled   = Standing{StatusFailed, PhaseCancelled}
	rolledBack  = Standing{StatusFailed, PhaseRolledBack}
)

// moves are the standings that a run comes to from each, within one generation. A turn writes all that it did at once, so
// a short run comes from created to its end in one move. What is not in the table changes nothing.
var moves = map[Standing][]Standing{
	created:     {created, running, waiting, rollingBack, done, parked, cancelled},
	running:     {running, waiting, rollingBack, done, parked, cancelled},
	waiting:     {waiting, running, rollingBack, done, parked, cancelled},
	rollingBack: {rollingBack, rolledBack, parked},
	// These rest: only a decision moves them, and it begins a new generation.
	done: {}, parked: {}, cancelled: {}, rolledBack: {},
}

// decisions are the standings in which a resting run is taken up again.
var decisions = map[Standing][]Standing{
	done:      {running, rollingBack},
	parked:    {running, rollingBack},
	cancelled: {running, rollingBack},
	// What came to light after the rollback can be rolled back as well.
	rolledBack: {running, rollingBack},
}

// Standings are all standings.
func Standings() []Standing {
	return []Standing{created, running, waiting, rollingBack, done, parked, cancelled, rolledBack}
}

// MayMove says whether a run comes from one standing to another while it is driven.
func MayMove(from, to Standing) bool { return slices.Contains(moves[from], to) }

// MayDecide says whether a decision takes a run from one standing to another.
func MayDecide(from, to Standing) bool { return slices.Contains(decisions[from], to) }

// origins are the standings from which a move is permitted, as SQL compares them. A part of the move that is "" leaves
// what is there.
func origins(to Standing, permitted func(from, to Standing) bool) []string {
	var from []string
	for _, standing := range Standings() {
		if permitted(standing, Standing{cmp.Or(to.Status, standing.Status), cmp.Or(to.Phase, standing.Phase)}) {
			from = append(from, standing.String())
		}
	}
	return from
}
