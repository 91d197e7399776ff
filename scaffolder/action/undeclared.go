package action

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// Inputs returns the names of the inputs that the action declares, sorted. open is true when others are
// allowed, too.
func (d Description) Inputs() (names []string, open bool) {
	var schema struct {
		Properties           map[string]json.RawMessage `json:"properties"`
		PatternProperties    map[string]json.RawMessage `json:"patternProperties"`
		AdditionalProperties json.RawMessage            `json:"additionalProperties"`
	}
	if len(d.InputSchema) == 0 || json.Unmarshal(d.InputSchema, &schema) != nil {
		return nil, true
	}
	open = string(schema.AdditionalProperties) != "false" || len(schema.PatternProperties) > 0
	return slices.Sorted(maps.Keys(schema.Properties)), open
}

// Outputs returns the names of the outputs that the action declares, sorted. open is true when there may be others.
func (d Description) Outputs() (names []string, open bool) {
	var schema struct {
		Properties           map[string]json.RawMessage `json:"properties"`
		AdditionalProperties json.RawMessage            `json:"additionalProperties"`
	}
	if len(d.OutputSchema) == 0 || json.Unmarshal(d.OutputSchema, &schema) != nil || len(schema.Properties) == 0 {
		return nil, true // Backstage's actions may give more than they declare when they declare nothing
	}
	isClosed := len(schema.AdditionalProperties) == 0 || string(schema.AdditionalProperties) == "false"
	return slices.Sorted(maps.Keys(schema.Properties)), !isClosed
}

// WithoutUndeclared removes the properties that the schema does not allow from an input, and returns their
// names. The order of keys stays.
func (d Description) WithoutUndeclared(input json.RawMessage) (kept json.RawMessage, dropped []string, err error) {
	names, open := d.Inputs()
	if open {
		return input, nil, nil
	}
	value, err := nunjucks.DecodeJSON(input)
	object, isObject := value.(*nunjucks.Object)
	if err != nil || !isObject {
		return input, nil, err
	}
	for _, name := range slices.Clone(object.Keys()) {
		if !slices.Contains(names, name) {
			object.Delete(name)
			dropped = append(dropped, name)
		}
	}
	if len(dropped) == 0 {
		return input, nil, nil
	}
	if kept, err = nunjucks.EncodeJSON(object); err != nil {
		return nil, nil, fmt.Errorf("input of action %s: %w", d.ID, err)
	}
	return kept, dropped, nil
}
