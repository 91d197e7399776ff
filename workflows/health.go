package workflows

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflow/v1"

	"github.com/portico-dev/portico/scaffolder/engine"
)

// stuckAttempts is how often a workflow task has failed or timed out when it is no accident any more.
const stuckAttempts = 5

// Health implements engine.Engine.
func (c *Client) Health(ctx context.Context, runID string) (engine.Health, error) {
	ctx, done := context.WithTimeout(ctx, callTimeout)
	defer done()
	described, err := c.Temporal.DescribeWorkflowExecution(ctx, runID, "")
	if _, unknown := errors.AsType[*serviceerror.NotFound](err); unknown {
		return engine.Health{Gone: "Temporal knows no workflow of this run: its store was restored from a backup, or the workflow was deleted there"}, nil
	}
	if err != nil {
		return engine.Health{}, fmt.Errorf("describe the workflow of run %s: %w", runID, asRefusal(err))
	}
	if info := described.GetWorkflowExecutionInfo(); info.GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return engine.Health{Gone: c.closeReason(ctx, info)}, nil
	}
	task := described.GetPendingWorkflowTask()
	if task.GetAttempt() < stuckAttempts {
		return engine.Health{}, nil
	}
	return engine.Health{Stuck: c.taskFailureReason(ctx, runID, task.GetAttempt()), StuckSince: task.GetOriginalScheduledTime().AsTime()}, nil
}

// Terminate implements engine.Engine.
func (c *Client) Terminate(ctx context.Context, runID, reason string) error {
	ctx, done := context.WithTimeout(ctx, callTimeout)
	defer done()
	err := c.Temporal.TerminateWorkflow(ctx, runID, "", reason)
	if _, gone := errors.AsType[*serviceerror.NotFound](err); err != nil && !gone {
		return fmt.Errorf("terminate the workflow of run %s: %w", runID, asRefusal(err))
	}
	return nil
}

// closeReason says how a workflow ended that should drive its run.
func (c *Client) closeReason(ctx context.Context, info *workflow.WorkflowExecutionInfo) string {
	how := "its workflow ended in Temporal as " + strings.ToLower(info.GetStatus().String())
	events := c.Temporal.GetWorkflowHistory(ctx, info.GetExecution().GetWorkflowId(), info.GetExecution().GetRunId(), false,
		enums.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT)
	if !events.HasNext() {
		return how
	}
	last, err := events.Next()
	if err != nil {
		return how // why is more than is needed
	}
	if terminated := last.GetWorkflowExecutionTerminatedEventAttributes(); terminated.GetReason() != "" {
		how += fmt.Sprintf(" (%s, by %s)", terminated.GetReason(), terminated.GetIdentity())
	}
	if failed := last.GetWorkflowExecutionFailedEventAttributes(); failed != nil {
		how += " (" + failed.GetFailure().GetMessage() + ")"
	}
	return how
}

// taskFailureReason says why a workflow's task fails again and again.
func (c *Client) taskFailureReason(ctx context.Context, runID string, attempts int32) string {
	what := fmt.Sprintf("its workflow does not get on: Temporal gave its task to workers %d times, and none brought it to an end", attempts)
	events := c.Temporal.GetWorkflowHistory(ctx, runID, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	reason := ""
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return what // why is more than is needed
		}
		reason = cmp.Or(taskFailure(event), reason)
	}
	if reason != "" {
		what += " (" + reason + ")"
	}
	return what
}

// taskFailure is why a workflow task failed, "" when this is not the event of such a failure.
func taskFailure(event *history.HistoryEvent) string {
	if failed := event.GetWorkflowTaskFailedEventAttributes(); failed != nil {
		return failed.GetFailure().GetMessage()
	}
	if event.GetEventType() == enums.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT {
		return "the worker did not answer in time, or died"
	}
	return ""
}
