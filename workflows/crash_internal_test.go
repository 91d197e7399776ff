package workflows

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/portico-dev/portico/activities/crash"
	devtemporal "github.com/portico-dev/portico/internal/devstack/temporal"
	"github.com/portico-dev/portico/internal/testkit/temporaltest"
)

// With these variables, the test binary becomes a worker of a Temporal server, with a directory that it
// shares with the test.
const (
	workerTemporal  = "PORTICO_TEST_WORKER_TEMPORAL"
	workerDirectory = "PORTICO_TEST_WORKER_DIRECTORY"
)

func TestMain(m *testing.M) {
	if os.Getenv(workerTemporal) == "" {
		os.Exit(m.Run())
	}
	if err := buildPages(os.Getenv(workerTemporal), os.Getenv(workerDirectory)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A second workflow, with an activity that may kill its worker.

var pageBuild = definition{name: "PageBuild", function: PageBuild, queue: QueueBackground, priority: priorityBackground}

func PageBuild(ctx workflow.Context, page string) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Hour, HeartbeatTimeout: 2 * time.Second,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: 10 * time.Millisecond}})
	return workflow.ExecuteActivity(ctx, "build page", page).Get(ctx, nil)
}

// buildPages is the main of a worker process. It ends with the test.
func buildPages(address, directory string) error {
	logs := slog.New(slog.NewTextHandler(os.Stderr, nil))
	connected, err := client.Dial(client.Options{HostPort: address, Logger: log.NewStructuredLogger(logs)})
	if err != nil {
		return err
	}
	running := worker.New(connected, QueueBackground.TaskQueue("test"), worker.Options{})
	pageBuild.register(running)
	running.RegisterActivityWithOptions(crash.Guarded(crash.NewBudget(logs), func(ctx context.Context, page string) (string, error) {
		return buildPage(ctx, directory, page)
	}), activity.RegisterOptions{Name: "build page"})
	if err := running.Start(); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func buildPage(ctx context.Context, directory, page string) (string, error) {
	switch page {
	case "flaky":
		if activity.GetInfo(ctx).Attempt <= crash.MaxLost {
			return "", errors.New("the host does not answer")
		}
	case "deadly":
		return "", syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "slow":
		if err := os.WriteFile(filepath.Join(directory, "slow begun"), nil, 0o600); err != nil {
			return "", err
		}
		for {
			if _, err := os.Stat(filepath.Join(directory, "slow may end")); err == nil {
				break
			}
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}
	}
	return "<h1>" + page + "</h1>", nil
}

// TestAnActivityOfASecondWorkflowThatKillsItsWorkersFails: each worker that executes it dies of SIGKILL, and
// takes the activity beside it along.
func TestAnActivityOfASecondWorkflowThatKillsItsWorkersFails(t *testing.T) {
	t.Parallel()
	server := temporaltest.Serve(t, devtemporal.Options{})
	connected := temporaltest.Dial(t, server)
	directory := t.TempDir()
	deaths := keepWorker(t, workerTemporal+"="+server.FrontendAddress(), workerDirectory+"="+directory)
	build := func(page string) client.WorkflowRun {
		started, err := connected.ExecuteWorkflow(t.Context(), pageBuild.startOptions(page, "test"), pageBuild.name, page)
		require.NoError(t, err)
		return started
	}

	require.NoError(t, build("flaky").Get(t.Context(), nil), "attempts that fail are no deaths")

	slow := build("slow")
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(directory, "slow begun"))
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	failure := describe(build("deadly").Get(t.Context(), nil))
	require.Equal(t, "WorkerLostError", failure.Name)
	require.Contains(t, failure.Message, "3 workers in a row were lost over this activity")
	require.Contains(t, failure.Advice, "memory")
	require.EqualValues(t, crash.MaxLost, deaths.Load())

	require.NoError(t, os.WriteFile(filepath.Join(directory, "slow may end"), nil, 0o600))
	require.NoError(t, slow.Get(t.Context(), nil), "it only ran beside")
}

// keepWorker keeps one worker process running until the test ends: it replaces each that dies, and counts the
// deaths.
func keepWorker(t *testing.T, environment ...string) (deaths *atomic.Int32) {
	t.Helper()
	itself, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	// A worker ends when its input does, also if the test is killed.
	input, alive, err := os.Pipe()
	require.NoError(t, err)
	deaths = &atomic.Int32{}
	var keeping sync.WaitGroup
	var output bytes.Buffer // of one process at a time
	keeping.Go(func() {
		for ctx.Err() == nil {
			command := exec.CommandContext(ctx, itself)
			command.Env = append(os.Environ(), environment...)
			command.Stdin, command.Stdout, command.Stderr = input, &output, &output
			if command.Run() != nil && ctx.Err() == nil {
				deaths.Add(1)
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		keeping.Wait()
		require.NoError(t, errors.Join(input.Close(), alive.Close()))
		if t.Failed() {
			t.Logf("the log of the workers:\n%s", output.String())
		}
	})
	return deaths
}
