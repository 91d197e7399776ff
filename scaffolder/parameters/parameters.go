// Package parameters checks values against JSON Schema. Its messages are those of the npm package jsonschema,
// which Backstage uses for a template's parameters and an action's input, because clients show them. It
// implements draft 4 with the later keywords of that package, ignores unknown keywords (ui:*), and fills in
// no defaults. Only the message of allOf is shorter: the npm package repeats all following messages in it.
package parameters

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// Bounds on one validation. The validation of a form is a thousand times smaller.
const (
	// maxDepth bounds nesting, including the recursion of a $ref to itself.
	maxDepth = 100
	// maxChecks bounds how many pairs of value and schema are checked: nested anyOf multiply.
	maxChecks = 200_000
	// maxViolations bounds how many violations are listed: nobody reads more, and each contains the value.
	maxViolations = 100
	// matchTimeout bounds the time of matching patterns: authors write them, and some backtrack forever.
	matchTimeout = time.Second
)

// Violation is one violation of a schema, in the JSON form of jsonschema's ValidationError.
type Violation struct {
	// Path is the path to the value: property names and indices.
	Path     []any           `json:"path"`
	Property string          `json:"property"`
	Message  string          `json:"message"`
	Schema   json.RawMessage `json:"schema"`
	Instance json.RawMessage `json:"instance,omitempty"`
	Name     string          `json:"name"`
	// Argument is the keyword's argument; some keywords have none.
	Argument any    `json:"argument,omitempty"`
	Stack    string `json:"stack"`
}

// Violations are all violations of a value; none means that it is valid.
type Violations []Violation

// String joins the violations as Backstage does in an action's error.
func (v Violations) String() string {
	stacks := make([]string, len(v))
	for i := range v {
		stacks[i] = v[i].Stack
	}
	return strings.Join(stacks, ", ")
}

// Validate checks an instance against a schema. It returns an error when one of them is not JSON, or when the
// schema cannot be used.
func Validate(schema, instance json.RawMessage) (Violations, error) {
	root, err := nunjucks.DecodeJSON(schema)
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	value, err := nunjucks.DecodeJSON(instance)
	if err != nil {
		return nil, fmt.Errorf("instance: %w", err)
	}
	v := &validator{root: root, encodings: map[nunjucks.Value]json.RawMessage{}}
	violations := v.validate(place{property: "instance", path: []any{}}, root, value)
	if v.err != nil {
		return nil, v.err
	}
	return violations[:min(len(violations), maxViolations)], nil
}

// validator is one validation; err is the first error that ended it.
type validator struct {
	root   nunjucks.Value
	depth  int
	checks int
	// matching is the time spent on patterns so far.
	matching time.Duration
	// encodings caches the JSON of schemas and values: many violations contain the same.
	encodings map[nunjucks.Value]json.RawMessage
	err       error
}

// place is the location of a value in the instance.
type place struct {
	property string
	path     []any
}

var (
	unusualName = regexp.MustCompile(`^\d|[.\s\[\]]`)
	digits      = regexp.MustCompile(`^\d+$`)
)

func (p place) member(name string) place {
	path := append(append([]any{}, p.path...), name)
	if digits.MatchString(name) {
		return place{p.property + "[" + name + "]", path}
	}
	if unusualName.MatchString(name) {
		return place{p.property + "[" + quote(name) + "]", path}
	}
	return place{p.property + "." + name, path}
}

func (p place) item(i int) place {
	return place{fmt.Sprintf("%s[%d]", p.property, i), append(append([]any{}, p.path...), i)}
}

// keyword checks one keyword of a schema.
type keyword func(c *check, argument nunjucks.Value)

// check is the check of one value against one schema.
type check struct {
	*validator
	at       place
	schema   *nunjucks.Object
	instance nunjucks.Value
	found    Violations
}

// validate checks a value against a schema, keyword by keyword in the schema's own order, as jsonschema does.
func (v *validator) validate(at place, schema, instance nunjucks.Value) Violations {
	v.depth++
	v.checks++
	defer func() { v.depth-- }()
	if v.depth > maxDepth {
		v.fail(fmt.Errorf("schema is nested deeper than %d", maxDepth))
	}
	if v.checks > maxChecks {
		v.fail(fmt.Errorf("schema takes more than %d checks", maxChecks))
	}
	if v.err != nil {
		return nil
	}
	object, isObject := schema.(*nunjucks.Object)
	if !isObject {
		return v.validateBoolean(at, schema, instance)
	}
	if reference, ok := member(object, "$ref").(string); ok {
		target, err := v.resolve(reference)
		if err != nil {
			v.fail(err)
			return nil
		}
		return v.validate(at, target, instance)
	}
	c := &check{validator: v, at: at, schema: object, instance: instance}
	for name, argument := range object.All() {
		if examine := keywordOf(name); examine != nil {
			examine(c, argument)
		}
	}
	return c.found
}

// noType is how jsonschema treats the schema false: as a schema with an empty list of types.
var noType = func() *nunjucks.Object {
	schema := nunjucks.NewObject()
	schema.Set("type", &nunjucks.Array{Items: []nunjucks.Value{}})
	return schema
}()

func (v *validator) validateBoolean(at place, schema, instance nunjucks.Value) Violations {
	switch schema {
	case true:
		return nil
	case false:
		return v.validate(at, noType, instance)
	default:
		v.fail(fmt.Errorf("schema of %s is neither an object nor a boolean", at.property))
		return nil
	}
}

func (v *validator) fail(err error) {
	if v.err == nil {
		v.err = err
	}
}

// resolve follows a reference within the schema itself, such as #/definitions/x. Other documents are not
// fetched.
func (v *validator) resolve(reference string) (nunjucks.Value, error) {
	pointer, local := strings.CutPrefix(reference, "#")
	if !local {
		return nil, fmt.Errorf("schema refers to %q, outside itself", reference)
	}
	target := v.root
	if pointer == "" {
		return target, nil
	}
	for segment := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		name, err := url.PathUnescape(strings.NewReplacer("~1", "/", "~0", "~").Replace(segment))
		if err == nil {
			target = childOf(target, name)
		}
		if err != nil || target == nunjucks.Undefined {
			return nil, fmt.Errorf("schema refers to %q, which does not exist", reference)
		}
	}
	return target, nil
}

// childOf returns a member of an object or an item of a list.
func childOf(value nunjucks.Value, name string) nunjucks.Value {
	switch value := value.(type) {
	case *nunjucks.Object:
		return member(value, name)
	case *nunjucks.Array:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(value.Items) {
			return value.Items[i]
		}
	}
	return nunjucks.Undefined
}

// violation adds a violation whose message has the given format.
func (c *check) violation(name string, argument any, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	found := Violation{Path: c.at.path, Property: c.at.property, Message: message, Schema: c.show(c.shownSchema()), Name: name,
		Argument: argument, Stack: c.at.property + " " + message}
	if c.instance != nunjucks.Undefined {
		found.Instance = c.show(c.instance)
	}
	c.found = append(c.found, found)
}

// show encodes a schema or a value and caches the result.
func (v *validator) show(value nunjucks.Value) json.RawMessage {
	encoded, known := v.encodings[value]
	if !known {
		encoded = encode(value)
		v.encodings[value] = encoded
	}
	return encoded
}

// shownSchema returns the schema, or its id when it has one.
func (c *check) shownSchema() nunjucks.Value {
	if id := idOf(c.schema); id != "" {
		return id
	}
	return c.schema
}

// idOf returns a schema's id, "" when it has none.
func idOf(schema nunjucks.Value) string {
	object, isObject := schema.(*nunjucks.Object)
	if !isObject {
		return ""
	}
	if id, isText := member(object, "$id").(string); isText && id != "" {
		return id
	}
	id, _ := member(object, "id").(string)
	return id
}

func member(object *nunjucks.Object, name string) nunjucks.Value {
	if value, has := object.Get(name); has {
		return value
	}
	return nunjucks.Undefined
}

// encode encodes a value from DecodeJSON, which cannot fail.
func encode(value nunjucks.Value) json.RawMessage {
	encoded, err := nunjucks.EncodeJSON(value)
	if err != nil {
		return json.RawMessage("null")
	}
	return encoded
}

func quote(text string) string { return string(encode(text)) }
