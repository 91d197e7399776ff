package e2e_test

import (
	"strings"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/portico-dev/portico/workflows"
)

// history is what Temporal kept of a run's latest execution.
func (w *world) history(id string) *history.History {
	w.t.Helper()
	connected, err := client.DialContext(w.t.Context(), client.Options{HostPort: shared.get(w.t).TemporalAddress(), Logger: silent{}})
	require.NoError(w.t, err)
	defer connected.Close()
	recorded := &history.History{}
	events := connected.GetWorkflowHistory(w.t.Context(), id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		require.NoError(w.t, err)
		recorded.Events = append(recorded.Events, e)
	}
	return recorded
}

// requireReplays checks that the workflow's code makes the same decisions again.
func (w *world) requireReplays(id string) {
	w.t.Helper()
	replayer := worker.NewWorkflowReplayer()
	workflows.Register(replayer)
	require.NoError(w.t, replayer.ReplayWorkflowHistory(silent{}, w.history(id)), "replay of run %s", id)
}

// silent keeps the SDK's chatter out of the tests' output.
type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}

// story is what happened in a run's latest execution, in a line.
func (w *world) story(id string) string {
	var kinds []string
	for _, e := range w.history(id).Events {
		kinds = append(kinds, e.EventType.String())
		if failed := e.GetWorkflowTaskFailedEventAttributes(); failed != nil {
			kinds = append(kinds, "("+failed.GetFailure().GetMessage()+")")
		}
	}
	return strings.Join(kinds, " ")
}
