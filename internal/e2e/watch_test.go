package e2e_test

import (
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAnAutomaticRollbackIsWatchedToItsEnd: clients see one end, after the rollback, and the command waits
// for it.
func TestAnAutomaticRollbackIsWatchedToItsEnd(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.start("worker")
	s.startServing("gives-back")
	const name = "given-back"
	command := exec.CommandContext(t.Context(), s.binary, "run", "gives-back", "--watch", "--url", s.url, "--token", token,
		"--set", "name="+name, "--set", fmt.Sprintf("repoUrl=%s?owner=%s&repo=%s", s.forge.Host, organization, name))
	output, err := command.CombinedOutput()
	ended, isExit := errors.AsType[*exec.ExitError](err)
	require.True(t, isExit, string(output))
	require.Equal(t, 1, ended.ExitCode())
	require.Contains(t, string(output), "✓ Publish")
	require.Contains(t, string(output), "✗ Stumble")
	require.Contains(t, string(output), "Gives back: rolled back after")
	require.Contains(t, string(output), "The run was rolled back: 1 undone, nothing is left of it")
	require.Equal(t, http.StatusNotFound, s.forgeCall(http.MethodGet, "/repos/"+organization+"/"+name, nil))

	completions := 0
	for _, each := range s.events(runID.FindString(string(output))) {
		if each.Type == "completion" {
			completions++
		}
	}
	require.Equal(t, 1, completions)
}
