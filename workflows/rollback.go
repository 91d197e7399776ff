package workflows

import (
	"errors"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/portico-dev/portico/scaffolder/engine"
)

// undoAttempts bounds the automatic attempts to undo one effect; after that a person sees what is left, and
// may roll back again.
const undoAttempts = 6

// rollBack undoes a part of what the run created, the last thing first. It cannot be cancelled: half a
// rollback helps nobody. An effect that cannot be undone does not stop the others.
func (r *templateRunner) rollBack(next engine.Next, before *engine.RollbackProgress) *engine.RollbackProgress {
	now := engine.RollbackProgress{}
	if before != nil {
		now = *before
	}
	for _, effect := range next.Effects {
		undo := engine.UndoRequest{RunID: r.command.RunID, Generation: next.Generation, EffectID: effect.ID}
		options := workflow.ActivityOptions{
			StartToCloseTimeout: next.Settings.StepTimeout, HeartbeatTimeout: next.Settings.HeartbeatTimeout, Summary: truncateSummary(effect.Summary),
			RetryPolicy: retries(next.Settings, undoAttempts),
		}
		err := workflow.ExecuteActivity(workflow.WithActivityOptions(r.disconnected, options), engine.ActivityUndoEffect, undo).Get(r.disconnected, nil)
		now.Last = effect.ID
		if err != nil {
			failure := describe(err)
			now.Remaining++
			now.Failure = &failure
		}
	}
	return &now
}

// endRollback says on the record how the rollback ended. It is over when nothing is left. A run that was
// parked because its end could not be recorded is not over.
func (r *templateRunner) endRollback(generation int, came *engine.RollbackProgress) (over bool, err error) {
	end := engine.RollbackResult{RunID: r.command.RunID, Generation: generation, Remaining: came.Remaining, Failure: came.Failure}
	err = record(r.disconnected, recordTimeout, engine.ActivityEndRollback, end, nil)
	if application, is := errors.AsType[*temporal.ApplicationError](err); is && application.Type() == engine.ErrorStuck {
		came.Failure = new(describe(err))
		return false, nil
	}
	return end.Remaining == 0, err
}
