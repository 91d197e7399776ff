package api

import (
	"encoding/json"
	"fmt"
	"math"
	"path"
	"reflect"
	"strings"

	"github.com/google/uuid"
	"github.com/invopop/jsonschema"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/policy/rbac"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/template"
	"github.com/portico-dev/portico/techdocs/build"
)

// body is the JSON body of a route. Its schema is that of the Go type into which it is decoded.
type body struct {
	shape  reflect.Type
	schema *jsonschema.Schema
	// optional means that the body may be absent, which is the same as an empty object.
	optional bool
	// unchecked means that the schema only describes the body: the command behind the route checks it.
	unchecked bool
	// lines means that the items of the list may also be sent as JSON lines.
	lines bool
}

// takes is a body that is decoded into a T.
func takes[T any]() *body {
	inline := newReflector()
	inline.DoNotReference = true
	shape := reflect.TypeFor[T]()
	return &body{shape: shape, schema: inline.ReflectFromType(shape)}
}

// mayTake is an optional body that is decoded into a T.
func mayTake[T any]() *body {
	b := takes[T]()
	b.optional = true
	return b
}

// describes is a body that should be a T, and that the command behind the route checks.
func describes[T any]() *body {
	b := mayTake[T]()
	b.unchecked = true
	return b
}

// takesLines is a list that the command behind the route checks, as JSON or as JSON lines. It may be absent, as an empty one.
func takesLines[T any]() *body {
	b := describes[T]()
	b.lines = true
	return b
}

// closed is embedded by bodies without additional members.
type closed struct{}

// JSONSchemaExtend implements jsonschema's hook.
func (closed) JSONSchemaExtend(s *jsonschema.Schema) { s.AdditionalProperties = jsonschema.FalseSchema }

// document is JSON that is passed on byte for byte; Shape describes it.
type document[Shape any] struct{ json.RawMessage }

// IsZero reports an absent document.
func (d document[Shape]) IsZero() bool { return len(d.RawMessage) == 0 }

// JSONSchemaAlias implements jsonschema's hook.
func (document[Shape]) JSONSchemaAlias() any { return *new(Shape) }

// documents converts raw documents. Nil becomes an empty list.
func documents[Shape any](raw []json.RawMessage) []document[Shape] {
	shaped := make([]document[Shape], len(raw))
	for i, content := range raw {
		shaped[i] = document[Shape]{content}
	}
	return shaped
}

// object is any JSON object.
type object = map[string]any

// newReflector derives JSON Schema for OpenAPI 3.1 (draft 2020-12) from Go types as encoding/json encodes
// them.
func newReflector() *jsonschema.Reflector {
	return &jsonschema.Reflector{Anonymous: true, AllowAdditionalProperties: true, Mapper: known, Namer: typeName}
}

// known describes types whose JSON form reflection cannot see.
func known(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[object]():
		return &jsonschema.Schema{Type: "object", AdditionalProperties: jsonschema.TrueSchema}
	case reflect.TypeFor[uuid.UUID]():
		return &jsonschema.Schema{Type: "string", Format: "uuid"}
	case reflect.TypeFor[run.Status]():
		return oneOf(run.StatusOpen, run.StatusProcessing, run.StatusCompleted, run.StatusFailed, run.StatusCancelled, run.StatusSkipped)
	case reflect.TypeFor[run.Phase]():
		return oneOf(run.PhaseRunning, run.PhaseWaiting, run.PhaseParked, run.PhaseRollingBack, run.PhaseRolledBack, run.PhaseDone, run.PhaseCancelled)
	case reflect.TypeFor[action.EffectState]():
		return oneOf(action.EffectIntended, action.EffectCreated, action.EffectUndone, action.EffectKept)
	case reflect.TypeFor[build.State]():
		return oneOf(build.Requested, build.Waiting, build.Building, build.Published, build.Unchanged, build.Failed)
	case reflect.TypeFor[build.Cause]():
		return oneOf(build.ByPerson, build.ByPush, build.BySchedule, build.ByRead)
	case reflect.TypeFor[eventType]():
		return oneOf[eventType](run.EventLog, run.EventCompletion, run.EventCancelled, run.EventRecovered)
	case reflect.TypeFor[rbac.ConditionPermission]():
		return conditionPermission()
	case reflect.TypeFor[entity.Entity]():
		return reference[Entity]()
	case reflect.TypeFor[template.Step]():
		return reference[pinnedStep]()
	default:
		return nil
	}
}

// conditionPermission is an action, or a permission with its action.
func conditionPermission() *jsonschema.Schema {
	named := &jsonschema.Schema{Type: "object", Properties: jsonschema.NewProperties(), Required: []string{"name", "action"}}
	named.Properties.Set("name", &jsonschema.Schema{Type: "string"})
	named.Properties.Set("action", &jsonschema.Schema{Type: "string"})
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "string"}, named}}
}

// oneOf is an enumeration of strings.
func oneOf[T ~string](words ...T) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string"}
	for _, word := range words {
		s.Enum = append(s.Enum, string(word))
	}
	return s
}

// definitions is where jsonschema looks for named types.
const definitions = "#/$defs/"

// reference is a reference to a type that some route's response names.
func reference[T any]() *jsonschema.Schema {
	return &jsonschema.Schema{Ref: definitions + typeName(reflect.TypeFor[T]())}
}

// typeName is the name of a type in the OpenAPI document: Task for a type of this package, FaultFailure
// for fault.Failure. Go's own types have no name.
func typeName(t reflect.Type) string {
	name, packagePath := t.Name(), t.PkgPath()
	switch packagePath {
	case "":
		return ""
	case reflect.TypeFor[route]().PkgPath():
		return capitalized(name)
	default:
		return capitalized(path.Base(packagePath)) + capitalized(name)
	}
}

func capitalized(word string) string { return strings.ToUpper(word[:1]) + word[1:] }

// check returns one sentence per violation, in the words of Backstage's validator; at is the current path.
func check(s *jsonschema.Schema, at string, v any) []string {
	if !accepts(s.Type, v) {
		return []string{fmt.Sprintf("%s must be %s", at, s.Type)}
	}
	switch v := v.(type) {
	case map[string]any:
		return checkObject(s, at, v)
	case []any:
		return checkArray(s, at, v)
	case float64:
		return checkNumber(s, at, v)
	}
	return nil
}

func checkNumber(s *jsonschema.Schema, at string, v float64) []string {
	if least, err := s.Minimum.Float64(); err == nil && v < least { // there is no bound that is no number
		return []string{fmt.Sprintf("%s must be >= %s", at, s.Minimum)}
	}
	if most, err := s.Maximum.Float64(); err == nil && v > most {
		return []string{fmt.Sprintf("%s must be <= %s", at, s.Maximum)}
	}
	return nil
}

func accepts(kind string, v any) bool {
	switch kind {
	case "object":
		_, is := v.(map[string]any)
		return is
	case "array":
		_, is := v.([]any)
		return is
	case "string":
		_, is := v.(string)
		return is
	case "boolean":
		_, is := v.(bool)
		return is
	case "number":
		_, is := v.(float64)
		return is
	case "integer":
		n, is := v.(float64)
		return is && n == math.Trunc(n)
	default:
		return true
	}
}

func checkObject(s *jsonschema.Schema, at string, v map[string]any) []string {
	var problems []string
	for _, name := range s.Required {
		if _, has := v[name]; !has {
			problems = append(problems, fmt.Sprintf("%s must have required property '%s'", at, name))
		}
	}
	for _, name := range sortedKeys(v) {
		property := s.AdditionalProperties
		if s.Properties != nil {
			if declared, is := s.Properties.Get(name); is {
				property = declared
			}
		}
		switch property {
		case nil:
		case jsonschema.FalseSchema:
			problems = append(problems, at+" must NOT have additional properties")
		default:
			problems = append(problems, check(property, at+"/"+name, v[name])...)
		}
	}
	return problems
}

func checkArray(s *jsonschema.Schema, at string, v []any) []string {
	if s.Items == nil {
		return nil
	}
	var problems []string
	for i, item := range v {
		problems = append(problems, check(s.Items, fmt.Sprintf("%s/%d", at, i), item)...)
	}
	return problems
}
