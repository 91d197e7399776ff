package query

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/plainjson"
)

// maxPredicateDepth bounds the nesting of a predicate, and with it the statement it becomes.
const maxPredicateDepth = 32

// ParsePredicate reads the predicate language of request bodies: field conditions, $all, $any and $not. Empty
// JSON and {} are no condition. Errors are faults of kind Input in Backstage's words.
func ParsePredicate(document json.RawMessage) (Filter, error) {
	if len(document) == 0 || string(document) == "null" {
		return nil, nil // nil is the filter that lets everything through
	}
	var value any
	if err := json.Unmarshal(document, &value); err != nil {
		return nil, fault.Wrap(fault.Input, err, "Invalid query: %s", err.Error())
	}
	var found size
	found.addPredicate(value)
	if err := found.check("query"); err != nil {
		return nil, err
	}
	if problems := predicateProblems(value); len(problems) > 0 {
		return nil, fault.New(fault.Input, "Invalid query: Validation error: %s", strings.Join(problems, "; "))
	}
	return predicate(value)
}

// predicate reads a predicate whose shape was checked.
func predicate(value any) (Filter, error) {
	object, isObject := value.(map[string]any)
	if !isObject {
		return nil, fault.New(fault.Input, "Invalid filter predicate: top-level primitive values are not supported. "+
			`Wrap the value in a field expression, e.g. { "kind": %s }`, encoded(value))
	}
	if nested, is := object["$all"]; is {
		filters, err := predicates(nested)
		return All(filters), err
	}
	if nested, is := object["$any"]; is {
		filters, err := predicates(nested)
		return Any(filters), err
	}
	if nested, is := object["$not"]; is {
		filter, err := predicate(nested)
		return Not{filter}, err
	}
	var fields All
	for _, key := range slices.Sorted(maps.Keys(object)) {
		condition, err := fieldCondition(key, object[key])
		if err != nil {
			return nil, err
		}
		fields = append(fields, condition)
	}
	return fields, nil
}

func predicates(nested any) ([]Filter, error) {
	items, _ := nested.([]any)
	filters := make([]Filter, len(items))
	for i, item := range items {
		filter, err := predicate(item)
		if err != nil {
			return nil, err
		}
		filters[i] = filter
	}
	return filters, nil
}

func fieldCondition(key string, value any) (Filter, error) {
	object, isObject := value.(map[string]any)
	if !isObject {
		return Match{Key: key, Values: []string{primitiveText(value)}}, nil
	}
	if exists, is := object["$exists"].(bool); is {
		if exists {
			return Exists{Key: key}, nil
		}
		return Not{Exists{Key: key}}, nil
	}
	if in, is := object["$in"].([]any); is {
		return Match{Key: key, Values: primitiveTexts(in)}, nil
	}
	if contains, is := object["$contains"]; is {
		return containsCondition(key, contains)
	}
	prefix, _ := object["$hasPrefix"].(string)
	return Prefix{Key: key, Prefix: prefix}, nil
}

// containsCondition reads $contains, for arrays of primitives and for relations.
func containsCondition(key string, value any) (Filter, error) {
	wanted, isObject := value.(map[string]any)
	if !isObject {
		return Match{Key: key, Values: []string{primitiveText(value)}}, nil
	}
	if !strings.EqualFold(key, "relations") {
		return nil, fault.New(fault.Input, `Object form of $contains is not supported for field "%s"`, key)
	}
	kind, _ := wanted["type"].(string)
	if kind == "" {
		return nil, fault.New(fault.Input, `The $contains operator for "relations" requires a "type" string property`)
	}
	for property := range wanted {
		if property != "type" && property != "targetRef" {
			return nil, fault.New(fault.Input, `Unsupported key "%s" in $contains for "relations". Only "type" and "targetRef" are supported`, property)
		}
	}
	relation := "relations." + kind
	switch target := wanted["targetRef"].(type) {
	case nil:
		return Exists{Key: relation}, nil
	case string:
		return Match{Key: relation, Values: []string{target}}, nil
	case map[string]any:
		refs, isList := target["$in"].([]any)
		if isList && len(refs) == 0 {
			return nil, fault.New(fault.Input, `Empty "$in" array for $contains on "relations" is not allowed`)
		}
		if isList {
			return Match{Key: relation, Values: primitiveTexts(refs)}, nil
		}
	}
	return nil, fault.New(fault.Input, `Unsupported value in $contains for "relations": expected a string or { "$in": [strings] }, but got %s`,
		encoded(wanted["targetRef"]))
}

// encoded is a value as JSON, for a message.
func encoded(value any) string {
	text, err := plainjson.Marshal(value)
	if err != nil {
		return typeName(value) // cannot happen: it was decoded from JSON
	}
	return string(text)
}

// primitiveText is JavaScript's String of a primitive.
func primitiveText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}

func primitiveTexts(values []any) []string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = primitiveText(value)
	}
	return texts
}

// All, Any, ... in the predicate language.

func (f All) predicate() any { return map[string]any{"$all": predicatesOf(f)} }
func (f Any) predicate() any { return map[string]any{"$any": predicatesOf(f)} }

func (f Not) predicate() any { return map[string]any{"$not": f.Filter.predicate()} }

func (f Match) predicate() any {
	if len(f.Values) == 1 {
		return map[string]any{f.Key: f.Values[0]}
	}
	return map[string]any{f.Key: map[string]any{"$in": f.Values}}
}

func (f Exists) predicate() any { return map[string]any{f.Key: map[string]any{"$exists": true}} }
func (f Prefix) predicate() any { return map[string]any{f.Key: map[string]any{"$hasPrefix": f.Prefix}} }

func predicatesOf(filters []Filter) []any {
	predicates := make([]any, len(filters))
	for i, f := range filters {
		predicates[i] = f.predicate()
	}
	return predicates
}
