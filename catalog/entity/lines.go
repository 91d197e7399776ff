package entity

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Position is a place in a file, counted from 1. The zero value is not known.
type Position struct{ Line, Column int }

// Lines finds the position of a field of a document.
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

// Of returns the position of a field such as spec.steps[2].action. For a field that is absent, it returns that
// of the closest parent.
func (l Lines) Of(field string) Position {
	if l.root == nil {
		return Position{}
	}
	found, node := l.root, l.root
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
		found, node, field = at, below, rest
	}
	return l.position(found)
}

func (l Lines) position(node *yaml.Node) Position { return Position{l.before + node.Line, node.Column} }

// At is Of for a JSON pointer such as /spec/steps/2/action.
func (l Lines) At(pointer string) Position {
	if l.root == nil {
		return Position{}
	}
	found, node := l.root, l.root
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if node.Kind == yaml.AliasNode {
			node = node.Alias
		}
		at, below := stepInto(node, strings.NewReplacer("~1", "/", "~0", "~").Replace(step))
		if below == nil {
			break
		}
		found, node = at, below
	}
	return l.position(found)
}

// stepInto finds a member of a mapping, or an item of a sequence: the node of its key, and of its value.
func stepInto(node *yaml.Node, step string) (at, below *yaml.Node) {
	switch node.Kind {
	case yaml.SequenceNode:
		if index, err := strconv.Atoi(step); err == nil && index >= 0 && index < len(node.Content) {
			return node.Content[index], node.Content[index]
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if keyText(node.Content[i]) == step {
				return node.Content[i], node.Content[i+1]
			}
		}
	}
	return nil, nil
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
