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

// Redeliveries remembers the runs whose workflow task Temporal gave to this process after another that had it did not answer. Temporal
// counts that; the SDK does not say it. The zero value is ready, nil knows of none.
type Redeliveries struct {
	mu   sync.Mutex
	runs map[string]struct{}
}

// Intercept listens to the answers that bring workflow tasks. It is an interceptor of the client's connection.
func (r *Redeliveries) Intercept(ctx context.Context, method string, request, answer any, connection *grpc.ClientConn, invoke grpc.UnaryInvoker,
	options ...grpc.CallOption,
) error {
	err := invoke(ctx, method, request, answer, connection, options...)
	if task, is := answer.(*workflowservice.PollWorkflowTaskQueueResponse); is && err == nil && len(task.GetTaskToken()) > 0 {
		r.note(task.GetWorkflowExecution().GetWorkflowId(), task.GetAttempt() > 1 || ranOut(task.GetHistory().GetEvents()))
	}
	return err
}

// ranOut says whether the task before the last of a history ran out of time while a worker had it. The worker that has a workflow in its
// memory is asked first, and Temporal does not count when that does not answer.
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

func (r *Redeliveries) note(runID string, again bool) {
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

// take says whether the task under way of a run was given out again; it says so once.
func (r *Redeliveries) take(runID string) bool {
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_, again := r.runs[runID]
	delete(r.runs, runID)
	return again
}
