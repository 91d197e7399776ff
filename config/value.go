package config

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Limits of one configuration file, far above any real one: with YAML's aliases, a few bytes can be a large
// tree.
const (
	maxFileBytes = 8 << 20
	maxDepth     = 64
	maxValues    = 200_000
)

// value is one node of the configuration as written, with its position.
type value struct {
	origin origin
	kind   kind
	// text and tag are a scalar's text and its resolved YAML tag (!!str, !!int, !!bool, ...).
	text, tag string
	items     []*value
	fields    []field
}

type field struct {
	key    string
	origin origin
	value  *value
}

type kind int

const (
	scalar kind = iota
	list
	object
)

// origin is the position of a value. Line is 0 where there are no lines.
type origin struct {
	file string
	line int
}

func (o origin) String() string {
	if o.line == 0 {
		return o.file
	}
	return o.file + ":" + strconv.Itoa(o.line)
}

const (
	stringTag  = "!!str"
	nullTag    = "!!null"
	booleanTag = "!!bool"
)

func newString(text string, at origin) *value {
	return &value{origin: at, kind: scalar, text: text, tag: stringTag}
}

func (v *value) isNull() bool    { return v.kind == scalar && v.tag == nullTag }
func (v *value) isString() bool  { return v.kind == scalar && v.tag == stringTag }
func (v *value) isBoolean() bool { return v.kind == scalar && v.tag == booleanTag }

// field returns the field with this key, nil when there is none.
func (v *value) field(key string) *field {
	for n := range v.fields {
		if v.fields[n].key == key {
			return &v.fields[n]
		}
	}
	return nil
}

// typeName is the type of the value in Backstage's words.
func (v *value) typeName() string {
	switch {
	case v.kind == object:
		return "object"
	case v.kind == list:
		return "array"
	}
	switch v.tag {
	case nullTag:
		return "null"
	case "!!bool":
		return "boolean"
	case "!!int", "!!float":
		return "number"
	}
	return "string"
}

var (
	yamlErrorLine = regexp.MustCompile(`^yaml: line (\d+): (.*)$`)
	// lineTooLow matches the messages in which package yaml counts lines from 0.
	lineTooLow = regexp.MustCompile(`^did not find expected (key|node content|'-'|','|<document start>)`)
)

// parseYAML parses a file with one document (JSON is YAML too). An empty file is an empty object.
func parseYAML(name string, content []byte) (*value, error) {
	if len(content) > maxFileBytes {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, maxFileBytes)
	}
	decoder := yaml.NewDecoder(strings.NewReader(string(content)))
	var document yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return &value{origin: origin{name, 1}, kind: object}, nil
	case err != nil:
		return nil, yamlProblem(name, err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: more than one document in one file", name)
	}
	reader := yamlReader{file: name}
	read, err := reader.read(document.Content[0], 0)
	if err != nil {
		return nil, err
	}
	if read.isNull() {
		return &value{origin: read.origin, kind: object}, nil
	}
	return read, nil
}

// yamlProblem moves the line number from package yaml's message to the front, where other messages have it.
func yamlProblem(name string, err error) error {
	match := yamlErrorLine.FindStringSubmatch(err.Error())
	if match == nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	line, _ := strconv.Atoi(match[1])
	if lineTooLow.MatchString(match[2]) {
		line++
	}
	return fmt.Errorf("%s: not valid YAML: %s", origin{name, line}, match[2])
}

type yamlReader struct {
	file  string
	count int
}

func (r *yamlReader) read(node *yaml.Node, depth int) (*value, error) {
	at := origin{r.file, node.Line}
	if r.count++; r.count > maxValues || depth > maxDepth {
		return nil, fmt.Errorf("%s: too large: more than %d values or %d levels", at, maxValues, maxDepth)
	}
	switch node.Kind {
	case yaml.AliasNode:
		return r.read(node.Alias, depth+1)
	case yaml.SequenceNode:
		return r.readList(node, depth)
	case yaml.MappingNode:
		return r.readObject(node, depth)
	}
	return &value{origin: at, kind: scalar, text: node.Value, tag: node.ShortTag()}, nil
}

func (r *yamlReader) readList(node *yaml.Node, depth int) (*value, error) {
	read := &value{origin: origin{r.file, node.Line}, kind: list}
	for _, child := range node.Content {
		item, err := r.read(child, depth+1)
		if err != nil {
			return nil, err
		}
		read.items = append(read.items, item)
	}
	return read, nil
}

func (r *yamlReader) readObject(node *yaml.Node, depth int) (*value, error) {
	read := &value{origin: origin{r.file, node.Line}, kind: object}
	for pair := range slices.Chunk(node.Content, 2) {
		key := pair[0]
		if earlier := read.field(key.Value); earlier != nil {
			return nil, fmt.Errorf("%s:%d: key '%s' is written twice, first on line %d", r.file, key.Line, key.Value, earlier.origin.line)
		}
		child, err := r.read(pair[1], depth+1)
		if err != nil {
			return nil, err
		}
		read.fields = append(read.fields, field{key: key.Value, origin: origin{r.file, key.Line}, value: child})
	}
	return read, nil
}

// merge merges over into base: objects key by key, anything else as a whole. Null hides the base's value.
func merge(base, over *value) *value {
	if base == nil || base.kind != object || over.kind != object {
		return over
	}
	merged := &value{origin: over.origin, kind: object, fields: slices.Clone(base.fields)}
	for _, upper := range over.fields {
		lower := merged.field(upper.key)
		if lower == nil {
			merged.fields = append(merged.fields, upper)
			continue
		}
		*lower = field{key: upper.key, origin: upper.origin, value: merge(lower.value, upper.value)}
	}
	return merged
}
