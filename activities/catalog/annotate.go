package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/workspace"
	"github.com/portico-dev/portico/scaffolder/yamltext"
)

const (
	annotationCreatedAt       = "backstage.io/createdAt"
	annotationTemplateVersion = "backstage.io/template-version"
	// maxDescriptorBytes bounds a descriptor that is read.
	maxDescriptorBytes = 256 << 10
)

// annotateAction is catalog:annotate, and the actions that annotate with something of their own.
type annotateAction struct {
	action.NoEffects

	id, description, line string
	// own adds what the action itself says of the entity; nil adds nothing.
	own      func(ctx context.Context, call *action.Call, annotations, spec *nunjucks.Object) error
	examples []action.Example
	// differences are those of this action alone.
	differences []string
}

// annotateActions are the actions that annotate descriptors.
func annotateActions(catalog Service, now func() time.Time) []action.Action {
	return []action.Action{
		annotateAction{
			id: "catalog:annotate", line: "Annotating your object",
			description: "Adds labels, annotations and members of the spec to an entity's descriptor.",
			examples: []action.Example{
				{Description: "Name the repository in the descriptor", Example: annotateExample("catalog:annotate", `      annotations:
        github.com/project-slug: ${{ parameters.repoUrl | projectSlug }}
`)},
				{Description: "Set the owner of another descriptor", Example: annotateExample("catalog:annotate", `      entityFilePath: docs/catalog-info.yaml
      writeToFile: docs/catalog-info.yaml
      spec:
        owner: ${{ parameters.owner }}
`)},
			},
		},
		annotateAction{
			id: "catalog:timestamping", line: "Annotating catalog-info.yaml with current timestamp",
			description: "Annotates an entity's descriptor with the present time.",
			own: func(_ context.Context, _ *action.Call, annotations, _ *nunjucks.Object) error {
				annotations.Set(annotationCreatedAt, now().UTC().Format("1/2/2006, 3:04:05 PM"))
				return nil
			},
			differences: []string{"The time is that of UTC. Backstage's action writes that of the server's time zone."},
			examples:    ownExamples("catalog:timestamping"),
		},
		annotateAction{
			id: "catalog:scaffolded-from", line: "Annotating catalog-info.yaml with template entityRef",
			description: "Writes into the spec of an entity's descriptor from which template it was made.",
			own: func(_ context.Context, call *action.Call, _, spec *nunjucks.Object) error {
				if call.Template.EntityRef != "" {
					spec.Set("scaffoldedFrom", call.Template.EntityRef)
				}
				return nil
			},
			examples: ownExamples("catalog:scaffolded-from"),
		},
		annotateAction{
			id: "catalog:template:version", line: "Annotating catalog-info.yaml with the version of the scaffolder template",
			description: "Annotates an entity's descriptor with the version of the template: the template's own annotation backstage.io/template-version.",
			own: func(ctx context.Context, call *action.Call, annotations, _ *nunjucks.Object) error {
				return annotateVersion(ctx, catalog, call, annotations)
			},
			differences: []string{"The version is the one that the catalog has when the step runs."},
			examples:    ownExamples("catalog:template:version"),
		},
	}
}

func annotateExample(id, input string) string {
	return fmt.Sprintf("steps:\n  - id: annotate\n    name: Annotate the descriptor\n    action: %s\n    input:\n%s", id, input)
}

// ownExamples are those of the actions that need no input.
func ownExamples(id string) []action.Example {
	return []action.Example{
		{Description: "Annotate catalog-info.yaml", Example: annotateExample(id, "      entityFilePath: catalog-info.yaml\n")},
		{Description: "Annotate another descriptor, and label it", Example: annotateExample(id, `      entityFilePath: service/catalog-info.yaml
      writeToFile: service/catalog-info.yaml
      labels:
        made-by: template
`)},
	}
}

func (a annotateAction) Describe() action.Description {
	return action.Description{
		ID: a.id, Description: a.description, Examples: a.examples, InputSchema: annotateInput, OutputSchema: annotateOutput,
		SupportsDryRun: true, Quick: true, UsesWorkspace: true,
		Differences: append([]string{
			"A descriptor without metadata gets them. Backstage's action fails.",
			"The descriptor is written when any of labels, annotations and spec has members. Backstage's action looks at the first that is given.",
			"A dry run annotates, too.",
		}, a.differences...),
	}
}

// annotation is the input of the actions.
type annotation struct {
	Labels, Annotations, Spec, ObjectYAML json.RawMessage
	EntityFilePath, WriteToFile           string
}

// Run annotates the descriptor, and outputs it.
func (a annotateAction) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	var input annotation
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	entity, err := input.entity(ctx, call)
	if err != nil {
		return nil, err
	}
	changed, err := a.annotate(ctx, call, input, entity)
	if err != nil {
		return nil, err
	}
	text, err := yamltext.Write(ctx, entity, yamltext.Options{})
	if err != nil {
		return nil, action.InputError("the entity: %w", err)
	}
	if changed {
		call.Log.Info("%s", a.line)
		if err := writeDescriptor(call, orDefault(input.WriteToFile), text); err != nil {
			return nil, err
		}
	}
	return action.Output{"annotatedObject": text}, nil
}

func orDefault(path string) string {
	if path == "" {
		return defaultDescriptor
	}
	return path
}

// annotate adds to the metadata and the spec. It reports whether there was something to add.
func (a annotateAction) annotate(ctx context.Context, call *action.Call, input annotation, entity *nunjucks.Object) (changed bool, err error) {
	metadata, err := member(entity, "metadata")
	if err != nil {
		return false, err
	}
	annotations, err := member(metadata, "annotations")
	if err != nil {
		return false, err
	}
	labels, err := member(metadata, "labels")
	if err != nil {
		return false, err
	}
	spec, err := member(entity, "spec")
	if err != nil {
		return false, err
	}
	if a.own != nil {
		if err := a.own(ctx, call, annotations, spec); err != nil {
			return false, err
		}
	}
	changed = a.own != nil
	for _, each := range []struct {
		to    *nunjucks.Object
		added json.RawMessage
	}{{annotations, input.Annotations}, {labels, input.Labels}, {spec, input.Spec}} {
		added, err := decodeObject(each.added)
		if err != nil {
			return false, err
		}
		for name, value := range added.All() {
			each.to.Set(name, value)
			changed = true
		}
	}
	return changed, nil
}

// entity is the one in the input, or that of the descriptor.
func (n annotation) entity(ctx context.Context, call *action.Call) (*nunjucks.Object, error) {
	if n.ObjectYAML != nil {
		return decodeObject(n.ObjectYAML)
	}
	name := orDefault(n.EntityFilePath)
	path, err := workspace.Resolve(call.Workspace, name)
	if err != nil {
		return nil, err
	}
	info, err := call.Workspace.Stat(path)
	if err != nil {
		return nil, workspace.ExplainPath(name, err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxDescriptorBytes {
		return nil, action.InputError("%s is not a file of at most %d KiB", name, maxDescriptorBytes>>10)
	}
	content, err := call.Workspace.ReadFile(path)
	if err != nil {
		return nil, workspace.ExplainPath(name, err)
	}
	value, err := yamltext.Parse(ctx, string(content))
	if err != nil {
		return nil, action.InputError("%s: %w", name, err)
	}
	entity, isObject := value.(*nunjucks.Object)
	if !isObject {
		return nil, action.InputError("%s does not have an entity", name)
	}
	return entity, nil
}

// decodeObject reads an object, whose keys keep their order. Nothing is an empty one.
func decodeObject(data json.RawMessage) (*nunjucks.Object, error) {
	if data == nil {
		return nunjucks.NewObject(), nil
	}
	value, err := nunjucks.DecodeJSON(data)
	if err != nil {
		return nil, action.InputError("%w", err)
	}
	object, isObject := value.(*nunjucks.Object)
	if !isObject {
		return nil, action.InputError("%s is not an object", nunjucks.Describe(value))
	}
	return object, nil
}

// member returns the object under a key, and makes it if there is none.
func member(of *nunjucks.Object, key string) (*nunjucks.Object, error) {
	value, _ := of.Get(key)
	switch value := value.(type) {
	case *nunjucks.Object:
		return value, nil
	case nil:
	default:
		if value != nunjucks.Undefined {
			return nil, action.InputError("entity: %s is not an object", key)
		}
	}
	made := nunjucks.NewObject()
	of.Set(key, made)
	return made, nil
}

// writeDescriptor writes a descriptor and makes the directories above it.
func writeDescriptor(call *action.Call, name, text string) error {
	path, err := workspace.Resolve(call.Workspace, name)
	if err != nil {
		return err
	}
	if err := call.Workspace.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return workspace.ExplainPath(name, err)
	}
	return workspace.ExplainPath(name, call.Workspace.WriteFile(path, []byte(text), 0o644))
}

// annotateVersion adds the template's version, if the template has one.
func annotateVersion(ctx context.Context, catalog Service, call *action.Call, annotations *nunjucks.Object) error {
	if call.Template.EntityRef == "" {
		return nil
	}
	by := principal(call.RunID, call.User, call.Starter)
	documents, err := catalog.EntitiesByRefs(ctx, by, []string{call.Template.EntityRef}, nil, nil)
	if err != nil {
		return action.Classify(err)
	}
	var template struct {
		Metadata struct {
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
	}
	if len(documents) == 0 || documents[0] == nil {
		return nil
	}
	if err := json.Unmarshal(documents[0], &template); err != nil {
		return action.Final(fmt.Errorf("template %s: %w", call.Template.EntityRef, err))
	}
	if version, has := template.Metadata.Annotations[annotationTemplateVersion]; has {
		annotations.Set(annotationTemplateVersion, version)
	}
	return nil
}
