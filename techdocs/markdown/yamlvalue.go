package markdown

import (
	"errors"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxYAML bounds how many values a YAML text can have, with those that it repeats by aliases.
const maxYAML = 100_000

var errLargeYAML = errors.New("the YAML has more than 100,000 values; does it repeat itself by aliases?")

// A yamlReader reads YAML as Python does: of keys that are there twice the last one counts, yes and on are true, and a date is text.
type yamlReader struct{ values int }

func (r *yamlReader) value(node *yaml.Node) (any, error) {
	if r.values++; r.values > maxYAML {
		return nil, errLargeYAML
	}

	switch node.Kind {
	case yaml.AliasNode:
		return r.value(node.Alias)
	case yaml.MappingNode:
		return r.mapping(node)
	case yaml.SequenceNode:
		list := make([]any, 0, len(node.Content))

		for _, item := range node.Content {
			value, err := r.value(item)
			if err != nil {
				return nil, err
			}

			list = append(list, value)
		}

		return list, nil
	}

	return yamlScalar(node)
}

func (r *yamlReader) mapping(node *yaml.Node) (map[string]any, error) {
	mapping := map[string]any{}

	for i := 0; i+1 < len(node.Content); i += 2 {
		value, err := r.value(node.Content[i+1])
		if err != nil {
			return nil, err
		}

		key := node.Content[i]

		merged, isMapping := value.(map[string]any)
		if key.ShortTag() != "!!merge" || !isMapping {
			mapping[key.Value] = value

			continue
		}

		for key, value := range merged {
			if _, ok := mapping[key]; !ok {
				mapping[key] = value
			}
		}
	}

	return mapping, nil
}

func yamlScalar(node *yaml.Node) (any, error) {
	const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle

	switch node.ShortTag() {
	case "!!timestamp":
		return node.Value, nil
	case "!!str":
		if node.Style&quoted != 0 {
			return node.Value, nil
		}

		switch word := node.Value; word {
		case strings.ToLower(word), strings.ToUpper(word), capitalize(word):
			switch strings.ToLower(word) {
			case "yes", "on":
				return true, nil
			case "no", "off":
				return false, nil
			}
		}

		return node.Value, nil
	}

	var value any
	if err := node.Decode(&value); err != nil {
		return nil, err //nolint:wrapcheck // The caller says where.
	}

	return value, nil
}

// decodeYAML reads a YAML text, which is nil if it is empty.
func decodeYAML(text string) (any, error) {
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(text), &node); err != nil {
		return nil, err //nolint:wrapcheck // The caller says where.
	}

	if len(node.Content) == 0 {
		return nil, nil //nolint:nilnil // There is no value.
	}

	return (&yamlReader{}).value(node.Content[0])
}
