package crash

import (
	"context"
	"slices"
	"sync"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
)

// Intercept observes the answers that deliver workflow tasks. It is a gRPC interceptor for the connection of
// the client whose workers share the budget.
func (b *Budget) Intercept(ctx context.Context, method string, request, answer any, connection *grpc.ClientConn, invoke grpc.UnaryInvoker,
	options ...grpc.CallOption,
) error {
	err := invoke(ctx, method, request, answer, connection, options...)
	if task, is := answer.(*workflowservice.PollWorkflowTaskQueueResponse); is && err == nil && len(task.GetTaskToken()) > 0 {
		b.redeliveries.observe(task.GetWorkflowExecution().GetWorkflowId(), task.GetAttempt() > 1 || ranOut(task.GetHistory().GetEvents()))
	}
	return err
}

// IsRedelivered says whether Temporal delivered the current workflow task of a workflow to this process after
// another worker had it and did not answer: perhaps it died during a local activity. It says so once.
func (b *Budget) IsRedelivered(workflowID string) bool { return b.redeliveries.consume(workflowID) }

// ranOut says whether the previous workflow task of a history timed out while a worker had it. Temporal first
// offers a task to the worker that caches the workflow, and does not count it when that worker does not
// answer.
func ranOut(events []*history.HistoryEvent) bool {
	for _, event := range slices.Backward(events) {
		if timedOut := event.GetWorkflowTaskTimedOutEventAttributes(); timedOut != nil {
			return timedOut.GetTimeoutType() == enums.TIMEOUT_TYPE_START_TO_CLOSE
		}
		if event.GetEventType() == enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			return false
		}
	}
	return false
}

// redeliveries are the workflows whose task was delivered again. Temporal counts that, but the SDK does not
// expose it. The zero value is ready.
type redeliveries struct {
	mu        sync.Mutex
	workflows map[string]struct{}
}

func (r *redeliveries) observe(workflowID string, again bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !again {
		delete(r.workflows, workflowID)
		return
	}
	if r.workflows == nil {
		r.workflows = map[string]struct{}{}
	}
	r.workflows[workflowID] = struct{}{}
}

func (r *redeliveries) consume(workflowID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, again := r.workflows[workflowID]
	delete(r.workflows, workflowID)
	return again
}
