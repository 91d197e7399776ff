//go:build linux

package nunjucks

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// processBytes bounds the memory of the process that renders the corpus.
	processBytes = 512 << 20
	// growthVariable is set in the environment of that process.
	growthVariable = "PORTICO_GROWTH"
)

// TestGrowingTemplatesStayWithinTheirMemory renders every element of the language that can make a value
// larger than its input. It uses a server's limits, in a process to which the kernel gives at most 512 MB of
// data. A rendering must refuse a value that is too large before it allocates it.
func TestGrowingTemplatesStayWithinTheirMemory(t *testing.T) {
	t.Parallel()
	if os.Getenv(growthVariable) != "" {
		renderCorpus(t)
		return
	}
	for _, name := range vocabulary() {
		require.Contains(t, growing, name, "what can grow needs a template that lets it")
	}
	// The race detector multiplies memory, and this test may be running under it.
	binary := filepath.Join(t.TempDir(), "growth.test")
	built, err := exec.CommandContext(t.Context(), "go", "test", "-race=false", "-c", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, "%s", built)
	child := exec.CommandContext(t.Context(), binary, "-test.run", "^"+t.Name()+"$", "-test.v", "-test.timeout", "15m")
	child.Env = append(os.Environ(), growthVariable+"=1")
	out, err := child.CombinedOutput()
	t.Logf("%s", out)
	require.NoError(t, err, "a template took more than its process has")
	require.Contains(t, string(out), fmt.Sprintf("%d templates", len(growing)))
}

func renderCorpus(t *testing.T) {
	t.Helper()
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: processBytes, Max: processBytes}))
	highest := 0
	for _, name := range slices.Sorted(maps.Keys(growing)) {
		debug.FreeOSMemory()
		require.NoError(t, os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o600))
		began := time.Now()
		err := renderGrowing(t.Context(), growing[name])
		peak := peakBytes(t)
		highest = max(highest, peak)
		fmt.Printf("%-32s %5d MB %6d ms  %v\n", name, peak>>20, time.Since(began).Milliseconds(), err)
		require.Less(t, peak, processBytes, name)
		var limit *LimitError
		if failure := (*RenderError)(nil); err != nil && !errors.As(err, &limit) && !errors.As(err, &failure) {
			require.ErrorAs(t, err, new(*SyntaxError), name)
		}
	}
	fmt.Printf("%d templates, at most %d MB\n", len(growing), highest>>20)
}

// renderGrowing does what a step does with an expression: it evaluates it and encodes the result.
func renderGrowing(ctx context.Context, source string) error {
	// Only the limit of memory may end a rendering, however slow the machine is.
	environment := New(Options{CookiecutterCompat: true, VariableStart: "${{", Limits: Limits{Time: time.Hour}})
	for name, value := range growingInputs {
		if len(source) < 1_000 && strings.Contains(source, name) {
			source = "{% set " + name + " = " + value + " %}" + source
		}
	}
	template, err := environment.Parse(source)
	if err != nil {
		return err
	}
	_, err = template.Render(ctx, nil)
	return err
}

// peakBytes returns the peak of this process's resident memory since the last call, and resets it.
func peakBytes(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(status), "VmHWM:")
	require.True(t, found)
	kilobytes, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(t, err)
	return kilobytes << 10
}
