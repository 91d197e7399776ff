package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/portico-dev/portico/scaffolder"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/run"
)

// fix stops the actions from killing their workers.
func (h *workerHarness) fix() { h.touch("fixed") }

func (h *workerHarness) touch(name string) {
	h.t.Helper()
	require.NoError(h.t, os.WriteFile(filepath.Join(h.Dir, name), nil, 0o600))
}

// TestAStepThatKillsItsWorkersFails: each worker that runs the step dies of SIGKILL in the middle of it.
func TestAStepThatKillsItsWorkersFails(t *testing.T) {
	t.Parallel()
	hello := `{"id":"before","name":"Before","action":"debug:log","input":{"message":"hello"}},`
	for name, test := range map[string]struct {
		before, step string
		deaths       int
	}{
		"outside": {hello, "test:die", 3},
		"quick":   {"", "test:die-quickly", 3},
		// The step of the first death is unknown, because `advance run` had recorded nothing yet.
		"quick, after another": {hello, "test:die-quickly", 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newWorkerHarness(t)
			h.keepWorker()
			beside := h.start(`{"id":"beside","name":"Beside","action":"test:last"}`, nil)
			id := h.start(test.before+`{"id":"deadly","name":"Deadly","action":"`+test.step+`"}`, nil)
			began := time.Now()
			got := h.awaitPhase(id, run.PhaseParked, patience)
			t.Logf("parked after %d deaths and %s", h.deaths.Load(), time.Since(began).Round(time.Millisecond))
			require.EqualValues(t, test.deaths, h.deaths.Load())
			require.Equal(t, "deadly", got.FailedStep)
			require.Equal(t, "WorkerLostError", got.Failure.Name)
			require.Contains(t, got.Failure.Advice, "memory")

			h.retry(id)
			h.awaitPhase(id, run.PhaseParked, patience)
			require.EqualValues(t, test.deaths+3, h.deaths.Load(), "a retry has three new attempts")

			h.fix()
			h.retry(id)
			h.awaitPhase(id, run.PhaseDone, patience)
			h.touch("enough")
			h.awaitPhase(beside, run.PhaseDone, patience)
		})
	}
}

func TestAnUndoThatKillsItsWorkersFails(t *testing.T) {
	t.Parallel()
	h := newWorkerHarness(t)
	h.keepWorker()
	id := h.start(`{"id":"make","name":"Make","action":"test:make"}`, nil)
	h.awaitPhase(id, run.PhaseDone, patience)
	require.NoError(t, h.service.RollBack(t.Context(), operator, id.String(), scaffolder.Command{}))
	got := h.awaitPhase(id, run.PhaseParked, patience)
	require.EqualValues(t, 3, h.deaths.Load())
	require.Contains(t, got.Failure.Message, "left")
	effects, err := h.runs.Effects(t.Context(), id)
	require.NoError(t, err)
	states := map[string]action.EffectState{}
	for _, effect := range effects {
		states[effect.Name] = effect.State
		if effect.Name == "deadly" {
			require.Contains(t, effect.Note, "3 workers in a row were lost")
		}
	}
	require.Equal(t, map[string]action.EffectState{"first": action.EffectUndone, "deadly": action.EffectIntended, "last": action.EffectUndone}, states)

	h.fix()
	require.NoError(t, h.service.RollBack(t.Context(), operator, id.String(), scaffolder.Command{}))
	h.awaitPhase(id, run.PhaseRolledBack, patience)
}

// TestARunWithoutItsWorkflowIsParked terminates or deletes the workflow.
func TestARunWithoutItsWorkflowIsParked(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lose func(h *workerHarness, id string) error
		says string
	}{
		"terminated": {says: "an operator's mistake", lose: func(h *workerHarness, id string) error {
			return h.client.TerminateWorkflow(h.t.Context(), id, "", "an operator's mistake")
		}},
		"deleted": {says: "workflow", lose: func(h *workerHarness, id string) error {
			_, err := h.client.WorkflowService().DeleteWorkflowExecution(h.t.Context(),
				&workflowservice.DeleteWorkflowExecutionRequest{Namespace: "default", WorkflowExecution: execution(id)})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newWorkerHarness(t)
			h.keepWorker()
			id := h.start(`{"id":"wait","name":"Wait","action":"debug:wait","input":{"seconds":"${{ 600 }}"}}, {"id":"after","name":"After","action":"test:act"}`,
				map[string]string{"token": "t"})
			h.awaitPhase(id, run.PhaseWaiting, patience)
			require.NoError(t, h.sweeper.Reconcile(t.Context(), -time.Minute, time.Minute))
			require.Equal(t, run.PhaseWaiting, h.awaitPhase(id, run.PhaseWaiting, patience).Phase, "all is well")

			require.NoError(t, test.lose(h, id.String()))
			h.awaitReconciled(id.String(), run.PhaseParked)
			got := h.awaitPhase(id, run.PhaseParked, patience)
			require.Equal(t, "WorkflowLostError", got.Failure.Name)
			require.Contains(t, got.Failure.Message, test.says)

			h.retry(id)
			h.awaitPhase(id, run.PhaseWaiting, patience)
			require.NoError(t, h.service.Cancel(t.Context(), operator, id.String(), scaffolder.Command{}))
			h.awaitPhase(id, run.PhaseCancelled, patience)
		})
	}
}

// awaitReconciled reconciles with Temporal until the run is in the phase.
func (h *workerHarness) awaitReconciled(id string, phase run.Phase) {
	h.t.Helper()
	require.Eventually(h.t, func() bool {
		if err := h.sweeper.Reconcile(h.t.Context(), -time.Minute, time.Second); err != nil {
			return false
		}
		got, err := h.service.Run(h.t.Context(), operator, id)
		return err == nil && got.Phase == phase
	}, patience, 100*time.Millisecond, "the run should be parked")
}

// TestARunWhoseWorkflowPanicsIsParked gives the run to a worker with broken code after the first advance run.
func TestARunWhoseWorkflowPanicsIsParked(t *testing.T) {
	t.Parallel()
	h := newWorkerHarness(t)
	stop := h.keepWorker()
	// The wait is longer than the worker needs to stop: Temporal keeps the reason of a task's first failure only,
	// and would keep that the worker that stops did not answer.
	id := h.start(`{"id":"wait","name":"Wait","action":"debug:wait","input":{"seconds":10}}`, nil)
	h.awaitPhase(id, run.PhaseWaiting, patience)
	stop()
	broken := worker.New(h.client, h.Queue, worker.Options{})
	broken.RegisterWorkflowWithOptions(func(workflow.Context, engine.Command) error { panic("a mistake of the new version") },
		workflow.RegisterOptions{Name: engine.WorkflowTemplateRun})
	require.NoError(t, broken.Start())
	// A decision about an earlier state changes nothing, but gives the worker a task.
	require.NoError(t, h.client.SignalWorkflow(t.Context(), id.String(), "", engine.SignalContinue, engine.Command{RunID: id.String()}))
	h.awaitReconciled(id.String(), run.PhaseParked)
	broken.Stop()
	got := h.awaitPhase(id, run.PhaseParked, patience)
	require.Equal(t, "StuckError", got.Failure.Name)
	require.Contains(t, got.Failure.Message, "a mistake of the new version")

	h.keepWorker()
	h.retry(id)
	h.awaitPhase(id, run.PhaseDone, patience)
}

// TestARunWhoseRecordCannotBeReadIsParked makes the secrets unreadable while the run waits.
func TestARunWhoseRecordCannotBeReadIsParked(t *testing.T) {
	t.Parallel()
	h := newWorkerHarness(t)
	h.keepWorker()
	id := h.start(`{"id":"wait","name":"Wait","action":"debug:wait","input":{"seconds":2}}`, map[string]string{"token": "t"})
	h.awaitPhase(id, run.PhaseWaiting, patience)
	_, err := h.pool.Exec(t.Context(), "update run_secrets set sealed = '\\x00'")
	require.NoError(t, err)
	got := h.awaitPhase(id, run.PhaseParked, patience)
	require.Equal(t, "StuckError", got.Failure.Name)
	require.Contains(t, got.Failure.Message, "secrets of run")
	_, err = h.pool.Exec(t.Context(), "delete from run_secrets")
	require.NoError(t, err)
	h.retry(id)
	h.awaitPhase(id, run.PhaseDone, patience)
}

// TestALongRunContinuesAsNew runs steps with many iterations, each of them an activity. PORTICO_LONG_STEPS
// and PORTICO_LONG_ITERATIONS make it longer.
func TestALongRunContinuesAsNew(t *testing.T) {
	t.Parallel()
	steps, iterations := setting(t, "PORTICO_LONG_STEPS", 3), setting(t, "PORTICO_LONG_ITERATIONS", 300)
	h := newWorkerHarness(t)
	h.keepWorker()
	var spec []string
	for n := range steps {
		step := strings.NewReplacer("N", fmt.Sprintf("s%d", n), "I", strconv.Itoa(iterations)).Replace(
			`{"id":"N","name":"Step N","action":"test:act","each":"${{ range(0, I) }}","input":{"item":"${{ each.value }}"}}`)
		spec = append(spec, step)
	}
	began := time.Now()
	id := h.start(strings.Join(spec, ","), nil)
	h.awaitPhase(id, run.PhaseDone, 3*time.Hour)
	executions, events, size := h.executions(id.String())
	t.Logf("%d steps of %d iterations: %s, %d executions, the largest history has %d events and %d bytes",
		steps, iterations, time.Since(began).Round(time.Second), executions, events, size)
	require.Greater(t, executions, 1)
	require.Less(t, events, int64(10_000))
	all, err := h.runs.Steps(t.Context(), id)
	require.NoError(t, err)
	for _, step := range all {
		require.Equal(t, run.StatusCompleted, step.Status)
		require.Equal(t, iterations, strings.Count(string(step.Output), ",")+1, "every iteration has one output")
	}
}

// executions returns the number of executions of a run's workflow, and the size of the largest history.
func (h *workerHarness) executions(id string) (count int, events, size int64) {
	h.t.Helper()
	execution := ""
	for {
		described, err := h.client.DescribeWorkflowExecution(h.t.Context(), id, execution)
		require.NoError(h.t, err)
		info := described.GetWorkflowExecutionInfo()
		count, events, size = count+1, max(events, info.GetHistoryLength()), max(size, info.GetHistorySizeBytes())
		first := h.client.GetWorkflowHistory(h.t.Context(), id, info.GetExecution().GetRunId(), false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		event, err := first.Next()
		require.NoError(h.t, err)
		execution = event.GetWorkflowExecutionStartedEventAttributes().GetContinuedExecutionRunId()
		if execution == "" {
			return count, events, size
		}
	}
}

func execution(id string) *common.WorkflowExecution { return &common.WorkflowExecution{WorkflowId: id} }
