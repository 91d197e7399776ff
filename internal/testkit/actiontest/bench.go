// Package actiontest is what the tests of actions share: a place to run them at, and the suite that holds
// every action to the contract of package action. It holds no action.
package actiontest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/template"
)

// Log remembers the lines of an action, without levels: warnings and errors begin with "warn: " and "error:
// ".
type Log struct {
	mutex sync.Mutex
	lines []string
}

// Info remembers a line.
func (l *Log) Info(format string, args ...any) { l.add("", format, args) }

// Warn remembers a warning.
func (l *Log) Warn(format string, args ...any) { l.add("warn: ", format, args) }

// Error remembers an error.
func (l *Log) Error(format string, args ...any) { l.add("error: ", format, args) }

func (l *Log) add(level, format string, args []any) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.lines = append(l.lines, level+fmt.Sprintf(format, args...))
}

// Lines are all lines so far.
func (l *Log) Lines() []string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return slices.Clone(l.lines)
}

// Text is all lines so far.
func (l *Log) Text() string { return strings.Join(l.Lines(), "\n") }

// Harness is a place to run actions at: a workspace, a log and a ledger of its own.
type Harness struct {
	Workspace *os.Root
	Log       *Log
	Ledger    *Ledger
	// Template is where the template came from.
	Template action.TemplateInfo
	User     template.User
	// Starter is who the run acts as, the zero value for the User by name.
	Starter identity.Principal
	Secrets map[string]string
}

// runID and stepID are whom a Harness runs actions for.
const (
	runID  = "run-1"
	stepID = "step"
)

// NewHarness makes a Harness with an empty workspace.
func NewHarness(t testing.TB) *Harness {
	t.Helper()
	return &Harness{
		Workspace: newWorkspace(t, nil), Log: &Log{}, Ledger: &Ledger{},
		Template: action.TemplateInfo{EntityRef: "template:default/example"},
		User:     template.User{Ref: "user:default/guest"},
	}
}

// newWorkspace is a directory of these files, by path. It is removed when the test ends.
func newWorkspace(t testing.TB, files map[string]string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, root.Close()) })
	write(t, root, files)
	return root
}

func write(t testing.TB, root *os.Root, files map[string]string) {
	t.Helper()
	for name, content := range files {
		require.NoError(t, root.MkdirAll(path.Dir(name), 0o755))
		require.NoError(t, root.WriteFile(name, []byte(content), 0o644))
	}
}

// Write puts files into the workspace, by path.
func (b *Harness) Write(t testing.TB, files map[string]string) {
	t.Helper()
	write(t, b.Workspace, files)
}

// Input is an input of an action: the values of the later over those of the earlier.
func Input[V ~map[string]any](t testing.TB, inputs ...V) string {
	t.Helper()
	complete := V{}
	for _, input := range inputs {
		maps.Copy(complete, input)
	}
	encoded, err := json.Marshal(complete)
	require.NoError(t, err)
	return string(encoded)
}

// Call is a call of an action with this input, which is JSON.
func (b *Harness) Call(input string) *action.Call {
	return &action.Call{
		RunID: runID, StepID: stepID, StepName: "Step", Input: json.RawMessage(input), Workspace: b.Workspace,
		Template: b.Template, User: b.User, Starter: b.Starter, Secrets: b.Secrets, Log: b.Log, Ledger: b.Ledger.For(runID, stepID, "tested"),
	}
}

// Run runs the action as the engine would: the input must pass its schema before, and the output must pass
// after.
func (b *Harness) Run(t testing.TB, tested action.Action, input string) (action.Output, error) {
	t.Helper()
	return b.run(t.Context(), t, tested, b.Call(input))
}

// Await runs the action as Run does, and again after each pause for which it asks, as the engine does: see
// action.NotYetError. The log has what it waits for.
func (b *Harness) Await(t testing.TB, tested action.Action, input string) (action.Output, error) {
	t.Helper()
	began := time.Now()
	for {
		call := b.Call(input)
		call.StartedAt = began
		output, err := b.run(t.Context(), t, tested, call)
		notYet, is := errors.AsType[*action.NotYetError](err)
		if !is {
			return output, err
		}
		b.Log.Info("%s", notYet.Waiting)
		if !pause(t.Context(), notYet.After) {
			return nil, t.Context().Err()
		}
	}
}

// pause waits, and reports whether the context was there to the end.
func pause(ctx context.Context, duration time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(duration):
		return true
	}
}

func (b *Harness) run(ctx context.Context, t testing.TB, tested action.Action, call *action.Call) (action.Output, error) {
	t.Helper()
	description := tested.Describe()
	requireValid(t, description.InputSchema, call.Input)
	output, err := tested.Run(ctx, call)
	if err != nil || description.OutputSchema == nil {
		return output, err
	}
	if output == nil {
		output = action.Output{}
	}
	encoded, err := json.Marshal(output)
	require.NoError(t, err)
	requireValid(t, description.OutputSchema, encoded)
	return output, nil
}

// Undo has the action undo an effect, as a rollback does; what becomes of the effect is not recorded.
func (b *Harness) Undo(ctx context.Context, tested action.Action, effect action.Effect) error {
	return tested.Undo(ctx, &action.UndoCall{RunID: runID, Effect: effect, User: b.User, Starter: b.Starter, Secrets: b.Secrets, Log: b.Log})
}

// RollBack undoes what the run has created, the last first, and records what became of it, as the engine
// does. It returns the first error; the effects before it are left.
func (b *Harness) RollBack(ctx context.Context, tested action.Action) error {
	for _, effect := range slices.Backward(b.Ledger.All()) {
		if effect.State == action.EffectUndone {
			continue
		}
		err := b.Undo(ctx, tested, effect)
		inUse, isUsed := errors.AsType[*action.InUseError](err)
		switch {
		case isUsed:
			err = errors.Join(err, b.Ledger.SetState(effect.ID, action.EffectKept, inUse.Reason))
		case err == nil:
			err = b.Ledger.SetState(effect.ID, action.EffectUndone, "")
		}
		if err != nil {
			return err
		}
	}
	return nil
}
