package query

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Shape errors of a predicate are reported as Backstage's validator does: a predicate has one of several
// forms, and a value that has none of them gets the problems of every form.

// predicateProblems lists the problems with every form that a predicate can have, nil when it has one of
// them.
func predicateProblems(value any, path []any, depth int) []string {
	if depth > maxPredicateDepth {
		return []string{at(fmt.Sprintf("Nested more than %d deep", maxPredicateDepth), path)}
	}
	object, isObject := value.(map[string]any)
	if !isObject {
		if isPrimitive(value) {
			return nil
		}
		return primitiveProblems(value, path, "object")
	}
	forms := [][]string{
		fieldsProblems(object, path),
		operatorsOnlyProblems(object, path),
		primitiveProblems(value, path),
		nestProblems(object, path, "$all", depth),
		nestProblems(object, path, "$any", depth),
		notProblems(object, path, depth),
	}
	return complaints(forms)
}

// complaints returns nil when one form has no problems, else the problems of all forms without duplicates.
func complaints(forms [][]string) []string {
	var all []string
	for _, problems := range forms {
		if len(problems) == 0 {
			return nil
		}
		for _, problem := range problems {
			if !slices.Contains(all, problem) {
				all = append(all, problem)
			}
		}
	}
	return all
}

// fieldsProblems checks the form {field: condition}.
func fieldsProblems(object map[string]any, path []any) []string {
	var problems []string
	for _, key := range slices.Sorted(maps.Keys(object)) {
		here := append(slices.Clip(path), key)
		if strings.HasPrefix(key, "$") {
			problems = append(problems, at("Invalid", here))
			continue
		}
		problems = append(problems, alternatives(conditionProblems(object[key], here))...)
	}
	return joined(problems)
}

// operatorsOnlyProblems checks the form that allows no operator. Only the empty object has it.
func operatorsOnlyProblems(object map[string]any, path []any) []string {
	var problems []string
	for _, key := range slices.Sorted(maps.Keys(object)) {
		here := append(slices.Clip(path), key)
		if !strings.HasPrefix(key, "$") {
			problems = append(problems, at("Invalid", here))
		}
		problems = append(problems, at("Expected never, received "+typeName(object[key]), here))
	}
	return joined(problems)
}

// conditionProblems checks the value that a field is compared to.
func conditionProblems(value any, path []any) []string {
	if isPrimitive(value) {
		return nil
	}
	object, isObject := value.(map[string]any)
	if !isObject {
		return primitiveProblems(value, path, "object")
	}
	forms := [][]string{
		primitiveProblems(value, path),
		operatorProblems(object, path, "$exists", "boolean"),
		operatorProblems(object, path, "$in", "array"),
		operatorProblems(object, path, "$contains", ""),
		operatorProblems(object, path, "$hasPrefix", "string"),
	}
	return complaints(forms)
}

func operatorProblems(object map[string]any, path []any, operator, wanted string) []string {
	here := append(slices.Clip(path), operator)
	value, is := object[operator]
	switch {
	case !is:
		return []string{at("Required", here)}
	case wanted == "" || typeName(value) == wanted:
		return itemProblems(value, here, operator)
	default:
		return []string{at("Expected "+wanted+", received "+typeName(value), here)}
	}
}

// itemProblems checks that the items of $in are primitives.
func itemProblems(value any, path []any, operator string) []string {
	items, isList := value.([]any)
	if operator == "$contains" && isList {
		return primitiveProblems(value, path, "object")
	}
	if operator != "$in" {
		return nil
	}
	var problems []string
	for i, item := range items {
		if !isPrimitive(item) {
			problems = append(problems, alternatives(primitiveProblems(item, append(slices.Clip(path), i)))...)
		}
	}
	return problems
}

func nestProblems(object map[string]any, path []any, operator string, depth int) []string {
	here := append(slices.Clip(path), operator)
	value, is := object[operator]
	items, isList := value.([]any)
	var problems []string
	switch {
	case !is:
		problems = append(problems, at("Required", here))
	case !isList:
		problems = append(problems, at("Expected array, received "+typeName(value), here))
	}
	for i, item := range items {
		problems = append(problems, alternatives(predicateProblems(item, append(slices.Clip(here), i), depth+1))...)
	}
	return joined(append(problems, unexpectedKeyProblems(object, path, operator)...))
}

func notProblems(object map[string]any, path []any, depth int) []string {
	here := append(slices.Clip(path), "$not")
	value, is := object["$not"]
	var problems []string
	if !is {
		problems = append(problems, at("Required", here))
	} else {
		problems = alternatives(predicateProblems(value, here, depth+1))
	}
	return joined(append(problems, unexpectedKeyProblems(object, path, "$not")...))
}

// unexpectedKeyProblems reports the siblings of an operator that must be the only key.
func unexpectedKeyProblems(object map[string]any, path []any, operator string) []string {
	var strangers []string
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if key != operator {
			strangers = append(strangers, "'"+key+"'")
		}
	}
	if len(strangers) == 0 {
		return nil
	}
	return []string{at("Unrecognized key(s) in object: "+strings.Join(strangers, ", "), path)}
}

func primitiveProblems(value any, path []any, more ...string) []string {
	var problems []string
	for _, wanted := range append([]string{"string", "number", "boolean"}, more...) {
		problems = append(problems, at("Expected "+wanted+", received "+typeName(value), path))
	}
	return problems
}

// alternatives joins the problems of several forms into one.
func alternatives(problems []string) []string {
	if len(problems) == 0 {
		return nil
	}
	return []string{strings.Join(problems, ", or ")}
}

// joined joins problems that apply together into one.
func joined(problems []string) []string {
	if len(problems) == 0 {
		return nil
	}
	return []string{strings.Join(problems, "; ")}
}

// at adds the position to a problem.
func at(message string, path []any) string {
	if len(path) == 0 {
		return message
	}
	var where strings.Builder
	for _, step := range path {
		if i, isIndex := step.(int); isIndex {
			where.WriteString("[" + strconv.Itoa(i) + "]")
			continue
		}
		if where.Len() > 0 {
			where.WriteString(".")
		}
		fmt.Fprint(&where, step)
	}
	return message + ` at "` + where.String() + `"`
}

func isPrimitive(value any) bool {
	switch value.(type) {
	case string, float64, bool:
		return true
	default:
		return false
	}
}

func typeName(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case float64, json.Number:
		return "number"
	case bool:
		return "boolean"
	case []any:
		return "array"
	default:
		return "object"
	}
}
