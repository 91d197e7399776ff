package e2e_test

import (
	"net/http"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRunsAreRetriedRolledBackAndCancelled gives every command to a run, at times when it is allowed and at
// times when it is not.
func TestRunsAreRetriedRolledBackAndCancelled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, impatient)
	w.start("worker")
	w.start("worker")
	w.startServing("service")
	for name, test := range map[string]func(w *world, id string){
		"cancelled-while-it-waits": requireCancelled,
		"kept-because-it-is-used":  requireKept,
		"made-again":               requireMadeAgain,
		"completed-again":          requireCompletedAgain,
	} {
		values := map[string]any{}
		if name == "cancelled-while-it-waits" {
			values["seconds"] = 600
		}
		id := w.createRun("service", w.serviceValues(name, values), nil)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(w.as(t), id)
		})
	}
}

func requireCancelled(w *world, id string) {
	const name = "cancelled-while-it-waits"
	w.ended(id, "waiting")
	require.Equal(w.t, http.StatusConflict, w.post("/api/scaffolder/v2/tasks/"+id+"/retry"), "a run that moves")
	require.Equal(w.t, http.StatusConflict, w.post("/api/portico/v1/runs/"+id+"/rollback"), "a run that moves")
	w.cancel(id)
	d := w.ended(id, "cancelled")
	require.Equal(w.t, "rest", d.FailedStep)
	require.Empty(w.t, d.Effects)
	require.True(w.t, slices.ContainsFunc(w.events(id), func(e event) bool { return e.Type == "cancelled" }))
	last := lastID(w.events(id))

	w.retry(id)
	w.ended(id, "waiting")
	w.requireResumed(id, last, "rest")
	w.cancel(id)
	w.ended(id, "cancelled")
	w.requireRolledBack(id, name)
}

func requireKept(w *world, id string) {
	const name = "kept-because-it-is-used"
	w.requireMadeOnce(name, w.ended(id, "done"))
	clone := filepath.Join(w.t.TempDir(), "clone")
	w.mustGit("", "clone", "--quiet", w.cloneURL(name), clone)
	w.mustGit(clone, "-c", "user.name=Ann", "-c", "user.email=ann@example.com", "commit", "--quiet", "--allow-empty", "-m", "Begin")
	w.mustGit(clone, "push", "--quiet")

	w.rollBack(id)
	d := w.ended(id, "rolledBack")
	require.Equal(w.t, map[string]string{repo: "kept", located: "undone"}, d.states())
	require.Contains(w.t, d.Effects[0].Note, "commits that the run did not make")
	require.Contains(w.t, d.Error.Message, "1 kept")
	require.NotEmpty(w.t, d.Error.Next)
	require.Equal(w.t, "2", w.git(name, "rev-list", "--count", "--all"))
	require.Zero(w.t, w.locations(name))
	require.Equal(w.t, http.StatusConflict, w.post("/api/portico/v1/runs/"+id+"/rollback"), "twice")
	w.requireReplays(id)
}

func requireMadeAgain(w *world, id string) {
	const name = "made-again"
	w.requireMadeOnce(name, w.ended(id, "done"))
	w.requireRolledBack(id, name)
	last := lastID(w.events(id))

	w.retry(id)
	d := w.ended(id, "done", "parked")
	require.Equal(w.t, "completed", d.Status, "%+v", d.Error)
	w.requireResumed(id, last, "note")
	w.requireMadeOnce(name, d)
	w.requireReplays(id)
}

func requireCompletedAgain(w *world, id string) {
	const name = "completed-again"
	w.requireMadeOnce(name, w.ended(id, "done"))
	last := lastID(w.events(id))
	w.retry(id)
	w.until("the run to complete again", func() bool {
		events := w.events(id)
		return events[len(events)-1].Type == "completion" && lastID(events) > last
	})
	d := w.ended(id, "done")
	w.requireMadeOnce(name, d)
	for _, e := range w.events(id) {
		require.False(w.t, e.ID > last && e.Body.StepID != "", "no step runs again: %+v", e)
	}
	require.Equal(w.t, http.StatusOK, w.post("/api/scaffolder/v2/tasks/"+id+"/cancel"), "too late, as in Backstage")
	require.Equal(w.t, "done", w.details(id).Phase)
	w.requireReplays(id)
}

func (w *world) post(path string) int {
	w.t.Helper()
	return w.call(http.MethodPost, path, map[string]any{}, nil)
}
