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

// recordings is the directory of the histories that package workflows replays.
const recordings = root + "/workflows/testdata"

// shortExpiry lets a parked run expire during the test, but not before it is retried.
const shortExpiry = shortTimeouts + "    parkedExpiry: 5s\n"

// TestHistoriesOfEveryKindReplay replays the histories of runs of every kind with the workflow's code. With
// PORTICO_RECORD_HISTORIES=1 it also stores them for the tests of package workflows.
func TestHistoriesOfEveryKindReplay(t *testing.T) {
	t.Parallel()
	s := newSystem(t, shortExpiry)
	s.start("worker")
	s.startServing("step-tour")
	kinds := map[string]func(s *system, kind string) string{
		"completed": func(s *system, kind string) string {
			id := s.createRun("golden-path", map[string]any{"name": kind, "description": "Sells things", "owner": "group:default/tracking",
				"repoUrl": s.repoURL(kind)}, nil)
			s.awaitPhase(id, "done")
			return id
		},
		"toured": func(s *system, _ string) string {
			id := s.createRun("step-tour", map[string]any{"rest": 1}, nil)
			s.awaitPhase(id, "done")
			return id
		},
		"retried": func(s *system, kind string) string {
			s.createRepository(kind)
			id := s.createRun("service", s.serviceValues(kind, nil), nil)
			s.awaitPhase(id, "parked")
			s.deleteRepository(kind)
			s.retry(id)
			s.awaitPhase(id, "done")
			return id
		},
		"cancelled": func(s *system, kind string) string {
			id := s.createRun("service", s.serviceValues(kind, map[string]any{"seconds": 600}), nil)
			s.awaitPhase(id, "waiting")
			s.cancel(id)
			s.awaitPhase(id, "cancelled")
			return id
		},
		"rolled-back": func(s *system, kind string) string {
			id := s.createRun("service", s.serviceValues(kind, map[string]any{"stumble": "yes"}), nil)
			s.awaitPhase(id, "parked")
			s.rollBack(id)
			s.awaitPhase(id, "rolledBack")
			require.ErrorContains(s.t, s.awaitExecution(id), "the run was rolled back")
			return id
		},
		"rolled-back-later": func(s *system, kind string) string {
			id := s.createRun("service", s.serviceValues(kind, nil), nil)
			s.awaitPhase(id, "done")
			s.rollBack(id)
			s.awaitPhase(id, "rolledBack")
			require.ErrorContains(s.t, s.awaitExecution(id), "the run was rolled back")
			return id
		},
		"expired": func(s *system, _ string) string {
			id := s.createRun("step-tour", map[string]any{"rest": 0, "ending": "badly"}, nil)
			s.awaitPhase(id, "parked")
			require.ErrorContains(s.t, s.awaitExecution(id), "nobody decided about the failed run in time")
			return id
		},
	}
	for kind, start := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := s.as(t)
			id := start(s, kind)
			s.requireReplays(id)
			if os.Getenv("PORTICO_RECORD_HISTORIES") == "1" {
				s.keepHistory(kind, id)
			}
		})
	}
}

func (s *system) temporal() client.Client {
	s.t.Helper()
	connected, err := client.DialContext(s.t.Context(), client.Options{HostPort: shared.get(s.t).TemporalAddress(), Logger: silent{}})
	require.NoError(s.t, err)
	return connected
}

// awaitExecution waits for the end of the run's latest execution, and returns its error.
func (s *system) awaitExecution(id string) error {
	s.t.Helper()
	connected := s.temporal()
	defer connected.Close()
	return connected.GetWorkflow(s.t.Context(), id, "").Get(s.t.Context(), nil)
}

// history is the history of a run's latest execution.
func (s *system) history(id string) *history.History {
	s.t.Helper()
	connected := s.temporal()
	defer connected.Close()
	recorded := &history.History{}
	events := connected.GetWorkflowHistory(s.t.Context(), id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		require.NoError(s.t, err)
		recorded.Events = append(recorded.Events, e)
	}
	return recorded
}

// requireReplays checks that the workflow's code replays the run's history.
func (s *system) requireReplays(id string) {
	s.t.Helper()
	replayer := worker.NewWorkflowReplayer()
	workflows.Register(replayer, workflows.QueueRuns)
	require.NoError(s.t, replayer.ReplayWorkflowHistory(silent{}, s.history(id)), "replay of run %s", id)
}

// machine matches the name of the machine in a history.
var machine = regexp.MustCompile(`("identity": *)"[^"]*"`)

// keepHistory stores the history of a run in testdata.
func (s *system) keepHistory(kind, id string) {
	s.t.Helper()
	content, err := temporalproto.CustomJSONMarshalOptions{Indent: "  "}.Marshal(s.history(id))
	require.NoError(s.t, err)
	content = machine.ReplaceAll(content, []byte(`$1"recorded"`))
	require.NoError(s.t, os.MkdirAll(recordings, 0o755))
	require.NoError(s.t, os.WriteFile(filepath.Join(recordings, kind+".json"), append(content, '\n'), 0o644))
}

// historySummary lists the events of a run's latest execution in one line.
func (s *system) historySummary(id string) string {
	var kinds []string
	for _, e := range s.history(id).GetEvents() {
		kinds = append(kinds, e.GetEventType().String())
		if failed := e.GetWorkflowTaskFailedEventAttributes(); failed != nil {
			kinds = append(kinds, "("+failed.GetFailure().GetMessage()+")")
		}
	}
	return strings.Join(kinds, " ")
}

// silent is a logger for the SDK that writes nothing.
type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}
