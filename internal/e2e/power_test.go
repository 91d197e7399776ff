package e2e_test

import (
	"fmt"
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

// TestRunsSurvivePowerCuts starts golden-path runs on `portico dev` and ends all of it at random moments,
// PostgreSQL first and without a word: what its commits have not brought to the disk by then is lost, which
// is most of what Temporal wrote in the last fifth of a second. Every run that somebody was told of must end
// with exactly one repository, one commit and one catalog entry, with a log that tells everything once.
//
// PORTICO_CUTS and PORTICO_SEED change how often and when; the seed is in the log.
func TestRunsSurvivePowerCuts(t *testing.T) {
	requireProc(t)
	t.Parallel()
	cuts, random := powerCuts(t)
	w, data := newDevWorld(t)
	ids := map[string]string{}
	for cut := range cuts {
		dev := w.startDev(data)
		w.untilServed("golden-path")
		for _, part := range []string{"a", "b"} {
			name := fmt.Sprintf("shop-%d%s", cut, part)
			ids[name] = w.createRun("golden-path", map[string]any{"name": name, "description": "Sells things", "owner": "group:default/tracking",
				"repoUrl": w.repoURL(name)}, nil)
			<-time.After(time.Duration(random.IntN(600)) * time.Millisecond)
		}
		cutPower(t, dev, filepath.Join(data, "postgres"))
	}
	w.startDev(data)
	w.untilServed("golden-path")
	for name, id := range ids {
		d := w.ended(id, "done", "parked")
		require.Equal(t, "completed", d.Status, "%s: %+v", name, d.Error)
		w.requireToldOnce(id, goldenSteps)
	}
	for name, id := range ids {
		w.requireMadeOnce(name, w.details(id))
	}
}

// TestABurstOfRunsSurvivesPowerCuts does the same while clients start runs of a few milliseconds as fast as
// they can.
func TestABurstOfRunsSurvivesPowerCuts(t *testing.T) {
	requireProc(t)
	t.Parallel()
	cuts, random := powerCuts(t)
	w, data := newDevWorld(t)
	var ids []string
	for range cuts {
		dev := w.startDev(data)
		w.untilServed("three-notes")
		started := w.keepStarting("three-notes")
		<-time.After(time.Duration(random.IntN(1000)) * time.Millisecond)
		cutPower(t, dev, filepath.Join(data, "postgres"))
		ids = append(ids, started()...)
	}
	t.Logf("%d runs were started", len(ids))
	w.startDev(data)
	w.untilServed("three-notes")
	for _, id := range ids {
		require.Equal(t, "completed", w.ended(id, "done", "parked").Status)
		w.requireToldOnce(id, 3)
	}
}

// keepStarting has clients start runs until one finds nobody there any more; then the result answers the runs
// that were accepted.
func (w *world) keepStarting(template string) (started func() []string) {
	const clients = 8
	var all [clients][]string
	var working sync.WaitGroup
	for n := range all {
		working.Go(func() {
			for {
				var created struct{ ID string }
				if w.call(http.MethodPost, "/api/scaffolder/v2/tasks", runRequest(template, map[string]any{}, nil), &created) != http.StatusCreated {
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

// powerCuts are how many there shall be, and what decides when.
func powerCuts(t *testing.T) (int, *rand.Rand) {
	t.Helper()
	cuts, seed := setting(t, "PORTICO_CUTS", 6), setting(t, "PORTICO_SEED", 1)
	t.Logf("seed %d, %d cuts", seed, cuts)
	return cuts, rand.New(rand.NewPCG(uint64(seed), 0))
}

// newDevWorld is a world whose Portico brings its own servers, and where their data lies.
func newDevWorld(t *testing.T) (w *world, data string) {
	t.Helper()
	w = newWorld(t)
	// The later file wins.
	w.config = w.configWith(`portico: { database: { url: "" }, temporal: { address: "" } }`)
	return w, filepath.Join(w.dir, "data")
}

// startDev starts `portico dev` on a data directory.
func (w *world) startDev(data string) *process {
	w.t.Helper()
	return w.launch("dev", append(configFlags(w.config), "--data", data, "--log-level", w.logLevel)...)
}

// cutPower kills PostgreSQL's processes, none of which may write anything more, and then Portico's.
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

// postmaster is the process of the PostgreSQL server that keeps its data somewhere below a directory.
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
