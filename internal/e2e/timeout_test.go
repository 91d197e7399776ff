package e2e_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/workflows"
)

// TestAnActionThatTimesOutIsNotStartedAgain uses the real Temporal, because the test environment of its SDK
// would start the action again. Then two of them would run concurrently.
func TestAnActionThatTimesOutIsNotStartedAgain(t *testing.T) {
	t.Parallel()
	connected, err := client.DialContext(t.Context(), client.Options{HostPort: shared.get(t).TemporalAddress(),
		Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	require.NoError(t, err)
	t.Cleanup(connected.Close)

	const queue = "an action that does not end"
	running := worker.New(connected, queue, worker.Options{})
	workflows.Register(running, workflows.QueueRuns)
	begun, ended := atomic.Int32{}, make(chan struct{})
	running.RegisterActivityWithOptions(func(context.Context, engine.ActionRequest) error {
		begun.Add(1)
		<-ended // it ignores its context
		return nil
	}, activity.RegisterOptions{Name: "act"})
	requests := make(chan engine.AdvanceRequest, 2)
	running.RegisterActivityWithOptions(func(_ context.Context, request engine.AdvanceRequest) (engine.Next, error) {
		requests <- request
		if request.Failed != nil {
			return engine.Next{Kind: engine.NextEnd}, nil
		}
		return engine.Next{Kind: engine.NextAction, Action: &engine.Action{ID: "act", Summary: "Act"},
			Settings: engine.Settings{StepTimeout: time.Second, InitialInterval: time.Millisecond, MaximumInterval: time.Millisecond}}, nil
	}, activity.RegisterOptions{Name: engine.ActivityAdvance})
	require.NoError(t, running.Start())
	t.Cleanup(func() { close(ended); running.Stop() })

	runID := uuid.NewString()
	require.NoError(t, workflows.NewClient(workflows.ClientOptions{Temporal: connected, TaskQueue: queue}).Start(t.Context(), engine.Command{RunID: runID}))
	require.NoError(t, connected.GetWorkflow(t.Context(), runID, "").Get(t.Context(), nil))
	require.Nil(t, (<-requests).Failed)
	require.Equal(t, "the action did not finish: it took longer than a step may", (<-requests).Failed.Failure.Message)
	require.EqualValues(t, 1, begun.Load())
}
