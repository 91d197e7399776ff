package temporal_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"
)

const (
	benchRuns  = 200
	benchSteps = 3
	benchQueue = "bench"
)

// BenchmarkRuns is the run engine's floor: 200 workflows at once, each of three no-op local activities, on the server as
// the development stack runs it. It reports runs per second and this process's CPU time per run (PostgreSQL's is not in it).
func BenchmarkRuns(b *testing.B) {
	temporal := dial(b, startStack(b, b.TempDir()))
	benchWorker := worker.New(temporal, benchQueue, worker.Options{})
	benchWorker.RegisterWorkflow(benchWorkflow)
	require.NoError(b, benchWorker.Start())
	b.Cleanup(benchWorker.Stop)

	before := cpuTime(b)
	for b.Loop() {
		group, ctx := errgroup.WithContext(b.Context())
		for i := range benchRuns {
			group.Go(func() error { return benchRun(ctx, temporal, i) })
		}
		require.NoError(b, group.Wait())
	}
	runs := float64(b.N * benchRuns)
	b.ReportMetric(runs/b.Elapsed().Seconds(), "runs/s")
	b.ReportMetric((cpuTime(b)-before).Seconds()*1000/runs, "cpu-ms/run")
}

func benchRun(ctx context.Context, temporal client.Client, number int) error {
	run, err := temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		TaskQueue:                benchQueue,
		EnableEagerStart:         true,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
	}, benchWorkflow)
	if err != nil {
		return fmt.Errorf("run %d: %w", number, err)
	}
	return run.Get(ctx, nil)
}

func benchWorkflow(ctx workflow.Context) error {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: time.Minute})
	for range benchSteps {
		if err := workflow.ExecuteLocalActivity(ctx, benchStep).Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

func benchStep(context.Context) error { return nil }

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
