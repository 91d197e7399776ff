package devstack_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/internal/devstack"
)

const (
	benchRuns  = 200
	benchSteps = 3
	benchQueue = "bench"
)

// BenchmarkRuns measures the minimal cost of a run: 200 concurrent workflows, each of three no-op local
// activities. It reports runs per second and the CPU time of this process per run, without PostgreSQL's.
func BenchmarkRuns(b *testing.B) {
	connected := startBench(b)
	before := cpuTime(b)
	for b.Loop() {
		group, ctx := errgroup.WithContext(b.Context())
		for range benchRuns {
			group.Go(func() error { return benchRun(ctx, connected) })
		}
		require.NoError(b, group.Wait())
	}
	runs := float64(b.N * benchRuns)
	b.ReportMetric(runs/b.Elapsed().Seconds(), "runs/s")
	b.ReportMetric((cpuTime(b)-before).Seconds()*1000/runs, "cpu-ms/run")
}

// BenchmarkRunLatency runs one such workflow at a time.
func BenchmarkRunLatency(b *testing.B) {
	connected := startBench(b)
	for b.Loop() {
		require.NoError(b, benchRun(b.Context(), connected))
	}
}

// BenchmarkBoot measures a start on existing data, until the Temporal frontend answers.
func BenchmarkBoot(b *testing.B) {
	options := devstack.Options{DataDir: b.TempDir(), CacheDir: b.TempDir()}
	for boot := 0; b.Loop(); boot++ {
		b.StopTimer()
		if boot == 0 {
			require.NoError(b, start(b, options).Stop(b.Context()))
		}
		b.StartTimer()
		stack := start(b, options)
		connected := dial(b, stack, "default")
		b.StopTimer()
		connected.Close()
		require.NoError(b, stack.Stop(b.Context()))
		b.StartTimer()
	}
}

// startBench starts a stack and a worker for benchWorkflow, and runs it once.
func startBench(b *testing.B) client.Client {
	b.Helper()
	connected := dial(b, start(b, devstack.Options{}), "default")
	running := worker.New(connected, benchQueue, worker.Options{})
	running.RegisterWorkflow(benchWorkflow)
	require.NoError(b, running.Start())
	b.Cleanup(running.Stop)
	require.NoError(b, benchRun(b.Context(), connected))
	return connected
}

func benchRun(ctx context.Context, connected client.Client) error {
	run, err := connected.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: benchQueue, EnableEagerStart: true}, benchWorkflow)
	if err != nil {
		return fmt.Errorf("start: %w", err)
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
