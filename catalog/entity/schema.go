package entity

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// schema is the part of JSON Schema that entities need. It checks in the order of Backstage's validator
// (ajv), so that the first failure is the same: only the first is shown. The zero value accepts anything.
type schema struct {
	// types lists the JSON types accepted: "object", "array", "string", "boolean". Empty accepts all.
	types     []string
	minLength int
	// maxLength bounds a text in characters; 0 does not.
	maxLength int
	pattern   *regexp.Regexp
	enum      []string
	required  []string
	// instead are properties that stand for required ones.
	instead map[string]string
	// properties are checked in this order, if present.
	properties []property
	// others is the schema of the properties that are not listed; nil accepts them.
	others *schema
	// closed rejects the properties that are not listed.
	closed bool
	// items is the schema of an array's elements, and minItems the least number of them.
	items    *schema
	minItems int
	// oneOf are schemas of which one must match. They are exclusive by their types.
	oneOf []*schema
}

type property struct {
	name string
	is   *schema
}

// violation is one failed check, in ajv's words.
type violation struct {
	// path is the JSON pointer of the value, "" for the document.
	path, message string
	// parameter says what was expected: "missingProperty: owner".
	parameter string
}

func (v *violation) where() string {
	if v.path == "" {
		return "<root>"
	}
	return v.path
}

// check returns the first violation in value, which is at path; nil when value is valid.
func (s *schema) check(value any, path string) *violation {
	if failed := s.checkAlternatives(value, path); failed != nil {
		return failed
	}
	if len(s.types) > 0 && !slices.Contains(s.types, jsonType(value)) {
		expected := strings.Join(s.types, ",")
		return &violation{path: path, message: "must be " + expected, parameter: "type: " + expected}
	}
	switch value := value.(type) {
	case string:
		return s.checkString(value, path)
	case []any:
		return s.checkItems(value, path)
	case map[string]any:
		return s.checkObject(value, path)
	default:
		return s.checkEnum(value, path)
	}
}

// checkAlternatives returns the first alternative's violation when none of them matches.
func (s *schema) checkAlternatives(value any, path string) *violation {
	var first *violation
	for _, alternative := range s.oneOf {
		failed := alternative.check(value, path)
		if failed == nil {
			return nil
		}
		if first == nil {
			first = failed
		}
	}
	return first
}

func (s *schema) checkString(value, path string) *violation {
	if s.minLength > 0 && len(value) < s.minLength {
		return &violation{
			path:      path,
			message:   fmt.Sprintf("must NOT have fewer than %d characters", s.minLength),
			parameter: fmt.Sprintf("limit: %d", s.minLength),
		}
	}
	if s.maxLength > 0 && utf8.RuneCountInString(value) > s.maxLength {
		return &violation{
			path:      path,
			message:   fmt.Sprintf("must NOT have more than %d characters", s.maxLength),
			parameter: fmt.Sprintf("limit: %d", s.maxLength),
		}
	}
	if s.pattern != nil && !s.pattern.MatchString(value) {
		return &violation{path: path, message: `must match pattern "` + s.pattern.String() + `"`, parameter: "pattern: " + s.pattern.String()}
	}
	return s.checkEnum(value, path)
}

func (s *schema) checkEnum(value any, path string) *violation {
	if len(s.enum) == 0 {
		return nil
	}
	if name, isText := value.(string); isText && slices.Contains(s.enum, name) {
		return nil
	}
	return &violation{
		path:      path,
		message:   "must be equal to one of the allowed values",
		parameter: "allowedValues: " + strings.Join(s.enum, ","),
	}
}

func (s *schema) checkItems(values []any, path string) *violation {
	if len(values) < s.minItems {
		return &violation{
			path:      path,
			message:   fmt.Sprintf("must NOT have fewer than %d items", s.minItems),
			parameter: fmt.Sprintf("limit: %d", s.minItems),
		}
	}
	if s.items == nil {
		return nil
	}
	for i, value := range values {
		if failed := s.items.check(value, fmt.Sprintf("%s/%d", path, i)); failed != nil {
			return failed
		}
	}
	return nil
}

func (s *schema) checkObject(value map[string]any, path string) *violation {
	for _, name := range s.required {
		_, present := value[name]
		if _, stands := value[s.instead[name]]; !present && !stands {
			return &violation{
				path:      path,
				message:   fmt.Sprintf("must have required property '%s'", name),
				parameter: "missingProperty: " + name,
			}
		}
	}
	if failed := s.checkOthers(value, path); failed != nil {
		return failed
	}
	for _, property := range s.properties {
		member, present := value[property.name]
		if !present {
			continue
		}
		if failed := property.is.check(member, path+"/"+pointerEscape(property.name)); failed != nil {
			return failed
		}
	}
	return nil
}

// checkOthers checks the properties without a schema of their own, in the order of their names.
func (s *schema) checkOthers(value map[string]any, path string) *violation {
	if s.others == nil && !s.closed {
		return nil
	}
	for _, name := range sortedKeys(value) {
		listed := slices.ContainsFunc(s.properties, func(p property) bool { return p.name == name })
		if listed {
			continue
		}
		if s.closed {
			return &violation{
				path: path, message: "must NOT have additional properties", parameter: "additionalProperty: " + name,
			}
		}
		if failed := s.others.check(value[name], path+"/"+pointerEscape(name)); failed != nil {
			return failed
		}
	}
	return nil
}

func jsonType(value any) string {
	switch value.(type) {
	case map[string]any:
		return "object"
	case []any:
		return "array"
	case string:
		return "string"
	case bool:
		return "boolean"
	case nil:
		return "null"
	default:
		return "number"
	}
}

// pointerEscapes is made once: every property of every entity comes by here.
var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// pointerEscape writes a property name as a segment of a JSON pointer.
func pointerEscape(name string) string { return pointerEscapes.Replace(name) }
