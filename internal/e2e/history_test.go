package e2e_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/portico-dev/portico/workflows"
)

// recordings is where the histories are kept that package workflows replays.
const recordings = root + "/workflows/testdata"

// expiring lets a parked run expire while the test watches, but not before it is taken up again.
const expiring = impatient + "    parkedExpiry: 5s\n"

// TestHistoriesOfEveryKindReplay makes a run of every kind and checks that the workflow's code would make its
// history again. With PORTICO_RECORD_HISTORIES=1 it keeps the histories, for package workflows to replay
// after every edit.
func TestHistoriesOfEveryKindReplay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, expiring)
	w.start("worker")
	w.startServing("step-tour")
	kinds := map[string]func(w *world, kind string) string{
		"completed": func(w *world, kind string) string {
			id := w.createRun("golden-path", map[string]any{"name": kind, "description": "Sells things", "owner": "group:default/tracking",
				"repoUrl": w.repoURL(kind)}, nil)
			w.ended(id, "done")
			return id
		},
		"toured": func(w *world, _ string) string {
			id := w.createRun("step-tour", map[string]any{"rest": 1}, nil)
			w.ended(id, "done")
			return id
		},
		"retried": func(w *world, kind string) string {
			w.createRepository(kind)
			id := w.createRun("service", w.serviceValues(kind, nil), nil)
			w.ended(id, "parked")
			w.deleteRepository(kind)
			w.retry(id)
			w.ended(id, "done")
			return id
		},
		"cancelled": func(w *world, kind string) string {
			id := w.createRun("service", w.serviceValues(kind, map[string]any{"seconds": 600}), nil)
			w.ended(id, "waiting")
			w.cancel(id)
			w.ended(id, "cancelled")
			return id
		},
		"rolled-back": func(w *world, kind string) string {
			id := w.createRun("service", w.serviceValues(kind, map[string]any{"stumble": "yes"}), nil)
			w.ended(id, "parked")
			w.rollBack(id)
			w.ended(id, "rolledBack")
			require.ErrorContains(w.t, w.awaitExecution(id), "the run was rolled back")
			return id
		},
		"rolled-back-later": func(w *world, kind string) string {
			id := w.createRun("service", w.serviceValues(kind, nil), nil)
			w.ended(id, "done")
			w.rollBack(id)
			w.ended(id, "rolledBack")
			require.ErrorContains(w.t, w.awaitExecution(id), "the run was rolled back")
			return id
		},
		"expired": func(w *world, _ string) string {
			id := w.createRun("step-tour", map[string]any{"rest": 0, "ending": "badly"}, nil)
			w.ended(id, "parked")
			require.ErrorContains(w.t, w.awaitExecution(id), "nobody decided about the failed run in time")
			return id
		},
	}
	for kind, bringAbout := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := w.as(t)
			id := bringAbout(w, kind)
			w.requireReplays(id)
			if os.Getenv("PORTICO_RECORD_HISTORIES") == "1" {
				w.keepHistory(kind, id)
			}
		})
	}
}

func (w *world) temporal() client.Client {
	w.t.Helper()
	connected, err := client.DialContext(w.t.Context(), client.Options{HostPort: shared.get(w.t).TemporalAddress(), Logger: silent{}})
	require.NoError(w.t, err)
	return connected
}

// awaitExecution waits for the end of the run's latest execution, and answers what it failed with.
func (w *world) awaitExecution(id string) error {
	w.t.Helper()
	connected := w.temporal()
	defer connected.Close()
	return connected.GetWorkflow(w.t.Context(), id, "").Get(w.t.Context(), nil)
}

// history is what Temporal kept of a run's latest execution.
func (w *world) history(id string) *history.History {
	w.t.Helper()
	connected := w.temporal()
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
	workflows.Register(replayer, workflows.QueueRuns)
	require.NoError(w.t, replayer.ReplayWorkflowHistory(silent{}, w.history(id)), "replay of run %s", id)
}

// machine names the one that a history was made on.
var machine = regexp.MustCompile(`("identity": *)"[^"]*"`)

// keepHistory writes the history of a run into testdata.
func (w *world) keepHistory(kind, id string) {
	w.t.Helper()
	content, err := temporalproto.CustomJSONMarshalOptions{Indent: "  "}.Marshal(w.history(id))
	require.NoError(w.t, err)
	content = machine.ReplaceAll(content, []byte(`$1"recorded"`))
	require.NoError(w.t, os.MkdirAll(recordings, 0o755))
	require.NoError(w.t, os.WriteFile(filepath.Join(recordings, kind+".json"), append(content, '\n'), 0o644))
}

// story is what happened in a run's latest execution, in a line.
func (w *world) story(id string) string {
	var kinds []string
	for _, e := range w.history(id).GetEvents() {
		kinds = append(kinds, e.GetEventType().String())
		if failed := e.GetWorkflowTaskFailedEventAttributes(); failed != nil {
			kinds = append(kinds, "("+failed.GetFailure().GetMessage()+")")
		}
	}
	return strings.Join(kinds, " ")
}

// silent keeps the SDK's chatter out of the tests' output.
type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}
