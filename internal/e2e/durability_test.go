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
// entry, a log with every line once, and a history that the workflow's code replays.
//
// PORTICO_KILLS and PORTICO_SEED change how often and when; the seed is in the log.
func TestRunsSurviveTheDeathOfTheirWorker(t *testing.T) {
	t.Parallel()
	kills, seed := setting(t, "PORTICO_KILLS", 12), setting(t, "PORTICO_SEED", 1)
	t.Logf("seed %d, %d kills", seed, kills)
	random := rand.New(rand.NewPCG(uint64(seed), 0))

	s := newSystem(t)
	worker := s.start("worker")
	s.startServing("golden-path")

	began := time.Now()
	ids := map[string]string{}
	for kill := range kills {
		name := fmt.Sprintf("shop-%d", kill)
		ids[name] = s.createRun("golden-path", map[string]any{"name": name, "description": "Sells things", "owner": "group:default/tracking",
			"repoUrl": s.repoURL(name)}, nil)
		// A run takes about a second, so the kills are spread over all of its steps and those of earlier
		// runs.
		<-time.After(time.Duration(random.IntN(1500)) * time.Millisecond)
		worker.kill()
		worker = s.start("worker")
	}
	t.Logf("%d workers killed in %s", kills, time.Since(began).Round(time.Millisecond))
	for name, id := range ids {
		d := s.awaitPhase(id, "done", "parked")
		require.Equal(t, "completed", d.Status, "%s: %+v", name, d.Error)
		s.requireLoggedOnce(id, goldenSteps)
		s.requireReplays(id)
	}
	t.Logf("%d runs completed in %s", len(ids), time.Since(began).Round(time.Millisecond))
	for name, id := range ids {
		s.requireCreatedOnce(name, s.details(id))
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

// requireCreatedOnce checks that there is one repository with one commit, and one entity from one location.
func (s *system) requireCreatedOnce(name string, d details) {
	s.t.Helper()
	require.Equal(s.t, "1", s.git(name, "rev-list", "--count", "--all"), "commits of %s", name)
	s.until(name+" to be in the catalog", func() bool {
		return s.get("/api/catalog/entities/by-name/component/default/"+name, nil) == http.StatusOK
	})
	require.Equal(s.t, 1, s.locations(name), "locations of %s", name)
	require.Len(s.t, d.Effects, 2, "%s: a repository and a location", name)
	require.Equal(s.t, map[string]string{"github:repository": "created", "catalog:location": "created"}, d.states(), name)
}

// requireLoggedOnce checks that the events contain the start and the end of each of the steps once, in order,
// and no line twice.
func (s *system) requireLoggedOnce(id string, steps int) {
	s.t.Helper()
	events := s.events(id)
	states, lines, last := map[string]string{}, map[string]bool{}, int64(0)
	for _, e := range events {
		require.Greater(s.t, e.ID, last, "ids ascend")
		last = e.ID
		line := e.Body.StepID + ": " + e.Body.Message
		require.False(s.t, lines[line], "logged twice: %s", line)
		lines[line] = true
		if e.Body.Status != "" {
			states[e.Body.StepID] += e.Body.Status + " "
		}
	}
	for step, logged := range states {
		require.Equal(s.t, "processing completed ", logged, "step %s", step)
	}
	require.Len(s.t, states, steps)
	require.Equal(s.t, "completion", events[len(events)-1].Type)
}
