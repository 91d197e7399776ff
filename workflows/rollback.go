package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/portico-dev/portico/scaffolder/engine"
)

// undoAttempts bounds the automatic attempts to undo one effect; after that a person sees what is left, and may roll
// back again.
const undoAttempts = 6

// rollBack undoes what the run created, the last thing first. It cannot be cancelled: half a rollback helps nobody. An
// effect that cannot be undone does not stop the others.
func (r *templateRun) rollBack(ctx workflow.Context, plan engine.Plan) error {
	end := engine.RollbackEnd{RunID: r.command.RunID, Generation: plan.Generation}
	steady, _ := workflow.NewDisconnectedContext(ctx)
	for _, effect := range plan.Effects {
		undo := engine.Undo{RunID: r.command.RunID, Generation: plan.Generation, EffectID: effect.ID}
		options := workflow.ActivityOptions{
			StartToCloseTimeout: plan.Settings.StepTimeout, HeartbeatTimeout: plan.Settings.HeartbeatTimeout, Summary: brief(effect.Summary),
			RetryPolicy: retries(plan.Settings, undoAttempts),
		}
		err := workflow.ExecuteActivity(workflow.WithActivityOptions(steady, options), engine.ActivityUndoEffect, undo).Get(steady, nil)
		if err != nil {
			failure := describeFailure(err)
			end.Remaining++
			end.Failure = &failure
		}
	}
	if err := r.recordActivity(engine.ActivityEndRollback, end, nil); err != nil {
		return err
	}
	r.over = end.Remaining == 0
	return nil
}
