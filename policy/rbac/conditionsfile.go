package rbac

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parseConditions reads a file of conditions, one a YAML document. A document that is wrong, or that is about
// the same as an earlier one of its role, is a problem. A file with problems has no conditions: without one
// of them, a role could have more rights than the file says.
func (r *rulebook) parseConditions(name, text string) (conditions []lineOf[checkedCondition], problems []Problem) {
	if len(text) > r.limits.FileBytes {
		return nil, []Problem{{name, 0, fmt.Sprintf("the file is larger than %d bytes", r.limits.FileBytes)}}
	}
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for documents := 1; ; documents++ {
		var document yaml.Node
		switch err := decoder.Decode(&document); {
		case errors.Is(err, io.EOF):
			if len(problems) > 0 {
				return nil, problems
			}
			return conditions, nil
		case err != nil:
			return nil, append(problems, Problem{name, 0, err.Error()})
		case documents > r.limits.Documents:
			return nil, append(problems, Problem{name, document.Line, fmt.Sprintf("the file has more than %d documents", r.limits.Documents)})
		case isEmpty(&document):
			continue
		}
		line := document.Content[0].Line
		condition, err := r.parseCondition(&document)
		if err == nil {
			err = noOverlapWith(condition, conditions)
		}
		if err != nil {
			problems = append(problems, Problem{name, line, err.Error()})
			continue
		}
		conditions = append(conditions, lineOf[checkedCondition]{condition, line})
	}
}

// isEmpty matches a document without content, such as one before the first ---.
func isEmpty(document *yaml.Node) bool {
	return len(document.Content) == 0 || document.Content[0].Kind == yaml.ScalarNode && document.Content[0].Tag == "!!null"
}

// parseCondition reads one document, which has the fields of a request to the API.
func (r *rulebook) parseCondition(document *yaml.Node) (checkedCondition, error) {
	var value map[string]any
	if err := document.Decode(&value); err != nil {
		return checkedCondition{}, err
	}
	text, err := json.Marshal(value)
	if err != nil {
		return checkedCondition{}, fmt.Errorf("the document is not JSON: %w", err)
	}
	var spec ConditionSpec
	if err := json.Unmarshal(text, &spec); err != nil {
		return checkedCondition{}, err
	}
	spec.Role = strings.ToLower(spec.Role)
	return r.checkCondition(spec)
}

func noOverlapWith(condition checkedCondition, others []lineOf[checkedCondition]) error {
	for _, other := range others {
		if both := overlap(condition.ConditionSpec, other.value.ConditionSpec); len(both) > 0 {
			return fmt.Errorf("the condition is about the same as the one of line %d: %s", other.line, strings.Join(both, ", "))
		}
	}
	return nil
}
