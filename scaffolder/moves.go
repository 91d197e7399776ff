package scaffolder

import (
	"fmt"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/run"
)

// Move is something a person can do with a run as it stands.
type Move struct {
	// Move is retry, rollback or cancel.
	Move string `json:"move"`
	// Summary says what it will do.
	Summary string `json:"summary"`
}

// Moves are what can be done with the run, the most sensible one first.
func (d Details) Moves() []Move {
	if !d.Status.Ended() {
		if d.Phase == run.PhaseRollingBack {
			return []Move{}
		}
		return []Move{{"cancel", "Stops at the next safe point. What was made stays, and can be rolled back then."}}
	}
	moves := []Move{}
	switch d.Phase {
	case run.PhaseRolledBack:
		moves = append(moves, Move{"retry", "Runs again from the first step."})
	case run.PhaseParked, run.PhaseCancelled:
		if d.canGoOn() {
			moves = append(moves, Move{"retry", fmt.Sprintf("Goes on at step %q. Nothing before it runs again.", d.resumeName())})
		}
	case run.PhaseRunning, run.PhaseWaiting, run.PhaseRollingBack, run.PhaseDone:
	}
	if left := countLeft(d.Effects); left > 0 {
		moves = append(moves, Move{"rollback", fmt.Sprintf("Removes %s that this run created, the last first.", things(left))})
	}
	return moves
}

// canGoOn says whether the files are still there that the steps before the one to go on at had left.
func (d Details) canGoOn() bool {
	for _, step := range d.Steps {
		if step.Status != run.StatusCompleted && step.Status != run.StatusSkipped {
			return true
		}
		if step.WorkspaceSpent {
			return false
		}
	}
	return true
}

func (d Details) resumeName() string {
	for _, step := range d.Steps {
		if step.Status != run.StatusCompleted && step.Status != run.StatusSkipped {
			return step.Name
		}
	}
	return "the output"
}

// countLeft counts the effects that are still in the world, or may be.
func countLeft(effects []action.Effect) int {
	left := 0
	for _, effect := range effects {
		if effect.State == action.EffectCreated || effect.State == action.EffectIntended {
			left++
		}
	}
	return left
}

func things(n int) string {
	if n == 1 {
		return "1 thing"
	}
	return fmt.Sprintf("%d things", n)
}
