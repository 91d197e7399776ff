package scaffolder

import (
	"fmt"

	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/run"
)

// Operation is something that a person can do with a run in its present state.
type Operation struct {
	// Name is retry, rollback or cancel.
	Name string `json:"move"`
	// Summary says what it will do.
	Summary string `json:"summary"`
	// Denied says that the person may not do it, "" if they may.
	Denied string `json:"denied,omitempty"`
}

const (
	retrying    = "retry"
	rollingBack = "rollback"
	cancelling  = "cancel"
)

// operationPermissions has the permission that each operation needs.
var operationPermissions = map[string]policy.Permission{
	retrying:    policy.ScaffolderTaskRetry,
	rollingBack: policy.ScaffolderTaskRollback,
	cancelling:  policy.ScaffolderTaskCancel,
}

// Operations are what a person can do with the run, the most sensible first.
func (d Details) Operations() []Operation {
	operations := d.possible()
	for i := range operations {
		if refusal := d.Refusals[operations[i].Name]; refusal != nil {
			operations[i].Denied = refusal.Error()
		}
	}
	return operations
}

// possible are the operations that the state of the run permits.
func (d Details) possible() []Operation {
	if !d.Status.Ended() {
		if d.Phase == run.PhaseRollingBack {
			return []Operation{}
		}
		return []Operation{{Name: cancelling, Summary: "Stops at the next safe point. What was made stays, and can be rolled back then."}}
	}
	operations := []Operation{}
	switch d.Phase {
	case run.PhaseRolledBack:
		operations = append(operations, Operation{Name: retrying, Summary: "Runs again from the first step."})
	case run.PhaseParked, run.PhaseCancelled:
		if d.canGoOn() {
			operations = append(operations, Operation{Name: retrying, Summary: fmt.Sprintf("Goes on at step %q. Nothing before it runs again.", d.resumeName())})
		}
	case run.PhaseRunning, run.PhaseWaiting, run.PhaseRollingBack, run.PhaseDone:
	}
	if left := countLeft(d.Effects); left > 0 {
		operations = append(operations, Operation{Name: rollingBack, Summary: fmt.Sprintf("Removes %s that this run created, the last first.", things(left))})
	}
	return operations
}

// canGoOn says whether the files are still there that the steps before the one to go on at had left.
func (d Details) canGoOn() bool {
	for _, step := range d.Steps {
		if step.Status != run.StatusCompleted && step.Status != run.StatusSkipped {
			return true
		}
		if step.WorkspaceExpired {
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

// countLeft counts the effects that still exist, or may exist.
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
