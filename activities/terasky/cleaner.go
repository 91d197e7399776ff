package terasky

import (
	"context"
	"encoding/json"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// width is js-yaml's own width of lines.
const width = 80

// cleanCatalogInfo is terasky:catalog-info-cleaner.
type cleanCatalogInfo struct {
	action.NoEffects

	options Options
}

// Describe lists the action with the published schemas.
func (cleanCatalogInfo) Describe() action.Description {
	return action.Description{
		ID: "terasky:catalog-info-cleaner", Description: "Writes an entity of the catalog as its descriptor catalog-info.yaml, without what the catalog has added.",
		InputSchema: schema("cleaner.input"), OutputSchema: schema("cleaner.output"), Quick: true, UsesWorkspace: true,
		Differences: []string{"The log does not repeat the entity when it is longer than 4096 characters."},
		Examples: []action.Example{
			{Description: "Give a component that was ingested a descriptor of its own", Example: `steps:
  - id: entity
    name: Write the descriptor
    action: terasky:catalog-info-cleaner
    input:
      entity:
        apiVersion: backstage.io/v1alpha1
        kind: Component
        metadata: ${{ steps.fetch.output.entity.metadata }}
        spec: ${{ steps.fetch.output.entity.spec }}
`},
		},
	}
}

// added are the annotations of the catalog.
var added = []string{"backstage.io/managed-by-location", "backstage.io/managed-by-origin-location"}

// Run writes the descriptor.
func (a cleanCatalogInfo) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	ctx, leave := a.options.Enter(ctx)
	defer leave()
	var wanted struct {
		Entity json.RawMessage `json:"entity"`
	}
	if err := call.Decode(&wanted); err != nil {
		return nil, err
	}
	entity, err := object(ctx, "entity", wanted.Entity)
	if err != nil {
		return nil, err
	}
	announce(call, "Running example template with parameters: %s", entity)
	text := dump(cleaned(entity), width)
	file, err := write(call, "catalog-info.yaml", text)
	return action.Output{"manifest": text, "filePath": file}, err
}

// maxLogged bounds what the log repeats of an input.
const maxLogged = 4096

// announce logs a value as JSON, unless it is long.
func announce(call *action.Call, format string, value nunjucks.Value) {
	if encoded, err := nunjucks.EncodeJSON(value); err == nil && len(encoded) <= maxLogged {
		call.Log.Info(format, encoded)
	}
}

// cleaned is the entity without what the catalog has added, with its members in the order of a descriptor.
func cleaned(entity *nunjucks.Object) *nunjucks.Object {
	metadata, spec := get(entity, "metadata"), get(entity, "spec")
	if own, is := metadata.(*nunjucks.Object); is {
		own.Delete("uid")
		own.Delete("etag")
		if annotations, is := get(own, "annotations").(*nunjucks.Object); is {
			for _, one := range added {
				annotations.Delete(one)
			}
		}
	}
	undefined := nunjucks.Undefined
	return members("apiVersion", get(entity, "apiVersion"), "kind", get(entity, "kind"),
		"metadata", over(members("name", undefined, "namespace", undefined, "annotations", undefined), metadata),
		"spec", over(members("type", undefined, "system", undefined, "owner", undefined, "lifecycle", undefined), spec))
}
