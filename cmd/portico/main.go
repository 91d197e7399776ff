// Command portico is a developer portal backend that is compatible with Backstage and runs every template as
// a durable workflow. This package parses flags and wires the packages together; it has no logic of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/portico-dev/portico/internal/garbage"
	"github.com/portico-dev/portico/internal/terminal"
)

// version is set at build time.
var version = "dev"

// garbagePercent replaces Go's GOGC of 100: the garbage, in percent of the live heap, at which a collection
// starts. Runs produce much garbage and keep little. A third of the collections saves an eighth of their CPU
// time, for some 60 MB. Of a heap that is larger than that of runs, such as that of a worker that has built many
// sites of documentation, mostGarbage is the bound.
const (
	garbagePercent = 300
	mostGarbage    = 96 << 20
)

// besideRendering is the memory of a process for everything but rendering, in MiB, at which garbage is
// collected more often.
const besideRendering = 256

// holdMemory sets Go's memory limit to what rendering and the rest may use: garbagePercent alone would allow
// several times as much. GOMEMLIMIT overrides it.
func holdMemory(renderingMiB int) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(renderingMiB+besideRendering) << 20)
	}
}

func main() {
	if os.Getenv("GOGC") == "" {
		garbage.Hold(garbagePercent, mostGarbage)
	}
	os.Exit(execute(rootCommand()))
}

// statusInterrupted is the exit status after SIGINT, as in shells.
const statusInterrupted = 128 + int(syscall.SIGINT)

// interruptible returns a context that the first Ctrl-C or SIGTERM cancels. The second one ends the process
// at once.
func interruptible() context.Context {
	ctx, stop := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		stop()
		<-signals
		os.Exit(statusInterrupted)
	}()
	return ctx
}

// execute runs the command line and returns the exit status.
func execute(root *cobra.Command) int {
	ctx := interruptible()
	root.SetOut(terminal.NewWriter(os.Stdout))
	complaints := terminal.NewWriter(os.Stderr)
	root.SetErr(complaints)
	understood := false
	root.PersistentPreRun = func(*cobra.Command, []string) { understood = true }
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	if status, ok := errors.AsType[*exitError](err); ok {
		return status.code
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = errInterrupted // replace the error of whatever was interrupted
	}
	fmt.Fprintln(complaints, "portico:", err)
	if !understood {
		fmt.Fprintf(complaints, "Run `%s --help` to see how it is used.\n", command.CommandPath())
	}
	return 1
}

// errInterrupted is the error of a command that was interrupted.
var errInterrupted = errors.New("interrupted")

// exitError ends the process with a code and without a further message.
type exitError struct{ code int }

func (e *exitError) Error() string { return fmt.Sprintf("exit status %d", e.code) }

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "portico",
		Short: "A developer portal whose every action is a durable workflow",
		Long: `Portico serves a catalog of software and runs templates that create new software. It speaks Backstage's
HTTP API and file formats, and runs every template as a Temporal workflow: crash-proof, retried, continued
from the failed step, rolled back to nothing left.`,
		Example: devExample + `  portico server --config app-config.yaml     serve the API and the portal
  portico worker --config app-config.yaml     run templates and keep the catalog`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(clientCommands()...)
	root.AddCommand(serverCommand(), workerCommand(), migrateCommand(), auditCommand())
	root.AddCommand(confineCommand())
	root.AddCommand(devCommands()...)
	return root
}
