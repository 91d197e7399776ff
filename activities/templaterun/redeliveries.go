package templaterun

import (
	"context"
	"slices"
	"sync"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
)

// Redeliveries knows the runs whose workflow task Temporal delivered to this process after another worker had
// it and did not answer. Temporal counts that, but the SDK does not expose it. The zero value is ready; nil
// knows of none.
type Redeliveries struct {
	mu   sync.Mutex
	runs map[string]struct{}
}

// Intercept observes the answers that deliver workflow tasks. It is a gRPC interceptor for the client's
// connection.
func (r *Redeliveries) Intercept(ctx context.Context, method string, request, answer any, connection *grpc.ClientConn, invoke grpc.UnaryInvoker,
	options ...grpc.CallOption,
) error {
	err := invoke(ctx, method, request, answer, connection, options...)
	if task, is := answer.(*workflowservice.PollWorkflowTaskQueueResponse); is && err == nil && len(task.GetTaskToken()) > 0 {
		r.observe(task.GetWorkflowExecution().GetWorkflowId(), task.GetAttempt() > 1 || ranOut(task.GetHistory().GetEvents()))
	}
	return err
}

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

func (r *Redeliveries) observe(runID string, again bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !again {
		delete(r.runs, runID)
		return
	}
	if r.runs == nil {
		r.runs = map[string]struct{}{}
	}
	r.runs[runID] = struct{}{}
}

// consume says whether the current task of a run was delivered again. It says so once.
func (r *Redeliveries) consume(runID string) bool {
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_, again := r.runs[runID]
	delete(r.runs, runID)
	return again
}
