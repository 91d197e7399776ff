package api

import (
	"fmt"
	"math"
	"slices"
)

// schema is the part of JSON Schema that request bodies need. It checks a decoded body, in the words of the validator that
// Backstage uses, and prints itself into the OpenAPI document.
type schema struct {
	kind       string // object, array, string, integer, number, boolean, or "" for anything
	properties map[string]*schema
	required   []string
	items      *schema
	closed     bool // no other properties
	optional   bool // for a body: it may be left out
	about      string
}

func object(required []string, properties map[string]*schema) *schema {
	return &schema{kind: "object", required: required, properties: properties}
}

func arrayOf(items *schema) *schema { return &schema{kind: "array", items: items} }

func value(kind, about string) *schema { return &schema{kind: kind, about: about} }

func anything(about string) *schema { return &schema{about: about} }

// check returns one sentence per violation; at is the path so far.
func (s *schema) check(at string, v any) []string {
	if !s.accepts(v) {
		return []string{fmt.Sprintf("%s must be %s", at, s.kind)}
	}
	switch v := v.(type) {
	case map[string]any:
		return s.checkObject(at, v)
	case []any:
		return s.checkArray(at, v)
	}
	return nil
}

func (s *schema) accepts(v any) bool {
	switch s.kind {
	case "object":
		_, is := v.(map[string]any)
		return is
	case "array":
		_, is := v.([]any)
		return is
	case "string":
		_, is := v.(string)
		return is
	case "boolean":
		_, is := v.(bool)
		return is
	case "number":
		_, is := v.(float64)
		return is
	case "integer":
		n, is := v.(float64)
		return is && n == math.Trunc(n)
	default:
		return true
	}
}

func (s *schema) checkObject(at string, v map[string]any) []string {
	var problems []string
	for _, name := range s.required {
		if _, has := v[name]; !has {
			problems = append(problems, fmt.Sprintf("%s must have required property '%s'", at, name))
		}
	}
	for _, name := range sortedKeys(v) {
		property, known := s.properties[name]
		switch {
		case known:
			problems = append(problems, property.check(at+"/"+name, v[name])...)
		case s.closed:
			problems = append(problems, at+" must NOT have additional properties")
		}
	}
	return problems
}

func (s *schema) checkArray(at string, v []any) []string {
	if s.items == nil {
		return nil
	}
	var problems []string
	for i, item := range v {
		problems = append(problems, s.items.check(fmt.Sprintf("%s/%d", at, i), item)...)
	}
	return problems
}

// openAPI is the schema as the OpenAPI document has it.
func (s *schema) openAPI() map[string]any {
	out := map[string]any{}
	if s.kind != "" {
		out["type"] = s.kind
	}
	if s.about != "" {
		out["description"] = s.about
	}
	if s.items != nil {
		out["items"] = s.items.openAPI()
	}
	if s.kind == "object" {
		properties := map[string]any{}
		for name, property := range s.properties {
			properties[name] = property.openAPI()
		}
		out["properties"] = properties
		out["additionalProperties"] = !s.closed
	}
	if len(s.required) > 0 {
		out["required"] = slices.Clone(s.required)
	}
	return out
}
