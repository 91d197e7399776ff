package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// goldenSteps is how many steps the golden path has.
const goldenSteps = 6

// TestRunsSurviveTheDeathOfTheirWorker starts golden-path runs and kills their worker with SIGKILL at
// random moments, over and over. Every run must end with exactly one repository, one commit and one catalog
// entry, with a log that tells everything once, and with a history that the workflow's code would make again.
//
// PORTICO_KILLS and PORTICO_SEED change how often and when; the seed is in the log.
func TestRunsSurviveTheDeathOfTheirWorker(t *testing.T) {
	t.Parallel()
	kills, seed := setting(t, "PORTICO_KILLS", 12), setting(t, "PORTICO_SEED", 1)
	t.Logf("seed %d, %d kills", seed, kills)
	random := rand.New(rand.NewPCG(uint64(seed), 0))

	w := newWorld(t)
	worker := w.start("worker")
	w.startServing("golden-path")

	began := time.Now()
	ids := map[string]string{}
	for kill := range kills {
		name := fmt.Sprintf("shop-%d", kill)
		ids[name] = w.createRun("golden-path", map[string]any{"name": name, "description": "Sells things", "owner": "group:default/tracking",
			"repoUrl": w.repoURL(name)}, nil)
		// A run takes about a second: the moments spread over all of its steps, and over those of the runs
		// before it.
		<-time.After(time.Duration(random.IntN(1500)) * time.Millisecond)
		worker.kill()
		worker = w.start("worker")
	}
	t.Logf("%d workers killed in %s", kills, time.Since(began).Round(time.Millisecond))
	for name, id := range ids {
		d := w.ended(id, "done", "parked")
		require.Equal(t, "completed", d.Status, "%s: %+v", name, d.Error)
		w.requireToldOnce(id, goldenSteps)
		w.requireReplays(id)
	}
	t.Logf("%d runs completed in %s", len(ids), time.Since(began).Round(time.Millisecond))
	for name, id := range ids {
		w.requireMadeOnce(name, w.details(id))
	}
	t.Logf("and their entities were in the catalog in %s", time.Since(began).Round(time.Millisecond))
}

func setting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	value, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	return value
}

// requireMadeOnce checks that the run left one repository with one commit, and one entity that came from one
// location.
func (w *world) requireMadeOnce(name string, d details) {
	w.t.Helper()
	require.Equal(w.t, "1", w.git(name, "rev-list", "--count", "--all"), "commits of %s", name)
	w.until(name+" to be in the catalog", func() bool {
		return w.get("/api/catalog/entities/by-name/component/default/"+name, nil) == http.StatusOK
	})
	require.Equal(w.t, 1, w.locations(name), "locations of %s", name)
	require.Len(w.t, d.Effects, 2, "%s: a repository and a location", name)
	require.Equal(w.t, map[string]string{"github:repository": "created", "catalog:location": "created"}, d.states(), name)
}

// requireToldOnce checks that the event stream tells of the beginning and the end of so many steps once, in
// order, and repeats no line.
func (w *world) requireToldOnce(id string, steps int) {
	w.t.Helper()
	events := w.events(id)
	states, lines, last := map[string]string{}, map[string]bool{}, int64(0)
	for _, e := range events {
		require.Greater(w.t, e.ID, last, "ids ascend")
		last = e.ID
		line := e.Body.StepID + ": " + e.Body.Message
		require.False(w.t, lines[line], "told twice: %s", line)
		lines[line] = true
		if e.Body.Status != "" {
			states[e.Body.StepID] += e.Body.Status + " "
		}
	}
	for step, told := range states {
		require.Equal(w.t, "processing completed ", told, "step %s", step)
	}
	require.Len(w.t, states, steps)
	require.Equal(w.t, "completion", events[len(events)-1].Type)
}
