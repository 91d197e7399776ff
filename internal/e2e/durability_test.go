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

// TestRunsSurviveTheKillingOfTheirWorker starts golden-path runs and kills their worker with SIGKILL at random moments, over and over. Every run must
// end with exactly one repository, one commit and one catalog entry, and with a log that tells everything once.
//
// PORTICO_KILLS and PORTICO_SEED change how often and when; the seed of a failure is printed.
func TestRunsSurviveTheKillingOfTheirWorker(t *testing.T) {
	kills, seed := setting(t, "PORTICO_KILLS", 12), setting(t, "PORTICO_SEED", int(time.Now().UnixNano()%1e9))
	t.Logf("seed %d, %d kills", seed, kills)
	random := rand.New(rand.NewPCG(uint64(seed), 0))

	w := newWorld(t)
	w.start("server")
	worker := w.start("worker")
	w.until("the golden path to be in the catalog", time.Minute, func() bool {
		return w.get("/api/catalog/entities/by-name/template/default/golden-path", nil) == http.StatusOK
	})

	runs := map[string]string{}
	for kill := range kills {
		name := fmt.Sprintf("shop-%d", kill)
		runs[name] = w.startGoldenPath(name)
		// A run takes about a second: the moments spread over all of its steps, and over those of the runs before it.
		pause := time.NewTimer(time.Duration(random.IntN(1500)) * time.Millisecond)
		<-pause.C
		worker.kill()
		worker = w.start("worker")
	}
	for name, id := range runs {
		w.until(name+" to complete", 3*time.Minute, func() bool {
			var task struct{ Status string }
			w.get("/api/scaffolder/v2/tasks/"+id, &task)
			require.NotEqual(t, "failed", task.Status, "%s (%s)", name, id)
			return task.Status == "completed"
		})
		w.madeOnce(name, id)
		w.toldOnce(id)
	}
}

func setting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	if text := os.Getenv(name); text != "" {
		value, err := strconv.Atoi(text)
		require.NoError(t, err, name)
		return value
	}
	return otherwise
}

func (w *world) startGoldenPath(name string) string {
	w.t.Helper()
	var created struct{ ID string }
	status := w.call(http.MethodPost, "/api/scaffolder/v2/tasks", map[string]any{
		"templateRef": "template:default/golden-path",
		"values": map[string]any{"name": name, "description": "Sells things", "owner": "group:default/tracking", "docs": true,
			"repoUrl": fmt.Sprintf("%s?owner=acme&repo=%s", w.forge.Host(), name)},
	}, &created)
	require.Equal(w.t, http.StatusCreated, status)
	return created.ID
}

// madeOnce checks that the run left one repository with one commit, and one entity that came from one location.
func (w *world) madeOnce(name, id string) {
	w.t.Helper()
	require.Equal(w.t, "1", w.git("acme/"+name, "rev-list", "--count", "--all"), name)
	w.until(name+" to be in the catalog", time.Minute, func() bool {
		return w.get("/api/catalog/entities/by-name/component/default/"+name, nil) == http.StatusOK
	})
	var locations []struct{ Data struct{ Target string } }
	w.get("/api/catalog/locations", &locations)
	found := 0
	for _, location := range locations {
		if location.Data.Target == fmt.Sprintf("%s/acme/%s/blob/main/catalog-info.yaml", w.forge.URL(), name) {
			found++
		}
	}
	require.Equal(w.t, 1, found, "locations of %s", name)
	var details struct {
		Effects []struct{ Kind, Name, State string }
	}
	w.get("/api/portico/v1/runs/"+id, &details)
	require.Len(w.t, details.Effects, 2, "%s: a repository and a location", name)
	for _, effect := range details.Effects {
		require.Equal(w.t, "created", effect.State, effect.Name)
	}
}

// toldOnce checks that the event stream tells of every step's beginning and end once, in order, and repeats no line.
func (w *world) toldOnce(id string) {
	w.t.Helper()
	var events []struct {
		ID   int64
		Type string
		Body struct{ Message, StepID, Status string }
	}
	require.Equal(w.t, http.StatusOK, w.get("/api/scaffolder/v2/tasks/"+id+"/events", &events))
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
	require.Len(w.t, states, 6, "steps of the golden path")
	require.Equal(w.t, "completion", events[len(events)-1].Type)
}
