package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// childVariable turns the test binary into a command that never stops.
const childVariable = "PORTICO_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(execute(neverStopping()))
	}
	os.Exit(m.Run())
}

func neverStopping() *cobra.Command {
	return &cobra.Command{Run: func(command *cobra.Command, _ []string) {
		fmt.Println("started")
		<-command.Context().Done()
		fmt.Println("stopping")
		select {}
	}}
}

func TestTheFirstInterruptStopsAndTheSecondStopsAtOnce(t *testing.T) {
	t.Parallel()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childVariable+"=1")
	output, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	lines := bufio.NewScanner(output)
	for _, expected := range []string{"started", "stopping"} {
		require.True(t, lines.Scan())
		require.Equal(t, expected, lines.Text())
		require.NoError(t, child.Process.Signal(os.Interrupt))
	}
	require.Error(t, child.Wait())
	require.Equal(t, 130, child.ProcessState.ExitCode())
}
