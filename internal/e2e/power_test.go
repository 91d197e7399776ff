package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRunsSurvivePowerCuts starts golden-path runs on `portico dev` and ends all of it at random moments, PostgreSQL first and without a word: what its
// commits have not brought to the disk by then is lost, which is most of what Temporal wrote in the last fifth of a second. Every run that somebody was told
// of must end with exactly one repository, one commit and one catalog entry, with a log that tells everything once.
//
// PORTICO_CUTS and PORTICO_SEED change how often and when; the seed is in the log.
func TestRunsSurvivePowerCuts(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the processes of PostgreSQL are found in /proc")
	}
	t.Parallel()
	cuts, seed := setting(t, "PORTICO_CUTS", 6), setting(t, "PORTICO_SEED", int(time.Now().UnixNano()%1e9))
	t.Logf("seed %d, %d cuts", seed, cuts)
	random := rand.New(rand.NewPCG(uint64(seed), 0))

	w := newWorld(t)
	// The later file wins: this Portico brings its own servers.
	w.config = w.configWith(`portico: { database: { url: "" }, temporal: { address: "" } }`)
	data := filepath.Join(w.dir, "data")

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
		w.requireToldOnce(id)
	}
	for name, id := range ids {
		w.requireMadeOnce(name, w.details(id))
	}
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
