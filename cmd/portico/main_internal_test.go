package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// childVariable names the child that the test binary becomes.
const childVariable = "PORTICO_TEST_CHILD"

// children are processes of their own, because they change what a process has once.
var children = map[string]func() int{
	"never stopping": func() int { return execute(neverStopping()) },
	"memory limit": func() int {
		holdMemory(512)
		fmt.Println(debug.SetMemoryLimit(-1) >> 20)
		return 0
	},
}

func TestMain(m *testing.M) {
	if child := children[os.Getenv(childVariable)]; child != nil {
		os.Exit(child())
	}
	os.Exit(m.Run())
}

func child(t *testing.T, name string, environment ...string) *exec.Cmd {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(append(os.Environ(), childVariable+"="+name), environment...)
	return command
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
	child := child(t, "never stopping")
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

func TestMemoryIsHeldUnlessTheEnvironmentSaysOtherwise(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ variable, mebibytes string }{
		"what rendering and the rest may use": {"", "768\n"},
		"less":                                {"300MiB", "300\n"},
		"more":                                {"2GiB", "2048\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limit, err := child(t, "memory limit", "GOMEMLIMIT="+test.variable).Output()
			require.NoError(t, err)
			require.Equal(t, test.mebibytes, string(limit))
		})
	}
}
