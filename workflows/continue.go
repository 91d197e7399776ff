package workflows

import (
	"go.temporal.io/sdk/workflow"
)

// maxEvents is how long a history may grow where Temporal suggests nothing: it ends a workflow at 51,200
// events.
const maxEvents = 10_000

// isHistoryLong says that the history has come close to Temporal's limits.
func isHistoryLong(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return info.GetContinueAsNewSuggested() || info.GetCurrentHistoryLength() > maxEvents
}

// continueAsNew continues in a new execution of the same workflow with an empty history. Pending signals are
// dropped: what is behind them must be on a record, which the new execution reads. Search attributes, memo
// and priority are kept.
func continueAsNew(ctx workflow.Context, input any, signals ...string) error {
	for _, signal := range signals {
		channel := workflow.GetSignalChannel(ctx, signal)
		for channel.ReceiveAsync(nil) {
		}
	}
	return workflow.NewContinueAsNewError(ctx, workflow.GetInfo(ctx).WorkflowType.Name, input)
}
