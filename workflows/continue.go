package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/portico-dev/portico/scaffolder/engine"
)

// maxEvents is how long a history may grow where Temporal suggests nothing: it ends a workflow at 51,200 events.
const maxEvents = 10_000

// isLong says that the history has come close to Temporal's limits, and that nothing is under way that only this execution knows of.
func (r *templateRun) isLong(ctx workflow.Context, request engine.AdvanceRequest) bool {
	info := workflow.GetInfo(ctx)
	long := info.GetContinueAsNewSuggested() || info.GetCurrentHistoryLength() > maxEvents
	return long && request.Failed == nil && !r.cancelled
}

// continueAsNew continues in a new execution with an empty history. Pending signals are dropped: the cancellation or decision
// behind a signal was recorded before it was sent, and the next AdvanceRequest reads it from the record.
func (r *templateRun) continueAsNew(ctx workflow.Context, request engine.AdvanceRequest) error {
	for _, signal := range []string{engine.SignalCancel, engine.SignalContinue} {
		channel := workflow.GetSignalChannel(ctx, signal)
		for channel.ReceiveAsync(nil) {
		}
	}
	command := r.command
	command.Generation, command.Rollback = request.Generation, request.Rollback
	return workflow.NewContinueAsNewError(ctx, engine.WorkflowTemplateRun, command)
}
