package check

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/parameters"
	"github.com/portico-dev/portico/scaffolder/template"
)

// input checks a step's input against its action's schema, without the values that contain an expression,
// which may become anything.
func (p *pass) input(field string, step template.Step, does action.Description, severity Severity) {
	value, err := nunjucks.DecodeJSON(orEmptyObject(step.Input))
	object, isObject := value.(*nunjucks.Object)
	if err != nil || !isObject {
		p.add(severity, field, "", "the input of a step must be an object.")
		return
	}
	names, open := does.Inputs()
	for _, name := range slices.Clone(object.Keys()) {
		if open || slices.Contains(names, name) {
			continue
		}
		object.Delete(name)
		if p.rules.StrictInputs {
			p.add(severity, field+"."+name, suggest(name, "It takes", names), "%s takes no input %s.", does.ID, name)
			continue
		}
		p.add(Warning, field+"."+name, suggest(name, "It takes", names), "%s takes no input %s: it is left out.", does.ID, name)
	}
	schema, certain := static(does.InputSchema, object)
	if schema == nil {
		return
	}
	violations, err := parameters.Validate(schema, certain)
	if err != nil {
		return // the action's own schema is invalid: a run reports that
	}
	for _, violation := range violations {
		p.add(severity, field+strings.TrimPrefix(violation.Property, "instance"), "", "%s takes something else: %s.", does.ID, violation.Message)
	}
}

// suggest returns the most similar name, or lists all after a beginning like "It takes".
func suggest(name, beginning string, names []string) string {
	if near := didYouMean(name, names); near != "" || len(names) == 0 {
		return near
	}
	return beginning + " " + strings.Join(names, ", ") + "."
}

// static returns the part of an input that is known before a run, and the part of the schema that applies to
// it.
func static(inputSchema json.RawMessage, input *nunjucks.Object) (schema, known json.RawMessage) {
	value, err := nunjucks.DecodeJSON(orEmptyObject(inputSchema))
	wants, isObject := value.(*nunjucks.Object)
	if err != nil || !isObject {
		return nil, nil
	}
	var open []string
	for _, name := range slices.Clone(input.Keys()) {
		member, _ := input.Get(name)
		encoded, err := nunjucks.EncodeJSON(member)
		if err != nil || dynamic(encoded) {
			input.Delete(name)
			open = append(open, name)
		}
	}
	if len(open) > 0 {
		for _, key := range slices.Clone(wants.Keys()) {
			if key != "type" && key != "properties" && key != "required" {
				wants.Delete(key)
			}
		}
		wants.Set("required", without(nunjucks.Member(wants, "required"), open))
	}
	if schema, err = nunjucks.EncodeJSON(wants); err != nil {
		return nil, nil
	}
	known, err = nunjucks.EncodeJSON(input)
	if err != nil {
		return nil, nil
	}
	return schema, known
}

// without returns the required names except those in names.
func without(required nunjucks.Value, names []string) *nunjucks.Array {
	kept := &nunjucks.Array{}
	list, isList := required.(*nunjucks.Array)
	if !isList {
		return kept
	}
	for _, item := range list.Items {
		if name, isText := item.(string); !isText || !slices.Contains(names, name) {
			kept.Items = append(kept.Items, item)
		}
	}
	return kept
}

// dynamic reports whether a value contains an expression.
func dynamic(document json.RawMessage) bool {
	found := false
	walkStrings("", document, func(_, source string) {
		found = found || strings.Contains(source, "${{") || strings.Contains(source, "{%") || strings.Contains(source, "{#")
	})
	return found
}

// walkStrings visits the strings of a value, each with its path.
func walkStrings(field string, document json.RawMessage, visit func(field, source string)) {
	value, err := nunjucks.DecodeJSON(document)
	if err != nil {
		return
	}
	walkValue(field, value, visit)
}

func walkValue(field string, value nunjucks.Value, visit func(field, source string)) {
	switch value := value.(type) {
	case string:
		visit(field, value)
	case *nunjucks.Array:
		for i, item := range value.Items {
			walkValue(fmt.Sprintf("%s[%d]", field, i), item, visit)
		}
	case *nunjucks.Object:
		for key, member := range value.All() {
			walkValue(field+"."+key, member, visit)
		}
	}
}

func orEmptyObject(document json.RawMessage) json.RawMessage {
	if len(document) == 0 {
		return json.RawMessage("{}")
	}
	return document
}
