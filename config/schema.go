package config

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed schema.yaml
var schemaYAML []byte

// schema is one node of schema.yaml, whose head explains the words.
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
	Optional    bool      `yaml:"optional"`
	Shorthand   string    `yaml:"shorthand"`
	Required    []string  `yaml:"required"`
	Conflicts   []string  `yaml:"conflicts"`

	Properties map[string]*schema `yaml:"properties"`
	Additional additional         `yaml:"additionalProperties"`
	Items      *schema            `yaml:"items"`
}

// additional is what an object allows besides its properties: anything (the zero value), nothing, or one kind of value.
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

// Key is one line of the reference: a key that Portico reads.
type Key struct {
	// Path is the key with its sections, [] standing for a list's items and <name> for any name: catalog.locations[].type.
	Path string
	// Type is string, boolean, integer, duration or strings.
	Type        string
	Default     string
	Description string
	// Required says that the key must be there where its section is.
	Required bool
	// Secret says that the value is never shown.
	Secret bool
	// Env is the environment variable that overrides the key, "" for a key inside a list.
	Env string
}

// Keys is the reference of all keys, by path.
func Keys() []Key {
	return rootSchema().keys("", false)
}

func (s *schema) keys(path string, required bool) []Key {
	switch s.Type {
	case "array":
		return s.Items.keys(path+"[]", false)
	case "object":
		var keys []Key
		for _, name := range s.propertyNames() {
			below := strings.TrimPrefix(path+"."+name, ".")
			keys = append(keys, s.Properties[name].keys(below, slices.Contains(s.Required, name))...)
		}
		if s.Additional.schema != nil {
			keys = append(keys, s.Additional.schema.keys(path+".<name>", false)...)
		}
		return keys
	}
	key := Key{
		Path: path, Type: s.Type, Default: s.defaultText(), Description: s.Description,
		Required: required, Secret: s.Visibility == "secret",
	}
	if !strings.Contains(path, "[]") {
		key.Env = overridePrefix + strings.ReplaceAll(path, ".", "_")
	}
	return []Key{key}
}

func (s *schema) defaultText() string {
	if s.Default.Kind != yaml.SequenceNode {
		return s.Default.Value
	}
	items := make([]string, len(s.Default.Content))
	for n, item := range s.Default.Content {
		items[n] = item.Value
	}
	return strings.Join(items, ", ")
}
