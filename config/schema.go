package config

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed schema.yaml
var schemaYAML []byte

// schema is one node of schema.yaml, whose first comment explains the keywords.
type schema struct {
	Type        string    `yaml:"type"`
	Description string    `yaml:"description"`
	Default     yaml.Node `yaml:"default"`
	Format      string    `yaml:"format"`
	Visibility  string    `yaml:"visibility"`
	Enum        []string  `yaml:"enum"`
	Minimum     *int64    `yaml:"minimum"`
	Maximum     *int64    `yaml:"maximum"`
	MinLength   int       `yaml:"minLength"`
	Off         bool      `yaml:"off"`
	Seconds     bool      `yaml:"seconds"`
	Millis      bool      `yaml:"milliseconds"`
	Scalar      bool      `yaml:"scalar"`
	Positive    bool      `yaml:"positive"`
	Optional    bool      `yaml:"optional"`
	Shorthand   string    `yaml:"shorthand"`
	Required    []string  `yaml:"required"`
	Conflicts   []string  `yaml:"conflicts"`
	Single      []string  `yaml:"single"`
	Whole       bool      `yaml:"whole"`
	Unsupported string    `yaml:"unsupported"`
	Nullable    bool      `yaml:"nullable"`

	Properties map[string]*schema `yaml:"properties"`
	Additional additional         `yaml:"additionalProperties"`
	Items      *schema            `yaml:"items"`
}

// additional is what an object allows besides its properties: anything (the zero value), nothing, or one kind
// of value.
type additional struct {
	refused bool
	schema  *schema
}

func (a *additional) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.MappingNode {
		return node.Decode(&a.schema)
	}
	var allowed bool
	if err := node.Decode(&allowed); err != nil {
		return fmt.Errorf("additionalProperties: %w", err)
	}
	a.refused = !allowed
	return nil
}

// rootSchema is schema.yaml, parsed once.
var rootSchema = sync.OnceValue(func() *schema {
	var root schema
	if err := yaml.Unmarshal(schemaYAML, &root); err != nil {
		panic(fmt.Sprintf("config/schema.yaml: %v", err))
	}
	return &root
})

func (s *schema) propertyNames() []string {
	return slices.Sorted(maps.Keys(s.Properties))
}
