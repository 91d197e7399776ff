package garbage

import (
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestALargeHeapHasLessGarbage(t *testing.T) {
	t.Parallel()
	for alive, want := range map[uint64]int{0: 300, 1: 300, 10 << 20: 300, 32 << 20: 300, 48 << 20: 200, 96 << 20: 100, 1 << 40: 100} {
		require.Equal(t, want, percentFor(alive, 300, 96<<20), alive)
	}
}

// TestCollectionsAdjust needs a process of its own, because the setting is the process's.
func TestCollectionsAdjust(t *testing.T) {
	t.Parallel()
	const variable = "PORTICO_TEST_GARBAGE"
	if os.Getenv(variable) == "" {
		command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCollectionsAdjust$", "-test.v")
		command.Env = append(os.Environ(), variable+"=1")
		output, err := command.CombinedOutput()
		require.NoError(t, err, string(output))
		return
	}
	Hold(300, 8<<20)
	set := func() int {
		now := debug.SetGCPercent(-1)
		debug.SetGCPercent(now)
		return now
	}
	require.Equal(t, 300, set())
	kept := make([]byte, 32<<20)
	for range 1000 {
		if runtime.GC(); set() == 100 {
			break
		}
	}
	require.Equal(t, 100, set())
	runtime.KeepAlive(kept) // and it is not alive after this
	for range 1000 {
		if runtime.GC(); set() > 200 {
			break
		}
	}
	require.Greater(t, set(), 200, "a heap that is small again has more")
}
