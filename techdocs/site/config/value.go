package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	goccy "github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"
	"go.yaml.in/yaml/v3"

	"github.com/portico-dev/portico/techdocs"
)

const (
	// maxValues is how many values a file may have after its aliases were replaced: a few lines of aliases can stand for billions.
	maxValues = 200_000
	// maxDepth is how deep values may be nested.
	maxDepth = 100
)

// Position is the place of a value.
type Position struct {
	File         string
	Line, Column int
}

// Problem makes a problem at the position.
func (p Position) Problem(severity, format string, args ...any) techdocs.Problem {
	return techdocs.Problem{Severity: severity, File: p.File, Line: p.Line, Column: p.Column, Message: fmt.Sprintf(format, args...)}
}

// MistakeError is a problem as an error: what the author has to mend before anything can be built.
type MistakeError struct{ Problem techdocs.Problem }

func (m *MistakeError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", m.Problem.File, m.Problem.Line, m.Problem.Column, m.Problem.Message)
}

func (p Position) mistake(format string, args ...any) error {
	return &MistakeError{Problem: p.Problem(techdocs.Error, format, args...)}
}

// Relative is a value with the tag !relative: a folder that is known only when a page is rendered.
type Relative struct {
	// Base is "page", "docs" or "config".
	Base string
	// Suffix is what follows the base.
	Suffix string
}

// Date is a scalar that YAML takes for a date or time, as written.
type Date string

// Value is a value with its place. Exactly one of List and Map is used when IsList or IsMap is true; otherwise Scalar is nil, bool,
// int64, float64, string, Date or Relative.
type Value struct {
	At            Position
	IsList, IsMap bool
	Scalar        any
	List          []*Value
	Map           []Entry
}

// Entry is a key of a mapping with its value.
type Entry struct {
	Key   string
	At    Position
	Value *Value
}

// Get returns the value of a key, nil when there is none. A nil Value has no keys.
func (v *Value) Get(key string) *Value {
	if v == nil {
		return nil
	}
	for i := range v.Map {
		if v.Map[i].Key == key {
			return v.Map[i].Value
		}
	}

	return nil
}

func (v *Value) remove(key string) {
	for i := range v.Map {
		if v.Map[i].Key == key {
			v.Map = append(v.Map[:i:i], v.Map[i+1:]...)

			return
		}
	}
}

// IsNull says whether the value is missing or null.
func (v *Value) IsNull() bool { return v == nil || !v.IsList && !v.IsMap && v.Scalar == nil }

// Any returns the value in the types of encoding/json, with int for whole numbers.
func (v *Value) Any() any {
	switch {
	case v == nil:
		return nil
	case v.IsList:
		list := make([]any, len(v.List))
		for i, item := range v.List {
			list[i] = item.Any()
		}

		return list
	case v.IsMap:
		fields := make(map[string]any, len(v.Map))
		for _, entry := range v.Map {
			fields[entry.Key] = entry.Value.Any()
		}

		return fields
	}
	switch scalar := v.Scalar.(type) {
	case int64:
		return int(scalar)
	case Date, Relative:
		return Text(scalar)
	}

	return v.Scalar
}

// kind names what the value is, for messages.
func (v *Value) kind() string {
	switch {
	case v.IsNull():
		return "nothing"
	case v.IsList:
		return "a list"
	case v.IsMap:
		return "a mapping"
	}
	switch scalar := v.Scalar.(type) {
	case string:
		return "the text " + strconv.Quote(scalar)
	case bool:
		return "the truth value " + Text(scalar)
	case int64, float64:
		return "the number " + Text(scalar)
	}

	return Text(v.Scalar)
}

// Text writes a scalar as Python's str does, which is how MkDocs prints titles that are no strings.
func Text(scalar any) string {
	switch value := scalar.(type) {
	case nil:
		return "None"
	case string:
		return value
	case Date:
		return string(value)
	case bool:
		if value {
			return "True"
		}

		return "False"
	case int64:
		return strconv.FormatInt(value, 10)
	case float64:
		written := strconv.FormatFloat(value, 'g', -1, 64)
		if !strings.ContainsAny(written, ".en") {
			written += ".0"
		}

		return written
	case Relative:
		return strings.TrimSuffix("!relative "+value.Base+"/"+value.Suffix, "/")
	}

	return fmt.Sprint(scalar)
}

// Env looks up a variable for the tag !ENV.
type Env func(name string) (string, bool)

// Parse reads a YAML file. Errors that its author can mend are of type *MistakeError.
func Parse(file string, content []byte, env Env) (*Value, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document, second yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return &Value{At: Position{File: file, Line: 1, Column: 1}}, nil
	} else if err != nil {
		return nil, syntax(file, content, err)
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, Position{File: file, Line: second.Line, Column: second.Column}.mistake("the file has a second document; only one is permitted")
	} else if !errors.Is(err, io.EOF) {
		return nil, syntax(file, content, err)
	}
	if document.Kind != yaml.DocumentNode || len(document.Content) == 0 {
		return &Value{At: Position{File: file, Line: 1, Column: 1}}, nil
	}

	return (&reader{file: file, env: env}).value(document.Content[0], 0)
}

var lineOfError = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// maxLocated is how many bytes a broken file may have for its mistake to be located by a second parser.
const maxLocated = 256 << 10

// syntax turns an error of the parser into a mistake. The parser tells a line near the mistake and no column, so a second one is asked
// where it is.
func syntax(file string, content []byte, err error) error {
	at := Position{File: file, Line: 1, Column: 1}
	if match := lineOfError.FindStringSubmatch(err.Error()); match != nil && match[1] != "" {
		at.Line, _ = strconv.Atoi(match[1])
	}
	message := lineOfError.ReplaceAllString(err.Error(), "")
	if line, column := dashInFlow(content, at.Line); message == "did not find expected node content" && line > 0 {
		at.Line, at.Column = line, column
	} else if line, column := locate(content); line > 0 {
		at.Line, at.Column = line, column
	}

	return at.mistake("the file is no valid YAML: %s", message)
}

// locate returns where the second parser sees the mistake, zero if it sees none.
func locate(content []byte) (line, column int) {
	if len(content) > maxLocated {
		return 0, 0
	}
	defer func() {
		if recover() != nil {
			line, column = 0, 0 // It was asked for the place only; the mistake is known without it.
		}
	}()
	_, err := parser.ParseBytes(content, 0)
	if mistake, is := errors.AsType[goccy.Error](err); is && mistake.GetToken() != nil {
		return mistake.GetToken().Position.Line, mistake.GetToken().Position.Column
	}

	return 0, 0
}

// dashInFlow finds the first line that starts with a dash, which is what is wrong in a list in brackets.
func dashInFlow(content []byte, from int) (line, column int) {
	number := 0
	for text := range bytes.Lines(content) {
		number++
		trimmed := bytes.TrimLeft(text, " ")
		if number >= from && (bytes.HasPrefix(trimmed, []byte("- ")) || bytes.Equal(bytes.TrimSpace(trimmed), []byte("-"))) {
			return number, len(text) - len(trimmed) + 1
		}
	}

	return 0, 0
}

type reader struct {
	file   string
	env    Env
	values int
}

func (r *reader) at(node *yaml.Node) Position {
	return Position{File: r.file, Line: node.Line, Column: node.Column}
}

func (r *reader) value(node *yaml.Node, depth int) (*Value, error) {
	r.values++
	if r.values > maxValues {
		return nil, r.at(node).mistake("the file stands for more than %d values; aliases (*name) count each time they are used", maxValues)
	}
	if depth > maxDepth {
		return nil, r.at(node).mistake("values are nested deeper than %d", maxDepth)
	}
	if node.Kind == yaml.AliasNode {
		return r.value(node.Alias, depth+1)
	}
	if tag := node.ShortTag(); custom(node, tag) {
		return r.tagged(node, tag, depth)
	}
	switch node.Kind {
	case yaml.SequenceNode:
		list := &Value{At: r.at(node), IsList: true}
		for _, item := range node.Content {
			value, err := r.value(item, depth+1)
			if err != nil {
				return nil, err
			}
			list.List = append(list.List, value)
		}

		return list, nil
	case yaml.MappingNode:
		return r.mapping(node, depth)
	default:
		return &Value{At: r.at(node), Scalar: r.scalar(node)}, nil
	}
}

// custom says whether the author gave the node a tag that is not of YAML itself.
func custom(node *yaml.Node, tag string) bool {
	switch tag {
	case "", "!", "!!str", "!!int", "!!float", "!!bool", "!!null", "!!seq", "!!map", "!!timestamp", "!!merge", "!!binary":
		return false
	}

	return node.Style&yaml.TaggedStyle != 0 || strings.HasPrefix(tag, "!")
}

func (r *reader) scalar(node *yaml.Node) any {
	if node.Style&yaml.TaggedStyle != 0 {
		if node.ShortTag() == "!!str" {
			return node.Value
		}

		return resolve(node.Value)
	}
	if node.Style != 0 {
		return node.Value
	}

	return resolve(node.Value)
}

func (r *reader) mapping(node *yaml.Node, depth int) (*Value, error) {
	mapping := &Value{At: r.at(node), IsMap: true}
	var merged []Entry
	seen := make(map[string]int, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, err := r.value(node.Content[i], depth+1)
		if err != nil {
			return nil, err
		}
		if key.IsList || key.IsMap {
			return nil, key.At.mistake("a key must be a text, not %s", key.kind())
		}
		value, err := r.value(node.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		if node.Content[i].ShortTag() == "!!merge" {
			merged = append(merged, entriesOf(value)...)

			continue
		}
		entry := Entry{Key: Text(key.Scalar), At: key.At, Value: value}
		if at, is := seen[entry.Key]; is {
			mapping.Map[at] = entry // Python takes the last one, too.

			continue
		}
		seen[entry.Key] = len(mapping.Map)
		mapping.Map = append(mapping.Map, entry)
	}
	for _, entry := range merged {
		if _, is := seen[entry.Key]; !is {
			seen[entry.Key] = len(mapping.Map)
			mapping.Map = append(mapping.Map, entry)
		}
	}

	return mapping, nil
}

// entriesOf returns what the key << brings: the entries of a mapping, or of a list of them, of which the first has precedence.
func entriesOf(value *Value) []Entry {
	if !value.IsList {
		return value.Map
	}
	var all []Entry
	for _, item := range value.List {
		all = append(all, item.Map...)
	}

	return all
}

// pythonNames are the objects of Python that Backstage permits in mkdocs.yml, and those of the extensions that Portico has itself. They
// are passed on by name.
var pythonNames = map[string]bool{
	"materialx.emoji.twemoji":                          true,
	"materialx.emoji.to_svg":                           true,
	"material.extensions.emoji.twemoji":                true,
	"material.extensions.emoji.to_svg":                 true,
	"pymdownx.emoji.emojione":                          true,
	"pymdownx.emoji.gemoji":                            true,
	"pymdownx.emoji.twemoji":                           true,
	"pymdownx.emoji.to_alt":                            true,
	"pymdownx.emoji.to_png":                            true,
	"pymdownx.emoji.to_png_sprite":                     true,
	"pymdownx.emoji.to_svg":                            true,
	"pymdownx.emoji.to_svg_sprite":                     true,
	"pymdownx.superfences.fence_code_format":           true,
	"pymdownx.superfences.fence_div_format":            true,
	"mermaid2.fence_mermaid":                           true,
	"mermaid2.fence_mermaid_custom":                    true,
	"pymdownx.arithmatex.arithmatex_fenced_format":     true,
	"pymdownx.arithmatex.fence_mathjax_format":         true,
	"pymdownx.arithmatex.fence_generic_format":         true,
	"pymdownx.arithmatex.fence_mathjax_preview_format": true,
	"pymdownx.arithmatex.inline_mathjax_format":        true,
	"pymdownx.arithmatex.inline_generic_format":        true,
	"pymdownx.slugs.slugify":                           true,
	"pymdownx.slugs.gfm":                               true,
	"pymdownx.slugs.gfm_encoded":                       true,
	"pymdownx.slugs.uslugify":                          true,
	"pymdownx.slugs.uslugify_encoded":                  true,
	"pymdownx.slugs.uslugify_cased":                    true,
	"pymdownx.slugs.uslugify_cased_encoded":            true,
	"markdown.extensions.toc.slugify":                  true,
	"markdown.extensions.toc.slugify_unicode":          true,
}

// pythonCall is the key of the name of a function in options that are a call of it, which is how package markdown takes them.
const pythonCall = "!python"

func (r *reader) tagged(node *yaml.Node, tag string, depth int) (*Value, error) {
	at := r.at(node)
	switch {
	case tag == "!ENV":
		return r.environment(node, depth)
	case tag == "!relative":
		relative, err := relative(at, node)

		return &Value{At: at, Scalar: relative}, err
	case strings.HasPrefix(tag, "!!python/name:"):
		name := strings.TrimPrefix(tag, "!!python/name:")
		if pythonNames[name] {
			return &Value{At: at, Scalar: name}, nil
		}

		return nil, at.mistake("the tag %s is refused: it would load Python code", tag)
	case strings.HasPrefix(tag, "!!python/object/apply:"):
		name := strings.TrimPrefix(tag, "!!python/object/apply:")
		if !pythonNames[name] {
			return nil, at.mistake("the tag %s is refused: it would run Python code", tag)
		}
		arguments := *node
		arguments.Tag, arguments.Style = "", arguments.Style&^yaml.TaggedStyle
		value, err := r.value(&arguments, depth+1)
		if err != nil {
			return nil, err
		}
		call := &Value{At: at, IsMap: true, Map: []Entry{{Key: pythonCall, At: at, Value: &Value{At: at, Scalar: name}}}}
		if arguments := value.Get("kwds"); arguments != nil {
			call.Map = append(call.Map, arguments.Map...)
		}

		return call, nil
	case strings.HasPrefix(tag, "!!python/"):
		return nil, at.mistake("the tag %s is refused: it would run Python code", tag)
	}

	return nil, at.mistake("the tag %s is not known; mkdocs.yml has the tags !ENV and !relative", tag)
}

// environment replaces !ENV by the first variable that is set, else by the last item of a list.
func (r *reader) environment(node *yaml.Node, depth int) (*Value, error) {
	at := r.at(node)
	names := []*yaml.Node{node}
	fallback := &Value{At: at}
	switch node.Kind {
	case yaml.ScalarNode:
	case yaml.SequenceNode:
		names = node.Content
		if len(names) > 1 {
			value, err := r.value(names[len(names)-1], depth+1)
			if err != nil {
				return nil, err
			}
			fallback, names = value, names[:len(names)-1]
		}
	default:
		return nil, at.mistake("!ENV needs the name of a variable or a list of names, not a mapping")
	}
	for _, name := range names {
		if name.Kind != yaml.ScalarNode {
			return nil, r.at(name).mistake("!ENV needs names of variables")
		}
		if r.env == nil {
			continue
		}
		if value, is := r.env(name.Value); is {
			return &Value{At: at, Scalar: resolve(value)}, nil
		}
	}

	return fallback, nil
}

func relative(at Position, node *yaml.Node) (Relative, error) {
	prefix, suffix, _ := strings.Cut(node.Value, "/")
	switch {
	case prefix == "$config_dir":
		return Relative{Base: "config", Suffix: suffix}, nil
	case prefix == "$docs_dir":
		return Relative{Base: "docs", Suffix: suffix}, nil
	case strings.HasPrefix(prefix, "$"):
		return Relative{}, at.mistake("!relative knows $config_dir and $docs_dir, not %s", prefix)
	case node.Value != "":
		return Relative{}, at.mistake("!relative takes no value but $config_dir or $docs_dir, not %q", node.Value)
	}

	return Relative{Base: "page"}, nil
}

var (
	yamlInt   = regexp.MustCompile(`^[-+]?(?:0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|[1-9][0-9_]*(?::[0-5]?[0-9])+)$`)
	yamlFloat = regexp.MustCompile(`^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)
	yamlDate  = regexp.MustCompile(`^\d{4}-\d\d-\d\d$|^\d{4}-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?$`)
)

// resolve gives a plain scalar its type by the rules of YAML 1.1, which PyYAML follows: "yes" is true there.
func resolve(plain string) any {
	switch plain {
	case "", "~", "null", "Null", "NULL":
		return nil
	case "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		return true
	case "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		return false
	}
	if !strings.ContainsRune("+-.0123456789", rune(plain[0])) {
		return plain
	}
	digits := strings.ReplaceAll(plain, "_", "")
	switch {
	case yamlDate.MatchString(plain):
		return Date(plain)
	case yamlInt.MatchString(plain):
		if number, is := whole(digits); is {
			return number
		}

		return plain
	case yamlFloat.MatchString(plain):
		if number, err := strconv.ParseFloat(strings.ToLower(digits), 64); err == nil {
			return number
		}
	}

	return plain
}

func whole(digits string) (int64, bool) {
	if strings.Contains(digits, ":") {
		var sum int64
		for part := range strings.SplitSeq(strings.TrimLeft(digits, "+-"), ":") {
			number, err := strconv.ParseInt(part, 10, 64)
			if err != nil || sum > 1<<48 {
				return 0, false
			}
			sum = sum*60 + number
		}
		if strings.HasPrefix(digits, "-") {
			sum = -sum
		}

		return sum, true
	}
	number, err := strconv.ParseInt(digits, 0, 64)

	return number, err == nil
}
