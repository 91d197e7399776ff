package config

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// CatalogModel has what entities may be in addition to the built-in kinds.
type CatalogModel struct {
	Layers []ModelLayer `yaml:"layers"`
}

// ModelLayer is a part of the model. Its keys are the arguments of the builder of Backstage's model layers.
type ModelLayer struct {
	LayerID       string              `yaml:"layerId"`
	Kinds         []ModelKind         `yaml:"kinds"`
	RelationPairs []ModelRelationPair `yaml:"relationPairs"`
	Annotations   []ModelValue        `yaml:"annotations"`
	Labels        []ModelValue        `yaml:"labels"`
}

// ModelKind is a kind of one's own, or further versions and types of a built-in one.
type ModelKind struct {
	Group string `yaml:"group"`
	Names struct {
		Kind     string `yaml:"kind"`
		Singular string `yaml:"singular"`
		Plural   string `yaml:"plural"`
	} `yaml:"names"`
	Description string             `yaml:"description"`
	Versions    []ModelKindVersion `yaml:"versions"`
}

// ModelKindVersion is what entities of a kind, an API version and possibly a spec.type must be.
type ModelKindVersion struct {
	Name           []string             `yaml:"name"`
	SpecType       string               `yaml:"specType"`
	Description    string               `yaml:"description"`
	RelationFields []ModelRelationField `yaml:"relationFields"`
	Schema         ModelSchema          `yaml:"schema"`
}

// ModelRelationField is a field that holds references.
type ModelRelationField struct {
	Selector struct {
		Path string `yaml:"path"`
	} `yaml:"selector"`
	Relation         string   `yaml:"relation"`
	DefaultKind      string   `yaml:"defaultKind"`
	DefaultNamespace string   `yaml:"defaultNamespace"`
	AllowedKinds     []string `yaml:"allowedKinds"`
}

// ModelSchema is a JSON Schema; a nil value accepts anything.
type ModelSchema struct {
	JSONSchema JSON `yaml:"jsonSchema"`
}

// ModelRelationPair is a relation and its reverse.
type ModelRelationPair struct {
	FromKind    []string          `yaml:"fromKind"`
	ToKind      []string          `yaml:"toKind"`
	Description string            `yaml:"description"`
	Forward     ModelRelationName `yaml:"forward"`
	Reverse     ModelRelationName `yaml:"reverse"`
}

// ModelRelationName is the type of a relation, and its name for people.
type ModelRelationName struct {
	Type  string `yaml:"type"`
	Title string `yaml:"title"`
}

// ModelValue is a rule for an annotation or a label.
type ModelValue struct {
	Name        string      `yaml:"name"`
	Title       string      `yaml:"title"`
	Description string      `yaml:"description"`
	Schema      ModelSchema `yaml:"schema"`
}

// JSON is any value, as encoding/json would decode it.
type JSON struct{ Value any }

// UnmarshalYAML reads the value of any node.
func (j *JSON) UnmarshalYAML(node *yaml.Node) error {
	if err := node.Decode(&j.Value); err != nil {
		return fmt.Errorf("line %d: %w", node.Line, err)
	}
	return nil
}

// asWritten is the node of a value that is not checked.
func (v *value) asWritten() *yaml.Node {
	switch v.kind {
	case list:
		out := &yaml.Node{Kind: yaml.SequenceNode}
		for _, item := range v.items {
			out.Content = append(out.Content, item.asWritten())
		}
		return out
	case object:
		out := &yaml.Node{Kind: yaml.MappingNode}
		for _, member := range v.fields {
			out.Content = append(out.Content, plain(stringTag, member.key), member.value.asWritten())
		}
		return out
	case scalar:
		if isText(v) {
			return plain(stringTag, v.text)
		}
	}
	return plain(v.tag, v.text)
}
