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

// mend ends what makes the workers die.
func (c *colony) mend() { c.touch("mended") }

func (c *colony) touch(name string) {
	c.t.Helper()
	require.NoError(c.t, os.WriteFile(filepath.Join(c.Dir, name), nil, 0o600))
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
		// The step of the first death is unknown: the advance run activity had recorded nothing yet.
		"quick, after another": {hello, "test:die-quickly", 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newColony(t)
			c.keep()
			beside := c.start(`{"id":"beside","name":"Beside","action":"test:last"}`, nil)
			id := c.start(test.before+`{"id":"deadly","name":"Deadly","action":"`+test.step+`"}`, nil)
			began := time.Now()
			got := c.comesTo(id, run.PhaseParked, patience)
			t.Logf("parked after %d deaths and %s", c.deaths.Load(), time.Since(began).Round(time.Millisecond))
			require.EqualValues(t, test.deaths, c.deaths.Load())
			require.Equal(t, "deadly", got.FailedStep)
			require.Equal(t, "WorkerLostError", got.Failure.Name)
			require.Contains(t, got.Failure.Advice, "memory")

			c.retry(id)
			c.comesTo(id, run.PhaseParked, patience)
			require.EqualValues(t, test.deaths+3, c.deaths.Load(), "a retry has three attempts of its own")

			c.mend()
			c.retry(id)
			c.comesTo(id, run.PhaseDone, patience)
			c.touch("enough")
			c.comesTo(beside, run.PhaseDone, patience)
		})
	}
}

func TestAnUndoThatKillsItsWorkersFails(t *testing.T) {
	t.Parallel()
	c := newColony(t)
	c.keep()
	id := c.start(`{"id":"make","name":"Make","action":"test:make"}`, nil)
	c.comesTo(id, run.PhaseDone, patience)
	require.NoError(t, c.service.RollBack(t.Context(), operator, id.String(), scaffolder.Command{}))
	got := c.comesTo(id, run.PhaseParked, patience)
	require.EqualValues(t, 3, c.deaths.Load())
	require.Contains(t, got.Failure.Message, "left")
	effects, err := c.runs.Effects(t.Context(), id)
	require.NoError(t, err)
	states := map[string]action.EffectState{}
	for _, effect := range effects {
		states[effect.Name] = effect.State
		if effect.Name == "deadly" {
			require.Contains(t, effect.Note, "3 workers in a row were lost")
		}
	}
	require.Equal(t, map[string]action.EffectState{"first": action.EffectUndone, "deadly": action.EffectIntended, "last": action.EffectUndone}, states)

	c.mend()
	require.NoError(t, c.service.RollBack(t.Context(), operator, id.String(), scaffolder.Command{}))
	c.comesTo(id, run.PhaseRolledBack, patience)
}

// TestARunWithoutItsWorkflowIsParked takes the workflow away in several ways.
func TestARunWithoutItsWorkflowIsParked(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lose func(c *colony, id string) error
		says string
	}{
		"terminated": {says: "an operator's mistake", lose: func(c *colony, id string) error {
			return c.client.TerminateWorkflow(c.t.Context(), id, "", "an operator's mistake")
		}},
		"deleted": {says: "workflow", lose: func(c *colony, id string) error {
			_, err := c.client.WorkflowService().DeleteWorkflowExecution(c.t.Context(),
				&workflowservice.DeleteWorkflowExecutionRequest{Namespace: "default", WorkflowExecution: execution(id)})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newColony(t)
			c.keep()
			id := c.start(`{"id":"wait","name":"Wait","action":"debug:wait","input":{"seconds":"${{ 600 }}"}}, {"id":"after","name":"After","action":"test:act"}`,
				map[string]string{"token": "t"})
			c.comesTo(id, run.PhaseWaiting, patience)
			require.NoError(t, c.sweeper.Reconcile(t.Context(), -time.Minute, time.Minute))
			require.Equal(t, run.PhaseWaiting, c.comesTo(id, run.PhaseWaiting, patience).Phase, "all is well")

			require.NoError(t, test.lose(c, id.String()))
			c.reconcilesTo(id.String(), run.PhaseParked)
			got := c.comesTo(id, run.PhaseParked, patience)
			require.Equal(t, "WorkflowLostError", got.Failure.Name)
			require.Contains(t, got.Failure.Message, test.says)

			c.retry(id)
			c.comesTo(id, run.PhaseWaiting, patience)
			require.NoError(t, c.service.Cancel(t.Context(), operator, id.String(), scaffolder.Command{}))
			c.comesTo(id, run.PhaseCancelled, patience)
		})
	}
}

// reconcilesTo compares the record with Temporal until the run has come to a phase.
func (c *colony) reconcilesTo(id string, phase run.Phase) {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		if err := c.sweeper.Reconcile(c.t.Context(), -time.Minute, time.Second); err != nil {
			return false
		}
		got, err := c.service.Run(c.t.Context(), operator, id)
		return err == nil && got.Phase == phase
	}, patience, 100*time.Millisecond, "the run should be found lost")
}

// TestARunWhoseWorkflowPanicsIsParked gives the run to a worker with broken code after the first advance run.
func TestARunWhoseWorkflowPanicsIsParked(t *testing.T) {
	t.Parallel()
	c := newColony(t)
	stop := c.keep()
	id := c.start(`{"id":"wait","name":"Wait","action":"debug:wait","input":{"seconds":2}}`, nil)
	c.comesTo(id, run.PhaseWaiting, patience)
	stop()
	broken := worker.New(c.client, c.Queue, worker.Options{})
	broken.RegisterWorkflowWithOptions(func(workflow.Context, engine.Command) error { panic("a mistake of the new version") },
		workflow.RegisterOptions{Name: engine.WorkflowTemplateRun})
	require.NoError(t, broken.Start())
	c.reconcilesTo(id.String(), run.PhaseParked)
	broken.Stop()
	got := c.comesTo(id, run.PhaseParked, patience)
	require.Equal(t, "StuckError", got.Failure.Name)
	require.Contains(t, got.Failure.Message, "a mistake of the new version")

	c.keep()
	c.retry(id)
	c.comesTo(id, run.PhaseDone, patience)
}

// TestARunWhoseRecordCannotBeReadIsParked breaks the record while the run waits.
func TestARunWhoseRecordCannotBeReadIsParked(t *testing.T) {
	t.Parallel()
	c := newColony(t)
	c.keep()
	id := c.start(`{"id":"wait","name":"Wait","action":"debug:wait","input":{"seconds":2}}`, map[string]string{"token": "t"})
	c.comesTo(id, run.PhaseWaiting, patience)
	_, err := c.pool.Exec(t.Context(), "update run_secrets set sealed = '\\x00'")
	require.NoError(t, err)
	got := c.comesTo(id, run.PhaseParked, patience)
	require.Equal(t, "StuckError", got.Failure.Name)
	require.Contains(t, got.Failure.Message, "secrets of run")
	_, err = c.pool.Exec(t.Context(), "delete from run_secrets")
	require.NoError(t, err)
	c.retry(id)
	c.comesTo(id, run.PhaseDone, patience)
}

// TestALongRunContinuesAsNew runs steps of many iterations, each of an action outside. PORTICO_LONG_STEPS and
// PORTICO_LONG_ITERATIONS make it longer.
func TestALongRunContinuesAsNew(t *testing.T) {
	t.Parallel()
	steps, iterations := setting(t, "PORTICO_LONG_STEPS", 3), setting(t, "PORTICO_LONG_ITERATIONS", 300)
	c := newColony(t)
	c.keep()
	var spec []string
	for n := range steps {
		step := strings.NewReplacer("N", fmt.Sprintf("s%d", n), "I", strconv.Itoa(iterations)).Replace(
			`{"id":"N","name":"Step N","action":"test:act","each":"${{ range(0, I) }}","input":{"item":"${{ each.value }}"}}`)
		spec = append(spec, step)
	}
	began := time.Now()
	id := c.start(strings.Join(spec, ","), nil)
	c.comesTo(id, run.PhaseDone, 3*time.Hour)
	executions, events, size := c.executions(id.String())
	t.Logf("%d steps of %d iterations: %s, %d executions, the largest history has %d events and %d bytes",
		steps, iterations, time.Since(began).Round(time.Second), executions, events, size)
	require.Greater(t, executions, 1)
	require.Less(t, events, int64(10_000))
	all, err := c.runs.Steps(t.Context(), id)
	require.NoError(t, err)
	for _, step := range all {
		require.Equal(t, run.StatusCompleted, step.Status)
		require.Equal(t, iterations, strings.Count(string(step.Output), ",")+1, "every iteration left its output, once")
	}
}

// executions are how many executions a run's workflow had, and the largest of their histories.
func (c *colony) executions(id string) (count int, events, size int64) {
	c.t.Helper()
	execution := ""
	for {
		described, err := c.client.DescribeWorkflowExecution(c.t.Context(), id, execution)
		require.NoError(c.t, err)
		info := described.GetWorkflowExecutionInfo()
		count, events, size = count+1, max(events, info.GetHistoryLength()), max(size, info.GetHistorySizeBytes())
		first := c.client.GetWorkflowHistory(c.t.Context(), id, info.GetExecution().GetRunId(), false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		event, err := first.Next()
		require.NoError(c.t, err)
		execution = event.GetWorkflowExecutionStartedEventAttributes().GetContinuedExecutionRunId()
		if execution == "" {
			return count, events, size
		}
	}
}

func execution(id string) *common.WorkflowExecution { return &common.WorkflowExecution{WorkflowId: id} }
