package entity

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Lines finds the line of a field of a document.
type Lines struct {
	root *yaml.Node
	// before is the number of lines of the file before the part that root was parsed from.
	before int
}

// FindLines parses a file once more that ParseYAML has read, and returns the lines of the document that
// begins on line. When no document begins there, it returns the zero value, which knows no lines.
func FindLines(data []byte, line int) Lines {
	for before, part := range yamlParts(data) {
		reader := newReader(part)
		for {
			node, err := reader.next()
			if err != nil {
				break // the documents after it in this part are not needed
			}
			if before+node.Content[0].Line == line {
				return Lines{node.Content[0], before}
			}
		}
	}
	return Lines{}
}

// Of returns the line of a field such as spec.steps[2].action. For a field that is absent, it returns the
// line of the closest parent. It returns 0 when the line is not known.
func (l Lines) Of(field string) int {
	if l.root == nil {
		return 0
	}
	line, node := l.root.Line, l.root
	for range maxDepth { // an anchor may contain itself
		if field == "" {
			break
		}
		if node.Kind == yaml.AliasNode {
			node = node.Alias
		}
		at, below, rest := fieldOf(node, strings.TrimPrefix(field, "."))
		if below == nil {
			break
		}
		line, node, field = at.Line, below, rest
	}
	return l.before + line
}

// fieldOf resolves the first part of a field in a node. It returns the node of the key, the node of the
// value, and the rest of the field.
func fieldOf(node *yaml.Node, field string) (at, below *yaml.Node, rest string) {
	switch node.Kind {
	case yaml.SequenceNode:
		number, after, closed := strings.Cut(strings.TrimPrefix(field, "["), "]")
		index, err := strconv.Atoi(number)
		if err == nil && closed && index >= 0 && index < len(node.Content) {
			return node.Content[index], node.Content[index], after
		}
	case yaml.MappingNode:
		return memberOf(node, field)
	}
	return nil, nil, ""
}

// memberOf finds the longest key that is a prefix of the field: keys may contain dots.
func memberOf(node *yaml.Node, field string) (at, below *yaml.Node, rest string) {
	longest := -1
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := keyText(node.Content[i])
		after, begins := strings.CutPrefix(field, key)
		if begins && len(key) > longest && (after == "" || after[0] == '.' || after[0] == '[') {
			longest = len(key)
			at, below, rest = node.Content[i], node.Content[i+1], after
		}
	}
	return at, below, rest
}
