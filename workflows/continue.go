package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/portico-dev/portico/scaffolder/engine"
)

// maxEvents is how long a history may grow where Temporal suggests nothing: it ends a workflow at 51,200 events.
const maxEvents = 10_000

// isLong says that the history has come close to Temporal's limits, and that nothing is under way that only this execution knows of.
func (r *templateRun) isLong(ctx workflow.Context, turn engine.Turn) bool {
	info := workflow.GetInfo(ctx)
	long := info.GetContinueAsNewSuggested() || info.GetCurrentHistoryLength() > maxEvents
	return long && turn.Failed == nil && !r.cancelled
}

// continueAsNew goes on in an execution with a history of its own. A signal that comes this very moment needs no carrying over: what it
// tells of, a cancellation or a decision, was put on the record before it was sent, and the next turn reads it there.
func (r *templateRun) continueAsNew(ctx workflow.Context, turn engine.Turn) error {
	for _, signal := range []string{engine.SignalCancel, engine.SignalContinue} {
		channel := workflow.GetSignalChannel(ctx, signal)
		for channel.ReceiveAsync(nil) {
		}
	}
	command := r.command
	command.Generation, command.Undoing = turn.Generation, turn.Undoing
	return workflow.NewContinueAsNewError(ctx, engine.WorkflowTemplateRun, command)
}
