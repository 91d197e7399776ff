package actiontest

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/portico-dev/portico/scaffolder/action"
)

// RequireDescriptions checks what every action must say of itself: what it does, schemas that compile, and
// examples that its own schema accepts. Conform includes it.
func RequireDescriptions(t *testing.T, actions []action.Action) {
	t.Helper()
	for _, tested := range actions {
		t.Run(tested.Describe().ID, func(t *testing.T) {
			t.Parallel()
			requireDescription(t, tested.Describe())
		})
	}
}

func requireDescription(t testing.TB, description action.Description) {
	t.Helper()
	require.Contains(t, description.ID, ":")
	require.NotEmpty(t, description.Description)
	require.NotEmpty(t, description.Examples)
	if description.InputSchema != nil {
		compile(t, description.InputSchema)
	}
	if description.OutputSchema != nil {
		compile(t, description.OutputSchema)
	}
	for _, example := range description.Examples {
		requireExample(t, description, example)
	}
}

// requireExample checks that an example is the YAML of steps, that one of them uses the action, and that its input is
// valid.
func requireExample(t testing.TB, description action.Description, example action.Example) {
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
	uses := 0
	for _, step := range template.Steps {
		require.NotEmpty(t, step.ID, example.Description)
		require.NotEmpty(t, step.Name, example.Description)
		require.NotEmpty(t, step.Action, example.Description)
		if step.Action != description.ID {
			continue
		}
		uses++
		input, err := json.Marshal(step.Input)
		require.NoError(t, err)
		requireValid(t, description.InputSchema, input)
	}
	require.Positive(t, uses, "%s: a step uses the action", example.Description)
}

func requireValid(t testing.TB, schema json.RawMessage, document []byte) {
	t.Helper()
	if schema == nil { // it accepts anything
		return
	}
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
