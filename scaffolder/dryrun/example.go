package dryrun

import "encoding/json"

// outputSchema is the part of an output schema that example outputs are made from.
type outputSchema struct {
	Type       any                        `json:"type"`
	Examples   []any                      `json:"examples"`
	Properties map[string]json.RawMessage `json:"properties"`
	Items      json.RawMessage            `json:"items"`
}

// exampleOutput invents the output of an action that a dry run skips, by its schema, as Backstage does.
func exampleOutput(schema json.RawMessage) any {
	if len(schema) == 0 {
		return map[string]any{}
	}
	var s outputSchema
	if json.Unmarshal(schema, &s) != nil {
		return "<unknown>"
	}
	if len(s.Examples) > 0 {
		return s.Examples[0]
	}
	switch s.Type {
	case "object":
		object := map[string]any{}
		for name, property := range s.Properties {
			object[name] = exampleOutput(property)
		}
		return object
	case "array":
		if len(s.Items) == 0 {
			return []any{}
		}
		return []any{exampleOutput(s.Items)}
	case "string":
		return "<example>"
	case "number", "integer":
		return 0
	case "boolean":
		return false
	default:
		return "<unknown>"
	}
}
