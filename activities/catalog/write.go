package catalog

import (
	"context"
	"encoding/json"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/yamltext"
)

const (
	defaultDescriptor        = "catalog-info.yaml"
	annotationSourceTemplate = "backstage.io/source-template"
)

// writeAction is catalog:write.
type writeAction struct{ action.NoEffects }

func (writeAction) Describe() action.Description {
	return action.Description{
		ID:             "catalog:write",
		Description:    "Writes the catalog-info.yaml for your template",
		InputSchema:    writeInput,
		SupportsDryRun: true,
		Quick:          true,
		UsesWorkspace:  true,
		Examples: []action.Example{
			{Description: "Describe the new service", Example: `steps:
  - id: describe
    name: Write the descriptor
    action: catalog:write
    input:
      filePath: catalog-info.yaml
      entity:
        apiVersion: backstage.io/v1alpha1
        kind: Component
        metadata:
          name: ${{ parameters.name }}
          annotations:
            github.com/project-slug: ${{ parameters.repoUrl | projectSlug }}
        spec:
          type: service
          lifecycle: experimental
          owner: ${{ parameters.owner }}
`},
		},
	}
}

// Run writes the entity as YAML, with the template it came from.
func (writeAction) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	var input struct {
		FilePath *string
		Entity   json.RawMessage
	}
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	path := defaultDescriptor
	if input.FilePath != nil {
		path = *input.FilePath
	}
	call.Log.Info("Writing %s", path)
	entity, err := decodeObject(input.Entity)
	if err != nil {
		return nil, err
	}
	if call.Template.EntityRef != "" {
		if err := annotateSource(entity, call.Template.EntityRef); err != nil {
			return nil, err
		}
	}
	descriptor, err := yamltext.Write(ctx, entity, yamltext.Options{})
	if err != nil {
		return nil, action.InputError("entity: %w", err)
	}
	return nil, writeDescriptor(call, path, descriptor)
}

// annotateSource adds the annotation that names the entity's template.
func annotateSource(entity *nunjucks.Object, templateRef string) error {
	metadata, err := member(entity, "metadata")
	if err != nil {
		return err
	}
	annotations, err := member(metadata, "annotations")
	if err != nil {
		return err
	}
	annotations.Set(annotationSourceTemplate, templateRef)
	return nil
}
