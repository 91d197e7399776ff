package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
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
	require.Contains(t, printed, `line 9, column 7: spec.steps[0].action: there is no action "acme:deploy" here.`)

	printed, err = offline(t, "catalog", "validate", file, "--server", base, "--token", "mine")
	require.Error(t, err)
	require.Contains(t, printed, "line 11, column 9: spec.steps[0].input.region: acme:deploy takes something else")
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

const ownKinds = `catalog:
  model:
    layers:
      - layerId: acme.example.com/datasets
        kinds:
          - group: acme.example.com
            names: { kind: Dataset }
            versions:
              - name: v1
                relationFields: [{ selector: { path: spec.owner }, relation: ownedBy, defaultKind: Group }]
                schema:
                  jsonSchema:
                    properties: { spec: { type: object, required: [owner], properties: { owner: { type: string }, rows: { type: integer } } } }
        annotations:
          - name: acme.example.com/tier
            schema: { jsonSchema: { enum: [gold, silver] } }
`

const ownEntities = `apiVersion: acme.example.com/v1
kind: Dataset
metadata:
  name: orders
spec: { owner: shop, rows: 3 }
---
apiVersion: acme.example.com/v1
kind: Dataset
metadata:
  name: clicks
  annotations:
    acme.example.com/tier: bronze
spec: { owner: shop }
---
apiVersion: acme.example.com/v1
kind: Dataset
metadata: { name: visits }
spec:
  owner: shop
  rows: many
---
kind: [
`

// TestFindingsArePrintedWithTheirPositions, in each format.
func TestFindingsArePrintedWithTheirPositions(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	file, layers := filepath.Join(directory, "own kinds.yaml"), filepath.Join(directory, "app-config.yaml")
	require.NoError(t, os.WriteFile(file, []byte(ownEntities), 0o600))
	require.NoError(t, os.WriteFile(layers, []byte(ownKinds), 0o600))

	printed, err := offline(t, "catalog", "validate", file)
	require.Error(t, err)
	require.Equal(t, 3, strings.Count(printed, "No processor recognized the entity dataset:default/"), printed)

	printed, err = offline(t, "catalog", "validate", file, "--config", layers)
	require.Error(t, err)
	require.Contains(t, printed, "✓ "+file+"  dataset:default/orders")
	require.Contains(t, printed, "line 12, column 5: Policy check failed for dataset:default/clicks; caused by TypeError: /metadata/annotations/acme.example.com~1tier must be equal to one of the allowed values")
	require.Contains(t, printed, "line 20, column 3: Processor CatalogModelProcessor threw an error while validating the entity dataset:default/visits; caused by TypeError: /spec/rows must be integer")
	require.Contains(t, printed, "line 22, column 1: YAML error")

	printed, err = offline(t, "catalog", "validate", file, "--config", layers, "-o", "json")
	require.Error(t, err)
	var listed []finding
	require.NoError(t, json.Unmarshal([]byte(printed), &listed))
	require.Len(t, listed, 4)
	require.True(t, listed[0].Valid)
	require.Empty(t, listed[0].Problems)
	require.Equal(t, []int{20, 3}, []int{listed[2].Problems[0].Line, listed[2].Problems[0].Column})

	printed, err = offline(t, "catalog", "validate", file, "--config", layers, "-o", "sarif")
	require.Error(t, err)
	var log sarif
	require.NoError(t, json.Unmarshal([]byte(printed), &log))
	require.Equal(t, "2.1.0", log.Version)
	require.Len(t, log.Runs[0].Results, 3)
	result := log.Runs[0].Results[1]
	require.Equal(t, log.Runs[0].Tool.Driver.Rules[0].ID, result.RuleID)
	require.Equal(t, "error", result.Level)
	require.Equal(t, &sarifRegion{20, 3}, result.Locations[0].PhysicalLocation.Region)
	require.Equal(t, (&url.URL{Scheme: "file", Path: file}).String(), result.Locations[0].PhysicalLocation.ArtifactLocation.URI)
	require.Equal(t, sarifArtifact{URI: "a%20b/c.yaml", URIBaseID: "%SRCROOT%"}, artifactOf("./a b/c.yaml"))
	_, err = offline(t, "catalog", "validate", file, "-o", "xml")
	require.ErrorContains(t, err, "use text, json or sarif")
}

// TestABadLayerIsRefusedAtItsLine.
func TestABadLayerIsRefusedAtItsLine(t *testing.T) {
	t.Parallel()
	layers := filepath.Join(t.TempDir(), "app-config.yaml")
	require.NoError(t, os.WriteFile(layers, []byte(`catalog:
  model:
    layers:
      - layerId: acme
        kinds:
          - group: acme.example.com
            names: { kind: Dataset }
            versions:
              - name: v1
                relationFields:
                  - selector: { path: spec.owner }
                    relation: ownedBy
                    allowedKinds: [Group, Person]
                schema:
                  jsonSchema:
                    properties:
                      spec:
                        type: objekt
`), 0o600))
	_, err := offline(t, "catalog", "validate", layers, "--config", layers)
	require.ErrorContains(t, err, layers+":18: 'catalog.model.layers.0.kinds.0.versions.0.schema.jsonSchema.properties.spec.type': not a JSON Schema: ")
	require.ErrorContains(t, err, layers+":13: 'catalog.model.layers.0.kinds.0.versions.0.relationFields.0.allowedKinds.1': there is no kind Person; there are")
}
