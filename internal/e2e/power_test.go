package e2e_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRunsSurvivePowerCuts starts golden-path runs on `portico dev` and kills all of its processes at random
// moments, PostgreSQL first. Commits that were not flushed are lost, which is most of what Temporal wrote in
// the last fifth of a second. Every run that was accepted must end with exactly one repository, one commit
// and one catalog entry, and a log with every line once.
//
// A step that three workers in a row were lost over fails, so all runs end before each second cut.
//
// PORTICO_CUTS and PORTICO_SEED change how often and when; the seed is in the log.
func TestRunsSurvivePowerCuts(t *testing.T) {
	requireProc(t)
	t.Parallel()
	cuts, random := powerCuts(t)
	s, data := newDevSystem(t)
	ids := map[string]string{}
	for cut := range cuts {
		dev := s.startDev(data)
		s.untilServed("golden-path")
		if cut%2 == 0 {
			s.untilAllEnd(slices.Collect(maps.Values(ids)))
		}
		for _, part := range []string{"a", "b"} {
			name := fmt.Sprintf("shop-%d%s", cut, part)
			ids[name] = s.createRun("golden-path", map[string]any{"name": name, "description": "Sells things", "owner": "group:default/tracking",
				"repoUrl": s.repoURL(name)}, nil)
			<-time.After(time.Duration(random.IntN(600)) * time.Millisecond)
		}
		cutPower(t, dev, filepath.Join(data, "postgres"))
	}
	s.startDev(data)
	s.untilServed("golden-path")
	for name, id := range ids {
		d := s.awaitPhase(id, "done", "parked")
		require.Equal(t, "completed", d.Status, "%s: %+v", name, d.Error)
		s.requireLoggedOnce(id, goldenSteps)
	}
	for name, id := range ids {
		s.requireCreatedOnce(name, s.details(id))
	}
}

// TestABurstOfRunsSurvivesPowerCuts does the same while clients start runs of a few milliseconds as fast as
// they can.
func TestABurstOfRunsSurvivesPowerCuts(t *testing.T) {
	requireProc(t)
	t.Parallel()
	cuts, random := powerCuts(t)
	s, data := newDevSystem(t)
	var ids []string
	for cut := range cuts {
		dev := s.startDev(data)
		s.untilServed("three-notes")
		if cut%2 == 0 {
			s.untilAllEnd(ids)
		}
		started := s.startRunsUntilDown("three-notes")
		<-time.After(time.Duration(random.IntN(1000)) * time.Millisecond)
		cutPower(t, dev, filepath.Join(data, "postgres"))
		ids = append(ids, started()...)
	}
	t.Logf("%d runs were started", len(ids))
	s.startDev(data)
	s.untilServed("three-notes")
	for _, id := range ids {
		require.Equal(t, "completed", s.awaitPhase(id, "done", "parked").Status)
		s.requireLoggedOnce(id, 3)
	}
}

// untilAllEnd waits until each run is done or parked.
func (s *system) untilAllEnd(ids []string) {
	s.t.Helper()
	for _, id := range ids {
		s.awaitPhase(id, "done", "parked")
	}
}

// startRunsUntilDown starts runs from several clients until the server does not answer. The result waits for
// the clients and returns the accepted runs.
func (s *system) startRunsUntilDown(template string) (started func() []string) {
	const clients = 8
	var all [clients][]string
	var working sync.WaitGroup
	for n := range all {
		working.Go(func() {
			for {
				var created struct{ ID string }
				if s.call(http.MethodPost, "/api/scaffolder/v2/tasks", runRequest(template, map[string]any{}, nil), &created) != http.StatusCreated {
					return
				}
				all[n] = append(all[n], created.ID)
			}
		})
	}
	return func() []string {
		working.Wait()
		return slices.Concat(all[:]...)
	}
}

func requireProc(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the processes of PostgreSQL are found in /proc")
	}
}

// powerCuts is the number of power cuts, and the random numbers for their moments.
func powerCuts(t *testing.T) (int, *rand.Rand) {
	t.Helper()
	cuts, seed := setting(t, "PORTICO_CUTS", 6), setting(t, "PORTICO_SEED", 1)
	t.Logf("seed %d, %d cuts", seed, cuts)
	return cuts, rand.New(rand.NewPCG(uint64(seed), 0))
}

// newDevSystem is a system for `portico dev` with its own servers, and their data directory.
func newDevSystem(t *testing.T) (s *system, data string) {
	t.Helper()
	s = newSystem(t)
	// The later file wins.
	s.config = s.configWith(`portico: { database: { url: "" }, temporal: { address: "" } }`)
	data, err := os.MkdirTemp(os.Getenv("PORTICO_TEST_DATA"), "e2e-dev-") //nolint:usetesting // which is in memory
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(data) }) // a server that was just killed may still write to it
	return s, filepath.Join(data, "data")
}

// startDev starts `portico dev` on a data directory.
func (s *system) startDev(data string) *process {
	s.t.Helper()
	return s.launch("dev", append(configFlags(s.config), "--data", data, "--log-level", s.logLevel)...)
}

// cutPower kills PostgreSQL's processes without letting them write anything, and then Portico's.
func cutPower(t *testing.T, dev *process, postgresDirectory string) {
	t.Helper()
	pid := postmaster(t, postgresDirectory)
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP)) // so that it starts no more children
	children, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", pid))
	require.NoError(t, err)
	for _, child := range append(strings.Fields(string(children)), strconv.Itoa(pid)) {
		number, err := strconv.Atoi(child)
		require.NoError(t, err)
		_ = syscall.Kill(number, syscall.SIGKILL) // a child may have ended already
	}
	dev.kill()
}

// postmaster is the process id of the PostgreSQL server whose data is below the directory.
func postmaster(t *testing.T, directory string) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(directory, "*", "postmaster.pid"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	content, err := os.ReadFile(files[0])
	require.NoError(t, err)
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(first)
	require.NoError(t, err)
	return pid
}
