package e2e_test

import (
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAnAutomaticRollbackIsWatchedToItsEnd: its clients are told of one end, after the rollback, and the
// command waits for that.
func TestAnAutomaticRollbackIsWatchedToItsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start("worker")
	w.startServing("gives-back")
	const name = "given-back"
	command := exec.CommandContext(t.Context(), w.binary, "run", "gives-back", "--watch", "--url", w.url, "--token", token,
		"--set", "name="+name, "--set", fmt.Sprintf("repoUrl=%s?owner=%s&repo=%s", w.forge.Host, organization, name))
	output, err := command.CombinedOutput()
	ended, isExit := errors.AsType[*exec.ExitError](err)
	require.True(t, isExit, string(output))
	require.Equal(t, 1, ended.ExitCode())
	require.Contains(t, string(output), "✓ Publish")
	require.Contains(t, string(output), "✗ Stumble")
	require.Contains(t, string(output), "Gives back: rolled back after")
	require.Contains(t, string(output), "The run was rolled back: 1 undone, nothing is left of it")
	require.Equal(t, http.StatusNotFound, w.forgeCall(http.MethodGet, "/repos/"+organization+"/"+name, nil))

	completions := 0
	for _, each := range w.events(runID.FindString(string(output))) {
		if each.Type == "completion" {
			completions++
		}
	}
	require.Equal(t, 1, completions)
}
