package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/portico-dev/portico/scaffolder/engine"
)

// undoAttempts bounds the automatic attempts to undo one effect; after that a person sees what is left, and may roll
// back again.
const undoAttempts = 6

// rollBack undoes what the run created, the last thing first. It cannot be cancelled: half a rollback helps nobody. An
// effect that cannot be undone does not stop the others. It is over when nothing is left.
func (r *templateRun) rollBack(next engine.Next) (over bool, err error) {
	end := engine.RollbackEnd{RunID: r.command.RunID, Generation: next.Generation}
	for _, effect := range next.Effects {
		undo := engine.Undo{RunID: r.command.RunID, Generation: next.Generation, EffectID: effect.ID}
		options := workflow.ActivityOptions{
			StartToCloseTimeout: next.Settings.StepTimeout, HeartbeatTimeout: next.Settings.HeartbeatTimeout, Summary: brief(effect.Summary),
			RetryPolicy: retries(next.Settings, undoAttempts),
		}
		err := workflow.ExecuteActivity(workflow.WithActivityOptions(r.steady, options), engine.ActivityUndoEffect, undo).Get(r.steady, nil)
		if err != nil {
			failure := describe(err)
			end.Remaining++
			end.Failure = &failure
		}
	}
	return end.Remaining == 0, r.record(r.steady, recordTimeout, engine.ActivityEndRollback, end, nil)
}
