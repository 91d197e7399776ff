package workflows

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/portico-dev/portico/internal/devstack/temporal"
	"github.com/portico-dev/portico/internal/testkit/temporaltest"
	"github.com/portico-dev/portico/scaffolder/engine"
)

// The smallest second workflow: its line of the table, and its file.

var countingSweep = definition{name: "CountingSweep", function: CountingSweep, queue: QueueBackground, priority: priorityBackground}

// CountingSweep counts pages forever; its history stays short.
func CountingSweep(ctx workflow.Context, page int) error {
	for {
		if isHistoryLong(ctx) {
			return continueAsNew(ctx, page)
		}
		if err := record(ctx, recordTimeout, "count page", page, &page); err != nil {
			return err
		}
	}
}

func TestASecondWorkflowIsAFileAndALine(t *testing.T) {
	t.Parallel()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	environment := suite.NewTestWorkflowEnvironment()
	environment.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: time.Minute}) // a busy machine is no deadlock
	countingSweep.register(environment)
	failed := false
	environment.RegisterActivityWithOptions(func(page int) (int, error) {
		if page == 5 && !failed {
			failed = true
			return 0, errors.New("the host does not answer")
		}
		environment.SetContinueAsNewSuggested(page == 7)
		return page + 1, nil
	}, activity.RegisterOptions{Name: "count page"})
	environment.ExecuteWorkflow(countingSweep.name, 3)
	var asNew *workflow.ContinueAsNewError
	require.ErrorAs(t, environment.GetWorkflowError(), &asNew)
	require.Equal(t, countingSweep.name, asNew.WorkflowType.Name)
	var page int
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(asNew.Input, &page))
	require.Equal(t, 8, page, "it continues where it was")
	require.True(t, failed)
}

// TestARunOfAPersonGoesBeforeASweep fills one queue with sweeps before a worker starts, and adds a run last.
func TestARunOfAPersonGoesBeforeASweep(t *testing.T) {
	t.Parallel()
	connected := temporaltest.Dial(t, temporaltest.Serve(t, temporal.Options{}))
	var mu sync.Mutex
	var order []string
	note := func(ctx workflow.Context, _ engine.Command) error {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, workflow.GetInfo(ctx).WorkflowExecution.ID)
		return nil
	}
	sweeps, runs := countingSweep, templateRun
	sweeps.queue = QueueRuns // they are kept apart by their queues, too: see TestBackgroundWorkHasItsOwnQueue
	sweeps.function, runs.function = note, note
	const many = 20
	var all []client.WorkflowRun
	begin := func(d definition, id string) {
		started, err := connected.ExecuteWorkflow(t.Context(), d.startOptions(id, "test"), d.name, engine.Command{RunID: id})
		require.NoError(t, err)
		all = append(all, started)
	}
	for i := range many {
		begin(sweeps, fmt.Sprintf("sweep %d", i))
	}
	begin(runs, "run")
	// Temporal adds tasks to the queue asynchronously.
	require.Eventually(t, func() bool {
		stats, err := connected.DescribeTaskQueueEnhanced(t.Context(), client.DescribeTaskQueueEnhancedOptions{TaskQueue: "test",
			TaskQueueTypes: []client.TaskQueueType{client.TaskQueueTypeWorkflow}, ReportStats: true})
		if err != nil {
			return false
		}
		waiting := int64(0)
		for _, version := range stats.VersionsInfo { //nolint:staticcheck // one version
			waiting += version.TypesInfo[client.TaskQueueTypeWorkflow].Stats.ApproximateBacklogCount
		}
		return waiting == many+1
	}, time.Minute, 100*time.Millisecond)

	running := worker.New(connected, QueueRuns.TaskQueue("test"), worker.Options{MaxConcurrentWorkflowTaskPollers: 2, MaxConcurrentWorkflowTaskExecutionSize: 2})
	sweeps.register(running)
	runs.register(running)
	require.NoError(t, running.Start())
	t.Cleanup(running.Stop)
	for _, each := range all {
		require.NoError(t, each.Get(t.Context(), nil))
	}
	mu.Lock()
	defer mu.Unlock()
	require.Less(t, slices.Index(order, "run"), 4, "the run came last and was taken first, but for what was under way: %v", order)
}

func TestBackgroundWorkHasItsOwnQueue(t *testing.T) {
	t.Parallel()
	require.Equal(t, "portico", QueueRuns.TaskQueue("portico"))
	require.Equal(t, "portico-background", QueueBackground.TaskQueue("portico"))
	require.Less(t, templateRun.priority.PriorityKey, countingSweep.priority.PriorityKey)
	for _, each := range definitions {
		require.Contains(t, Queues, each.queue, each.name)
		require.NotZero(t, each.priority.PriorityKey, each.name)
	}
}
