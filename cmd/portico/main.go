// Command portico is a developer portal backend that speaks Backstage and runs every template as a durable
// workflow. This package parses flags, wires the packages together and runs them; it decides nothing.
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

	"github.com/portico-dev/portico/internal/terminal"
)

// version is set when the binary is built.
var version = "dev"

// garbagePercent replaces Go's 100: how much garbage may lie beside what lives before it is collected. Runs
// leave much and keep little; collecting a third as often saves an eighth of their CPU time for some 60 MB.
const garbagePercent = 300

// besideRendering is how much memory a process is given for all but rendering before garbage is collected
// more often, in MiB.
const besideRendering = 256

// holdMemory collects garbage as often as it takes to stay within what rendering may hold and the rest:
// garbagePercent alone would let several times as much lie. GOMEMLIMIT says otherwise.
func holdMemory(renderingMiB int) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(renderingMiB+besideRendering) << 20)
	}
}

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	os.Exit(execute(rootCommand()))
}

// statusInterrupted is the status of a process that SIGINT ends, as shells count.
const statusInterrupted = 128 + int(syscall.SIGINT)

// interruptible is ended by the first Ctrl-C or SIGTERM. The second ends the process, whatever it was still
// waiting for.
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

// execute runs the command line and answers the status of the process.
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
		err = errInterrupted // what it was that noticed is of no interest to who pressed Ctrl-C
	}
	fmt.Fprintln(complaints, "portico:", err)
	if !understood {
		fmt.Fprintf(complaints, "Run `%s --help` to see how it is used.\n", command.CommandPath())
	}
	return 1
}

// errInterrupted is what a command says that was stopped before it was done.
var errInterrupted = errors.New("interrupted")

// exitError ends the process with a code; what there is to say was said already.
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
	root.AddCommand(serverCommand(), workerCommand(), migrateCommand())
	root.AddCommand(devCommands()...)
	return root
}
