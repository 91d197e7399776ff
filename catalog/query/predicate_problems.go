package query

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Shape errors of a predicate are reported as Backstage's validator (zod) does: a predicate has one of several
// forms. A value that has none of them gets the problems of every form, or of the one form that it nearly has.

// problem is what is wrong at a path, or why a value has none of several forms.
type problem struct {
	message string
	path    []any
	// forms are the problems of each form; nil for a problem with a message.
	forms [][]problem
}

// check reports what keeps a value from having a form. It is near the form when nothing but its keys is wrong.
type check func(value any, path []any, depth int) (problems []problem, isNear bool)

// predicateProblems lists the problems of a predicate, nil when it is one.
func predicateProblems(value any) []string {
	problems, _ := checkPredicate(value, nil, 0)
	var texts []string
	for _, each := range problems {
		texts = append(texts, each.String())
	}
	return texts
}

func checkPredicate(value any, path []any, depth int) ([]problem, bool) {
	if depth > maxPredicateDepth {
		return []problem{{message: fmt.Sprintf("Nested more than %d deep", maxPredicateDepth), path: path}}, false
	}
	expression := oneOf(recordOf(func(key string) bool { return !strings.HasPrefix(key, "$") }, checkCondition),
		recordOf(func(key string) bool { return strings.HasPrefix(key, "$") }, checkNever))
	return oneOf(expression, checkPrimitive, strict("$all", listOf(checkPredicate)), strict("$any", listOf(checkPredicate)),
		strict("$not", checkPredicate))(value, path, depth)
}

// checkCondition checks what a field is compared to.
func checkCondition(value any, path []any, depth int) ([]problem, bool) {
	return oneOf(checkPrimitive, having("$exists", typed("boolean")), having("$in", listOf(checkPrimitive)),
		having("$contains", checkPredicate), having("$hasPrefix", typed("string")))(value, path, depth)
}

func checkPrimitive(value any, path []any, depth int) ([]problem, bool) {
	return oneOf(typed("string"), typed("number"), typed("boolean"))(value, path, depth)
}

func checkNever(value any, path []any, _ int) ([]problem, bool) {
	return expected("never", value, path), false
}

func expected(wanted string, value any, path []any) []problem {
	return []problem{{message: "Expected " + wanted + ", received " + typeName(value), path: path}}
}

func typed(wanted string) check {
	return func(value any, path []any, _ int) ([]problem, bool) {
		if typeName(value) == wanted {
			return nil, true
		}
		return expected(wanted, value, path), false
	}
}

func oneOf(forms ...check) check {
	return func(value any, path []any, depth int) ([]problem, bool) {
		var all [][]problem
		var near []problem
		for _, form := range forms {
			problems, isNear := form(value, path, depth)
			if len(problems) == 0 {
				return nil, true
			}
			if isNear && near == nil {
				near = problems
			}
			all = append(all, problems)
		}
		if near != nil {
			return near, true
		}
		return []problem{{forms: all}}, false
	}
}

// recordOf is an object with such keys and values.
func recordOf(isKey func(string) bool, member check) check {
	return func(value any, path []any, depth int) (problems []problem, isNear bool) {
		object, isObject := value.(map[string]any)
		if !isObject {
			return expected("object", value, path), false
		}
		isNear = true
		for _, key := range slices.Sorted(maps.Keys(object)) {
			here := append(slices.Clip(path), key)
			if !isKey(key) {
				problems = append(problems, problem{message: "Invalid", path: here})
			}
			inside, isInsideNear := member(object[key], here, depth+1)
			problems, isNear = append(problems, inside...), isNear && isInsideNear
		}
		return problems, isNear
	}
}

func listOf(item check) check {
	return func(value any, path []any, depth int) (problems []problem, isNear bool) {
		items, isList := value.([]any)
		if !isList {
			return expected("array", value, path), false
		}
		isNear = true
		for i, each := range items {
			inside, isInsideNear := item(each, append(slices.Clip(path), i), depth+1)
			problems, isNear = append(problems, inside...), isNear && isInsideNear
		}
		return problems, isNear
	}
}

// having is an object with a member, and maybe others.
func having(name string, member check) check {
	return func(value any, path []any, depth int) ([]problem, bool) {
		object, isObject := value.(map[string]any)
		if !isObject {
			return expected("object", value, path), false
		}
		here := append(slices.Clip(path), name)
		inside, has := object[name]
		if !has {
			return []problem{{message: "Required", path: here}}, false
		}
		return member(inside, here, depth+1)
	}
}

// strict is an object with a member and no other.
func strict(name string, member check) check {
	return func(value any, path []any, depth int) ([]problem, bool) {
		problems, isNear := having(name, member)(value, path, depth)
		object, _ := value.(map[string]any)
		var strangers []string
		for _, key := range slices.Sorted(maps.Keys(object)) {
			if key != name {
				strangers = append(strangers, "'"+key+"'")
			}
		}
		if len(strangers) > 0 {
			problems = append(problems, problem{message: "Unrecognized key(s) in object: " + strings.Join(strangers, ", "), path: path})
		}
		return problems, isNear
	}
}

// String is the problem in the words of the package zod-validation-error.
func (p problem) String() string {
	if p.forms == nil {
		return at(p.message, p.path)
	}
	var alternatives []string
	for _, form := range p.forms {
		var texts []string
		for _, each := range form {
			texts = append(texts, each.String())
		}
		if text := strings.Join(texts, "; "); !slices.Contains(alternatives, text) {
			alternatives = append(alternatives, text)
		}
	}
	return strings.Join(alternatives, ", or ")
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
