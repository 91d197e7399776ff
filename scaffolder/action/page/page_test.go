package page_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/page"
)

func TestAPageSaysAllThatAnActionSays(t *testing.T) {
	t.Parallel()
	text, err := page.Of(action.Description{
		ID: "make:thing", Description: "Makes a thing.", Undoes: "Deletes the thing.", Needs: []string{"A maker."},
		Differences: []string{"It makes one thing only."}, SupportsDryRun: true,
		Examples: []action.Example{{Description: "One thing", Example: "steps:\n  - id: a\n"}},
		InputSchema: json.RawMessage(`{"type":"object","required":["name"],"properties":{
			"name":{"type":"string","description":"Its | name."},
			"size":{"enum":["s","m"],"default":"s","title":"How large"},
			"parts":{"type":"array","items":{"type":"object","properties":{"weight":{"type":["number","string"]}}}},
			"owner":{"anyOf":[{"type":"string"},{"type":"array","items":{"type":"string"}}]}}}`),
	})
	require.NoError(t, err)
	require.Equal(t, "# make:thing\n\nMakes a thing.\n\n## What it needs\n\n- A maker.\n\n## What a rollback does\n\nDeletes the thing.\n\n"+
		"## Input\n\n| Name | Type | Description |\n|---|---|---|\n"+
		"| `name` | string | Its \\| name (required) |\n"+
		"| `size` | `s`, `m` | How large (default `\"s\"`) |\n"+
		"| `parts` | list of object |  |\n"+
		"| `parts[].weight` | number or string |  |\n"+
		"| `owner` | string or list of string |  |\n\n"+
		"## Output\n\nIt declares no output.\n\n"+
		"## Examples\n\nOne thing:\n\n```yaml\nsteps:\n  - id: a\n```\n\n"+
		"## Dry run\n\nA dry run runs it, without effects outside the workspace.\n\n"+
		"## What differs from Backstage\n\n- It makes one thing only.\n", text)
}

func TestAPageNeedsValidSchemas(t *testing.T) {
	t.Parallel()
	_, err := page.Of(action.Description{ID: "make:thing", InputSchema: json.RawMessage(`{`)})
	require.ErrorContains(t, err, "page of make:thing: schema")
}
