package jsonata

import (
	"maps"
	"math"
	"slices"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// Value is a value of package nunjucks. Within the package lists are *list, and functions *function; objects
// are *nunjucks.Object.
type Value = nunjucks.Value

// undefined is the value of what is not there.
var undefined Value = nunjucks.Undefined

func isUndefined(v Value) bool { return v == undefined }

// list is a list. Most expressions make sequences: one of a single item is the same as the item.
type list struct {
	items []Value
	// isSequence, and whether one of a single item stays a list.
	isSequence, keepSingleton bool
	// isConstructed says that the list is an item of a path as it is.
	isConstructed bool
	// isTuples says that the items are *tuple.
	isTuples bool
	// isWrapper says that the only item is an input that is a list itself.
	isWrapper bool
}

// tuple is an item with the variables that are bound for it.
type tuple struct {
	item     Value
	bindings map[string]Value
}

// with returns a copy with another item.
func (t *tuple) with(item Value) *tuple {
	made := &tuple{item, make(map[string]Value, len(t.bindings)+1)}
	maps.Copy(made.bindings, t.bindings)
	return made
}

// function is a function: native, or one of the expression.
type function struct {
	name      string
	signature *signature
	// arity is how many arguments a callback is given, at most.
	arity  int
	native func(c *call) Value
	// lambda is the definition of one that is not native; input and scope are those of its definition.
	lambda     *node
	parameters []string
	input      Value
	scope      *scope
	isThunk    bool
}

// matcher is a regular expression, which is a function of strings.
type matcher struct{ pattern *nunjucks.Pattern }

func isFunction(v Value) bool {
	switch v.(type) {
	case *function, *matcher:
		return true
	}
	return false
}

// isNumeric reports whether a value is a number. One that is infinite is an error.
func isNumeric(v Value) bool {
	number, is := v.(float64)
	if is && math.IsInf(number, 0) {
		fail("D1001", 0, "value", nil)
	}
	return is && !math.IsNaN(number)
}

// itemsOf are the items of a list, and any other value as the only one. Undefined is none.
func itemsOf(v Value) []Value {
	if l, is := v.(*list); is {
		return l.items
	}
	if isUndefined(v) {
		return nil
	}
	return []Value{v}
}

func allAre(items []Value, is func(Value) bool) bool {
	for _, item := range items {
		if !is(item) {
			return false
		}
	}
	return true
}

func isText(v Value) bool {
	_, is := v.(string)
	return is
}

// isTruthy is the Boolean value of a value.
func isTruthy(v Value) bool {
	switch v := v.(type) {
	case *list:
		return slices.ContainsFunc(v.items, isTruthy)
	case string:
		return v != ""
	case float64:
		return isNumeric(v) && v != 0
	case *nunjucks.Object:
		return v.Len() > 0
	case bool:
		return v
	}
	return false
}

// isEqual compares deeply.
func (e *evaluator) isEqual(a, b Value) bool {
	e.step()
	switch a := a.(type) {
	case *list:
		other, is := b.(*list)
		if !is || len(a.items) != len(other.items) {
			return false
		}
		for i := range a.items {
			if !e.isEqual(a.items[i], other.items[i]) {
				return false
			}
		}
		return true
	case *nunjucks.Object:
		other, is := b.(*nunjucks.Object)
		if !is || a.Len() != other.Len() {
			return false
		}
		for key, value := range a.All() {
			if against, has := other.Get(key); !has || !e.isEqual(value, against) {
				return false
			}
		}
		return true
	}
	return a == b
}

// The sizes of values in memory, in bytes.
const (
	itemBytes, memberBytes   = 16, 64
	listBytes, objectBytes   = 64, 64
	stringBytes, numberBytes = 16, 8
	frameBytes               = 512
)

// imported makes lists of arrays. What is shared stays shared.
func (e *evaluator) imported(v Value, made map[any]Value, depth int) Value {
	e.checkDepth(depth)
	switch v := v.(type) {
	case *nunjucks.Array:
		if known := made[v]; known != nil {
			return known
		}
		e.allocate(listBytes + itemBytes*len(v.Items))
		l := &list{items: make([]Value, len(v.Items))}
		made[v] = l
		for i, item := range v.Items {
			l.items[i] = e.imported(item, made, depth+1)
		}
		return l
	case *nunjucks.Object:
		if known := made[v]; known != nil {
			return known
		}
		e.allocate(objectBytes + memberBytes*v.Len())
		object := nunjucks.NewObject()
		made[v] = object
		for key, value := range v.All() {
			object.Set(key, e.imported(value, made, depth+1))
		}
		return object
	}
	return v
}

// exported makes arrays of lists, and null of functions.
func exported(v Value) Value { return export(v, map[any]Value{}) }

func export(v Value, made map[any]Value) Value {
	switch v := v.(type) {
	case *list:
		if known := made[v]; known != nil {
			return known
		}
		array := &nunjucks.Array{Items: make([]Value, len(v.items))}
		made[v] = array
		for i, item := range v.items {
			if array.Items[i] = export(item, made); isUndefined(array.Items[i]) {
				array.Items[i] = nil
			}
		}
		return array
	case *nunjucks.Object:
		if known := made[v]; known != nil {
			return known
		}
		object := nunjucks.NewObject()
		made[v] = object
		for key, value := range v.All() {
			if !isUndefined(value) && !isFunction(value) {
				object.Set(key, export(value, made))
			}
		}
		return object
	case *function, *matcher:
		return nil
	case *tuple:
		return export(v.item, made)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
	}
	return v
}
