package workflows_test

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/portico-dev/portico/catalog/sweep"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/techdocs/build"
	"github.com/portico-dev/portico/workflows"
)

// TestHistoriesReplay runs the workflow's code against the histories of real runs: an edit that decides
// otherwise would break the runs that are under way when it is deployed. Such an edit takes
// workflow.GetVersion. New histories are recorded with
//
//	PORTICO_RECORD_HISTORIES=1 go test -run TestHistoriesOfEveryKindReplay ./internal/e2e
//	PORTICO_RECORD_HISTORIES=1 go test -run TestSweepsInTemporal ./activities/discovery
//	PORTICO_RECORD_HISTORIES=1 go test -run TestBuildsInTemporal ./activities/techdocs
//
// which overwrites those of the same names. Where the workflow's code decides otherwise since, the old ones
// move to a directory named after that change first, and stay as long as runs of their time may be under way.
func TestHistoriesReplay(t *testing.T) {
	t.Parallel()
	files := histories(t)
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			replayer := worker.NewWorkflowReplayer()
			for _, queue := range workflows.Queues {
				workflows.Register(replayer, queue)
			}
			require.NoError(t, replayer.ReplayWorkflowHistoryFromJSONFile(quiet(), file))
		})
	}
}

// TestReplayNoticesOtherDecisions checks that the test above can fail.
func TestReplayNoticesOtherDecisions(t *testing.T) {
	t.Parallel()
	for _, file := range histories(t) {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			replayer := worker.NewWorkflowReplayer()
			replayer.RegisterWorkflowWithOptions(func(workflow.Context, engine.Command) error { return nil }, workflow.RegisterOptions{Name: engine.WorkflowTemplateRun})
			replayer.RegisterWorkflowWithOptions(func(workflow.Context, sweep.Command) error { return nil }, workflow.RegisterOptions{Name: sweep.WorkflowDiscoverySweep})
			replayer.RegisterWorkflowWithOptions(func(workflow.Context, build.Command) error { return nil }, workflow.RegisterOptions{Name: build.WorkflowDocsBuild})
			require.Error(t, replayer.ReplayWorkflowHistoryFromJSONFile(quiet(), file))
		})
	}
}

func histories(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"testdata/*.json", "testdata/*/*.json"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, found)
		files = append(files, found...)
	}
	return files
}

func quiet() log.Logger { return log.NewStructuredLogger(slog.New(slog.DiscardHandler)) }
