// Package actiontest is what the tests of actions share: a call that remembers what the action logged and recorded, and the checks that
// every action must pass. It holds no action.
package actiontest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/portico-dev/portico/scaffolder/action"
)

// Log remembers the lines of an action, without levels: warnings and errors begin with "warn: " and "error: ".
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

// Ledger is an effects ledger in memory, with the rules of the real one.
type Ledger struct {
	mutex   sync.Mutex
	effects []action.Effect
}

// Intend records an intent, or finds the effect of an earlier one with its key; one that was undone is intended anew.
func (l *Ledger) Intend(_ context.Context, intent action.Intent) (action.Effect, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	n := slices.IndexFunc(l.effects, func(e action.Effect) bool { return e.Key == intent.Key })
	if n < 0 {
		n = len(l.effects)
		l.effects = append(l.effects, action.Effect{ID: fmt.Sprint(n), Kind: intent.Kind, Name: intent.Name, Key: intent.Key, State: action.EffectUndone})
	}
	intended := &l.effects[n]
	intended.Fresh = intended.State == action.EffectUndone
	if intended.Fresh {
		intended.State, intended.IntendedAt = action.EffectIntended, time.Now()
	}
	return *intended, nil
}

// Confirm marks the effect as created.
func (l *Ledger) Confirm(_ context.Context, id string, confirmation action.Confirmation) error {
	return l.change(id, func(effect *action.Effect) {
		effect.State, effect.ExternalID, effect.URL = action.EffectCreated, confirmation.ExternalID, confirmation.URL
	})
}

// Abandon marks the effect as undone.
func (l *Ledger) Abandon(_ context.Context, id, note string) error {
	return l.change(id, func(effect *action.Effect) { effect.State, effect.Note = action.EffectUndone, note })
}

func (l *Ledger) change(id string, change func(*action.Effect)) error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for n := range l.effects {
		if l.effects[n].ID == id {
			change(&l.effects[n])
			return nil
		}
	}
	return fmt.Errorf("there is no effect %q", id)
}

// Effects are all effects so far.
func (l *Ledger) Effects(context.Context) ([]action.Effect, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return slices.Clone(l.effects), nil
}

// Bench is a place to run actions at: a workspace, a log and a ledger of its own.
type Bench struct {
	Workspace *os.Root
	Log       *Log
	Ledger    *Ledger
	// Template is where the template came from.
	Template action.TemplateInfo
	User     action.User
}

// NewBench makes a Bench with an empty workspace.
func NewBench(t testing.TB) *Bench {
	t.Helper()
	workspace, err := os.OpenRoot(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, workspace.Close()) })
	return &Bench{
		Workspace: workspace, Log: &Log{}, Ledger: &Ledger{},
		Template: action.TemplateInfo{EntityRef: "template:default/example"},
		User:     action.User{Ref: "user:default/guest"},
	}
}

// Call is a call of an action with this input, which is JSON.
func (b *Bench) Call(input string) *action.Call {
	return &action.Call{
		RunID: "run", StepID: "step", StepName: "Step", Input: json.RawMessage(input), Workspace: b.Workspace,
		Template: b.Template, User: b.User, Log: b.Log, Ledger: b.Ledger,
	}
}

// Run runs the action as the engine would: the input must pass its schema before, and the output must pass after.
func (b *Bench) Run(t testing.TB, tested action.Action, input string) (action.Output, error) {
	t.Helper()
	description := tested.Describe()
	requireValid(t, description.InputSchema, []byte(input))
	output, err := tested.Run(t.Context(), b.Call(input))
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

// Conform checks what every action must be: described, with schemas that compile, and with examples that its own schema accepts.
func Conform(t *testing.T, actions []action.Action) {
	t.Helper()
	for _, tested := range actions {
		description := tested.Describe()
		t.Run(description.ID, func(t *testing.T) {
			t.Parallel()
			require.NotEmpty(t, description.Description)
			require.NotEmpty(t, description.Examples)
			compile(t, description.InputSchema)
			if description.OutputSchema != nil {
				compile(t, description.OutputSchema)
			}
			for _, example := range description.Examples {
				requireExample(t, description, example)
			}
		})
	}
}

// requireExample checks that an example is the YAML of steps that use the action, and that its input is valid.
func requireExample(t *testing.T, description action.Description, example action.Example) {
	t.Helper()
	require.NotEmpty(t, example.Description)
	var template struct {
		Steps []struct {
			ID     string         `yaml:"id"`
			Name   string         `yaml:"name"`
			Action string         `yaml:"action"`
			Input  map[string]any `yaml:"input"`
		} `yaml:"steps"`
	}
	decoder := yaml.NewDecoder(strings.NewReader(example.Example))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&template), example.Description)
	require.NotEmpty(t, template.Steps, example.Description)
	for _, step := range template.Steps {
		require.NotEmpty(t, step.ID, example.Description)
		require.NotEmpty(t, step.Name, example.Description)
		require.Equal(t, description.ID, step.Action, example.Description)
		input, err := json.Marshal(step.Input)
		require.NoError(t, err)
		requireValid(t, description.InputSchema, input)
	}
}

func requireValid(t testing.TB, schema json.RawMessage, document []byte) {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	require.NoError(t, err)
	require.NoError(t, compile(t, schema).Validate(value), "%s", document)
}

func compile(t testing.TB, schema json.RawMessage) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("mem:///schema.json", document))
	compiled, err := compiler.Compile("mem:///schema.json")
	require.NoError(t, err)
	return compiled
}
