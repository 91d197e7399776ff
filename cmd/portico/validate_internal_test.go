package main

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const judgedTemplate = `# a comment
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: { name: shop }
spec:
  type: service
  steps:
    - id: ours
      action: acme:deploy
      input:
        region: mars
    - action: debug:log
      input:
        message: ${{ parameters.name | shout }} ${{ greet() }}
`

// TestTemplatesAreCheckedWithTheActionsOfAServer, in place of those of this program.
func TestTemplatesAreCheckedWithTheActionsOfAServer(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "template.yaml")
	require.NoError(t, os.WriteFile(file, []byte(judgedTemplate), 0o600))
	routes := map[string]http.HandlerFunc{
		"GET /api/scaffolder/v2/actions": wanting("mine", answer(`[{"id":"debug:log","schema":{}},
			{"id":"acme:deploy","schema":{"input":{"type":"object","additionalProperties":false,"properties":{"region":{"enum":["eu","us"]}}}}}]`)),
		"GET /api/scaffolder/v2/templating-extensions": wanting("mine", answer(`{"filters":{"shout":{}},"globals":{"functions":{"greet":{}},"values":{}}}`)),
	}
	base := portal(t, routes)
	printed, err := offline(t, "catalog", "validate", file)
	require.Error(t, err)
	require.Contains(t, printed, `line 9: spec.steps[0].action: there is no action "acme:deploy" here.`)

	printed, err = offline(t, "catalog", "validate", file, "--server", base, "--token", "mine")
	require.Error(t, err)
	require.Contains(t, printed, "line 11: spec.steps[0].input.region: acme:deploy takes something else")
	require.NotContains(t, printed, "there is no")
	require.NotContains(t, printed, "shout")
	require.NotContains(t, printed, "greet")

	_, err = offline(t, "catalog", "validate", file, "--server", base, "--token", "another")
	require.ErrorContains(t, err, "Illegal token")
	_, err = offline(t, "catalog", "validate", file, "--server", "nowhere", "--token", "mine")
	require.ErrorContains(t, err, "--server nowhere: write http://host:port or https://host")
	_, err = offline(t, "catalog", "validate", file, "--server", "http://127.0.0.1:1", "--token", "mine")
	require.ErrorContains(t, err, "Name another place with --server")
}

// TestBuiltInFiltersAreUsedForAServerWithoutAList: Backstage lists them only since 2025.
func TestBuiltInFiltersAreUsedForAServerWithoutAList(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "template.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: { name: shop }
spec: { type: service, steps: [ { action: "debug:log", input: { message: "${{ parameters.repoUrl | projectSlug }}" } } ] }
`), 0o600))
	base := portal(t, map[string]http.HandlerFunc{"GET /api/scaffolder/v2/actions": answer(`[{"id":"debug:log","schema":{}}]`)})
	printed, err := offline(t, "catalog", "validate", file, "--server", base, "--token", "mine")
	require.NoError(t, err, printed)
	require.NotContains(t, printed, "projectSlug")
}
