package catalog_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	activities "github.com/portico-dev/portico/activities/catalog"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// oneTemplate is a catalog with one document, or an error.
type oneTemplate struct {
	activities.Service

	document string
	err      error
}

func (o oneTemplate) EntitiesByRefs(context.Context, identity.Principal, []string, query.Filter, query.Fields) ([]json.RawMessage, error) {
	if o.document == "" {
		return []json.RawMessage{nil}, o.err
	}
	return []json.RawMessage{json.RawMessage(o.document)}, o.err
}

// annotating are the actions that annotate, by ID, at a fixed time.
func annotating(service activities.Service) map[string]action.Action {
	byID := map[string]action.Action{}
	for _, each := range activities.AnnotateActionsAt(service, time.Date(2026, 11, 30, 15, 4, 5, 0, time.UTC)) {
		byID[each.Describe().ID] = each
	}
	return byID
}

const versioned = `{"metadata":{"annotations":{"backstage.io/template-version":"1.2.3"}}}`

func TestAnnotateActionsConform(t *testing.T) {
	t.Parallel()
	for id, tested := range annotating(oneTemplate{document: versioned}) {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			actiontest.Conform(t, func(testing.TB, *actiontest.Gate) actiontest.Fixture {
				return actiontest.Fixture{
					Action: tested, Input: `{"labels":{"a":"b"}}`, Files: map[string]string{"catalog-info.yaml": "kind: Component\nmetadata: {name: x}\n"},
					Template: action.TemplateInfo{EntityRef: "template:default/service"},
				}
			})
		})
	}
}

func TestAnnotate(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ id, input, want string }{
		"time":            {"catalog:timestamping", `{}`, "kind: Component\nmetadata:\n  annotations:\n    backstage.io/createdAt: 11/30/2026, 3:04:05 PM\n  labels: {}\nspec: {}\n"},
		"version":         {"catalog:template:version", `{}`, "kind: Component\nmetadata:\n  annotations:\n    backstage.io/template-version: 1.2.3\n  labels: {}\nspec: {}\n"},
		"any that is new": {"catalog:annotate", `{"labels":{},"spec":{"b":1,"a":[]}}`, "kind: Component\nmetadata:\n  annotations: {}\n  labels: {}\nspec:\n  b: 1\n  a: []\n"},
		"into another":    {"catalog:annotate", `{"labels":{"a":"b"},"writeToFile":"d/c.yaml"}`, "kind: Component\nmetadata:\n  annotations: {}\n  labels:\n    a: b\nspec: {}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			harness := actiontest.NewHarness(t)
			require.NoError(t, harness.Workspace.WriteFile("catalog-info.yaml", []byte("kind: Component\nmetadata:\n"), 0o644))
			output, err := harness.Run(t, annotating(oneTemplate{document: versioned})[test.id], test.input)
			require.NoError(t, err)
			require.Equal(t, action.Output{"annotatedObject": test.want}, output)
			var input struct{ WriteToFile string }
			require.NoError(t, json.Unmarshal([]byte(test.input), &input))
			if input.WriteToFile == "" {
				input.WriteToFile = "catalog-info.yaml"
			}
			written, err := harness.Workspace.ReadFile(input.WriteToFile)
			require.NoError(t, err)
			require.Equal(t, test.want, string(written))
		})
	}
}

func TestAnnotateRefuses(t *testing.T) {
	t.Parallel()
	files := map[string]string{"list": "- a\n", "bad": "a: [", "odd": "metadata: 1\n", "odd2": "metadata: {labels: x}\n", "odd3": "metadata: {annotations: x}\n", "odd4": "spec: x\n"}
	for input, message := range map[string]string{
		`{}`:                        "catalog-info.yaml is not in the workspace",
		`{"entityFilePath":"../x"}`: "outside its parent",
		`{"entityFilePath":"."}`:    ". is not a file of at most 256 KiB",
		`{"entityFilePath":"list"}`: "list does not have an entity",
		`{"entityFilePath":"bad"}`:  "bad: ",
		`{"entityFilePath":"odd"}`:  "entity: metadata is not an object",
		`{"entityFilePath":"odd2"}`: "entity: labels is not an object",
		`{"entityFilePath":"odd3"}`: "entity: annotations is not an object",
		`{"entityFilePath":"odd4"}`: "entity: spec is not an object",
		`{"objectYaml":{},"labels":{"a":"b"},"writeToFile":"../x"}`: "outside its parent",
	} {
		harness := actiontest.NewHarness(t)
		for name, content := range files {
			require.NoError(t, harness.Workspace.WriteFile(name, []byte(content), 0o644))
		}
		_, err := harness.Run(t, annotating(oneTemplate{})["catalog:annotate"], input)
		require.ErrorContains(t, err, message, input)
		require.False(t, action.IsTransient(err))
	}
}

func TestTheTemplatesVersionComesFromTheCatalog(t *testing.T) {
	t.Parallel()
	harness := actiontest.NewHarness(t)
	const input = `{"objectYaml":{"kind":"API"}}`
	_, err := harness.Run(t, annotating(oneTemplate{err: errors.New("down")})["catalog:template:version"], input)
	require.EqualError(t, err, "down")
	require.True(t, action.IsTransient(err))
	_, err = harness.Run(t, annotating(oneTemplate{document: "["})["catalog:template:version"], input)
	require.ErrorContains(t, err, "template template:default/example: ")
	harness.Template.EntityRef = ""
	for _, id := range []string{"catalog:template:version", "catalog:scaffolded-from"} {
		output, err := harness.Run(t, annotating(oneTemplate{})[id], input)
		require.NoError(t, err)
		require.Equal(t, "kind: API\nmetadata:\n  annotations: {}\n  labels: {}\nspec: {}\n", output["annotatedObject"])
	}
}
