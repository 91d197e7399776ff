package workflows_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/workflows"
)

func TestAWorkflowEndsAsItsRunDoes(t *testing.T) {
	t.Parallel()
	failure := &fault.Failure{Name: "ConflictError", Message: "the name is taken"}
	for name, test := range map[string]struct {
		last    engine.Next
		failsAs string
		says    string
	}{
		"completed":   {last: engine.Next{Kind: engine.NextEnd, Progress: engine.Progress{State: "done"}}},
		"deleted":     {last: engine.Next{Kind: engine.NextEnd}},
		"rolled back": {engine.Next{Kind: engine.NextEnd, Progress: engine.Progress{State: "rolledBack"}}, workflows.ErrorRolledBack, "the run was rolled back"},
		"expired": {engine.Next{Kind: engine.NextPark, Progress: engine.Progress{State: "parked", Failure: failure}}, workflows.ErrorExpired,
			"nobody decided about the failed run in time; it had failed with ConflictError: the name is taken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(test.last)
			s.failsAs = test.failsAs
			s.run(t)
			if test.failsAs != "" {
				require.ErrorContains(t, s.environment.GetWorkflowError(), test.says)
			}
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		s := newStage(engine.Next{Kind: engine.NextPark, Progress: engine.Progress{State: "cancelled"}})
		s.environment.ExecuteWorkflow(engine.WorkflowTemplateRun, engine.Command{RunID: "run-1"})
		var cancelled *temporal.CanceledError
		require.ErrorAs(t, s.environment.GetWorkflowError(), &cancelled)
	})
}
