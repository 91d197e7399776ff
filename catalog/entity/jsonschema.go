package entity

import (
	"cmp"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	schemakind "github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// jsonSchema is a compiled JSON Schema of a layer. Nil accepts anything. It is safe for concurrent use.
type jsonSchema struct{ compiled *jsonschema.Schema }

// schemaAddress is the address of a schema that is compiled, to which its references are relative.
const schemaAddress = "portico://model/schema"

// schemaError is an error in a schema, at a path within it.
type schemaError struct {
	path    []string
	message string
}

func (e *schemaError) Error() string { return e.message }

// compileSchema compiles a JSON Schema: of draft 7, as in Backstage, unless its $schema says otherwise. Its
// patterns are Go's, which take time in proportion to the text. It can refer to nothing outside itself.
func compileSchema(document any) (*jsonSchema, *schemaError) {
	if document == nil {
		return nil, nil //nolint:nilnil // nil is the schema that accepts anything
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft7)
	compiler.UseLoader(sealedLoader{})
	if err := compiler.AddResource(schemaAddress, document); err != nil {
		return nil, &schemaError{message: err.Error()}
	}
	compiled, err := compiler.Compile(schemaAddress)
	if err == nil {
		return &jsonSchema{compiled}, nil
	}
	var invalid *jsonschema.ValidationError
	if refused, is := errors.AsType[*jsonschema.SchemaValidationError](err); is && errors.As(refused.Err, &invalid) {
		deepest := firstOf(invalid)
		return nil, &schemaError{deepest.InstanceLocation, "not a JSON Schema: " + english(deepest.ErrorKind)}
	}
	return nil, &schemaError{message: "not a JSON Schema: " + err.Error()}
}

// sealedLoader refuses everything outside a schema, except Backstage's schemas of the envelope of entities, which
// is checked in any case.
type sealedLoader struct{}

// Load implements jsonschema.URLLoader.
func (sealedLoader) Load(url string) (any, error) {
	if name := url[strings.LastIndexByte(url, '/')+1:]; name == "Entity" || name == "EntityMeta" {
		return map[string]any{"type": "object"}, nil
	}
	return nil, fmt.Errorf("it refers to %s, and a schema can refer to itself only", url)
}

// check returns the first violation in value, which is at path; nil when value is valid.
func (s *jsonSchema) check(value any, path string) *violation {
	if s == nil {
		return nil
	}
	err := s.compiled.Validate(value)
	if err == nil {
		return nil
	}
	invalid, is := errors.AsType[*jsonschema.ValidationError](err)
	if !is {
		return &violation{path: path, message: "cannot be checked", parameter: err.Error()}
	}
	first := firstOf(invalid)
	for _, step := range first.InstanceLocation {
		path += "/" + pointerEscape(step)
	}
	text, parameter := inWords(first.ErrorKind)
	return &violation{path: path, message: text, parameter: parameter}
}

// firstOf is the error that is shown of a tree: the one closest to the root, so that it is always the same. Of
// alternatives, it is one of the first.
func firstOf(e *jsonschema.ValidationError) *jsonschema.ValidationError {
	if len(e.Causes) == 0 {
		return e
	}
	switch e.ErrorKind.(type) {
	case *schemakind.AnyOf, *schemakind.OneOf:
		return firstOf(e.Causes[0])
	}
	firsts := make([]*jsonschema.ValidationError, len(e.Causes))
	for i, cause := range e.Causes {
		firsts[i] = firstOf(cause)
	}
	return slices.MinFunc(firsts, func(a, b *jsonschema.ValidationError) int {
		return cmp.Or(cmp.Compare(len(a.InstanceLocation), len(b.InstanceLocation)), slices.Compare(a.InstanceLocation, b.InstanceLocation),
			slices.Compare(a.ErrorKind.KeywordPath(), b.ErrorKind.KeywordPath()))
	})
}

func english(of jsonschema.ErrorKind) string {
	return of.LocalizedString(message.NewPrinter(language.English))
}

// inWords is an error in the words of Backstage's validator (ajv), and what was expected.
func inWords(of jsonschema.ErrorKind) (text, parameter string) {
	switch of := of.(type) {
	case *schemakind.Required:
		return fmt.Sprintf("must have required property '%s'", of.Missing[0]), "missingProperty: " + of.Missing[0]
	case *schemakind.Type:
		wanted := strings.Join(of.Want, ",")
		return "must be " + wanted, "type: " + wanted
	case *schemakind.Enum:
		allowed := make([]string, len(of.Want))
		for i, one := range of.Want {
			allowed[i] = fmt.Sprint(one)
		}
		return "must be equal to one of the allowed values", "allowedValues: " + strings.Join(allowed, ",")
	case *schemakind.Const:
		return "must be equal to constant", fmt.Sprint("allowedValue: ", of.Want)
	case *schemakind.AdditionalProperties:
		slices.Sort(of.Properties)
		return "must NOT have additional properties", "additionalProperty: " + of.Properties[0]
	case *schemakind.Pattern:
		return `must match pattern "` + of.Want + `"`, "pattern: " + of.Want
	case *schemakind.Format:
		return `must match format "` + of.Want + `"`, "format: " + of.Want
	default:
		return boundInWords(of)
	}
}

// boundInWords is inWords for the bounds of sizes and numbers, and for all that ajv has no short words for.
func boundInWords(of jsonschema.ErrorKind) (text, parameter string) {
	bound := func(format string, limit any) (string, string) {
		return fmt.Sprintf(format, limit), fmt.Sprint("limit: ", limit)
	}
	number := func(n *big.Rat) string { return strings.TrimSuffix(strings.TrimRight(n.FloatString(6), "0"), ".") }
	switch of := of.(type) {
	case *schemakind.MinLength:
		return bound("must NOT have fewer than %v characters", of.Want)
	case *schemakind.MaxLength:
		return bound("must NOT have more than %v characters", of.Want)
	case *schemakind.MinItems:
		return bound("must NOT have fewer than %v items", of.Want)
	case *schemakind.MaxItems:
		return bound("must NOT have more than %v items", of.Want)
	case *schemakind.Minimum:
		return bound("must be >= %v", number(of.Want))
	case *schemakind.Maximum:
		return bound("must be <= %v", number(of.Want))
	default:
		return english(of), "keyword: " + strings.Join(of.KeywordPath(), "/")
	}
}
