package entity

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Lines tell where in its file the fields of a document are.
type Lines struct {
	root *yaml.Node
	// before counts the lines of the file before those that root counts.
	before int
}

// FindLines reads a file that ParseYAML has read again, for the lines of the document that begins on one of
// them. The zero value, which knows none, is for a line on which none begins.
func FindLines(data []byte, line int) Lines {
	for before, part := range yamlParts(data) {
		reader := newReader(part)
		for {
			node, err := reader.next()
			if err != nil {
				break // what follows it in this part is not read
			}
			if before+node.Content[0].Line == line {
				return Lines{node.Content[0], before}
			}
		}
	}
	return Lines{}
}

// Of is the line of a field such as spec.steps[2].action, or, when it is not there, of what it would be in; 0
// when nothing is known.
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

// fieldOf finds what a field begins with in a node: where it is written, what it is, and what is left of the
// field.
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

// memberOf takes the longest key with which a field begins: keys may hold dots.
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
