package e2e_test

import (
	"net/http"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRunsAreRetriedRolledBackAndCancelled sends every command to runs in phases that allow it and in others.
func TestRunsAreRetriedRolledBackAndCancelled(t *testing.T) {
	t.Parallel()
	s := newSystem(t, shortTimeouts)
	s.start("worker")
	s.start("worker")
	s.startServing("service")
	for name, test := range map[string]func(s *system, id string){
		"cancelled-while-it-waits": requireCancelled,
		"kept-because-it-is-used":  requireKept,
		"created-again":            requireCreatedAgain,
		"completed-again":          requireCompletedAgain,
	} {
		values := map[string]any{}
		if name == "cancelled-while-it-waits" {
			values["seconds"] = 600
		}
		id := s.createRun("service", s.serviceValues(name, values), nil)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(s.as(t), id)
		})
	}
}

func requireCancelled(s *system, id string) {
	const name = "cancelled-while-it-waits"
	s.awaitPhase(id, "waiting")
	require.Equal(s.t, http.StatusConflict, s.post("/api/scaffolder/v2/tasks/"+id+"/retry"), "the run is in progress")
	require.Equal(s.t, http.StatusConflict, s.post("/api/portico/v1/runs/"+id+"/rollback"), "the run is in progress")
	s.cancel(id)
	d := s.awaitPhase(id, "cancelled")
	require.Equal(s.t, "rest", d.FailedStep)
	require.Empty(s.t, d.Effects)
	require.True(s.t, slices.ContainsFunc(s.events(id), func(e event) bool { return e.Type == "cancelled" }))
	last := lastID(s.events(id))

	s.retry(id)
	s.awaitPhase(id, "waiting")
	s.requireResumed(id, last, "rest")
	s.cancel(id)
	s.awaitPhase(id, "cancelled")
	s.requireRolledBack(id, name)
}

func requireKept(s *system, id string) {
	const name = "kept-because-it-is-used"
	s.requireCreatedOnce(name, s.awaitPhase(id, "done"))
	clone := filepath.Join(s.t.TempDir(), "clone")
	s.mustGit("", "clone", "--quiet", s.cloneURL(name), clone)
	s.mustGit(clone, "-c", "user.name=Ann", "-c", "user.email=ann@example.com", "commit", "--quiet", "--allow-empty", "-m", "Begin")
	s.mustGit(clone, "push", "--quiet")

	s.rollBack(id)
	d := s.awaitPhase(id, "rolledBack")
	require.Equal(s.t, map[string]string{kindRepository: "kept", kindLocation: "undone"}, d.states())
	require.Contains(s.t, d.Effects[0].Note, "commits that the run did not make")
	require.Contains(s.t, d.Error.Message, "1 kept")
	require.NotEmpty(s.t, d.Error.Next)
	require.Equal(s.t, "2", s.git(name, "rev-list", "--count", "--all"))
	require.Zero(s.t, s.locations(name))
	require.Equal(s.t, http.StatusConflict, s.post("/api/portico/v1/runs/"+id+"/rollback"), "twice")
	s.requireReplays(id)
}

func requireCreatedAgain(s *system, id string) {
	const name = "created-again"
	s.requireCreatedOnce(name, s.awaitPhase(id, "done"))
	s.requireRolledBack(id, name)
	last := lastID(s.events(id))

	s.retry(id)
	d := s.awaitPhase(id, "done", "parked")
	require.Equal(s.t, "completed", d.Status, "%+v", d.Error)
	s.requireResumed(id, last, "note")
	s.requireCreatedOnce(name, d)
	s.requireReplays(id)
}

func requireCompletedAgain(s *system, id string) {
	const name = "completed-again"
	s.requireCreatedOnce(name, s.awaitPhase(id, "done"))
	last := lastID(s.events(id))
	s.retry(id)
	s.until("the run to complete again", func() bool {
		events := s.events(id)
		return events[len(events)-1].Type == "completion" && lastID(events) > last
	})
	d := s.awaitPhase(id, "done")
	s.requireCreatedOnce(name, d)
	for _, e := range s.events(id) {
		require.False(s.t, e.ID > last && e.Body.StepID != "", "no step runs again: %+v", e)
	}
	require.Equal(s.t, http.StatusOK, s.post("/api/scaffolder/v2/tasks/"+id+"/cancel"), "too late, as in Backstage")
	require.Equal(s.t, "done", s.details(id).Phase)
	s.requireReplays(id)
}

func (s *system) post(path string) int {
	s.t.Helper()
	return s.call(http.MethodPost, path, map[string]any{}, nil)
}
