package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/workspace"
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
func (writeAction) Run(_ context.Context, call *action.Call) (action.Output, error) {
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
	target, err := workspace.Resolve(call.Workspace, path)
	if err != nil {
		return nil, err
	}
	descriptor, err := describe(input.Entity, call.Template.EntityRef)
	if err != nil {
		return nil, action.InputError("entity: %s", err)
	}
	if err := call.Workspace.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return nil, workspace.ExplainPath(path, err)
	}
	return nil, workspace.ExplainPath(path, call.Workspace.WriteFile(target, descriptor, 0o644))
}

// describe encodes the entity as YAML, keeps the order of its keys, and annotates it with the template.
func describe(entity json.RawMessage, templateRef string) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(entity))
	decoder.UseNumber()
	node, err := toYAML(decoder)
	if err != nil {
		return nil, err
	}
	if templateRef != "" {
		if err := annotate(node, templateRef); err != nil {
			return nil, err
		}
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(node); err != nil {
		return nil, err
	}
	return out.Bytes(), encoder.Close()
}

// toYAML reads the next JSON value without losing the order of keys.
func toYAML(decoder *json.Decoder) (*yaml.Node, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch value := token.(type) {
	case json.Delim:
		if value == '{' {
			return members(decoder, &yaml.Node{Kind: yaml.MappingNode})
		}
		return members(decoder, &yaml.Node{Kind: yaml.SequenceNode})
	case json.Number:
		return numberNode(value), nil
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(value)}, nil
	case string:
		return stringNode(value), nil
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}, nil
}

// members reads the members of an object or an array, up to and with its closing delimiter.
func members(decoder *json.Decoder, into *yaml.Node) (*yaml.Node, error) {
	for decoder.More() {
		child, err := toYAML(decoder)
		if err != nil {
			return nil, err
		}
		into.Content = append(into.Content, child)
	}
	_, err := decoder.Token()
	return into, err
}

func stringNode(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}

func numberNode(number json.Number) *yaml.Node {
	if _, err := number.Int64(); err == nil {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: number.String()}
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!float", Value: number.String()}
}

// annotate adds the annotation that names the entity's template.
func annotate(entity *yaml.Node, templateRef string) error {
	metadata, err := child(entity, "metadata")
	if err != nil {
		return err
	}
	annotations, err := child(metadata, "annotations")
	if err != nil {
		return err
	}
	set(annotations, annotationSourceTemplate, stringNode(templateRef))
	return nil
}

// child returns the object under a key, and creates it if there is none.
func child(of *yaml.Node, key string) (*yaml.Node, error) {
	for n := 0; n < len(of.Content); n += 2 {
		if of.Content[n].Value != key {
			continue
		}
		switch found := of.Content[n+1]; {
		case found.Kind == yaml.MappingNode:
			return found, nil
		case found.Tag != "!!null":
			return nil, errors.New(key + " is not an object")
		}
	}
	made := &yaml.Node{Kind: yaml.MappingNode}
	set(of, key, made)
	return made, nil
}

// set sets the value of a key. A new key comes last.
func set(of *yaml.Node, key string, value *yaml.Node) {
	for n := 0; n < len(of.Content); n += 2 {
		if of.Content[n].Value == key {
			of.Content[n+1] = value
			return
		}
	}
	of.Content = append(of.Content, stringNode(key), value)
}
