package nunjucks

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strconv"
)

// Value is a JavaScript value: nil (null), Undefined, bool, float64, string, *Object, *Array, or a value that
// only templates make (a function, a regular expression, a safe string), which callers can pass on but not
// inspect.
//
// Strings are UTF-8. JavaScript can cut a surrogate pair in two. Inside the package a half is kept in its
// three-byte generalized form; Render never returns one.
type Value = any

// undefinedType is the type of Undefined.
type undefinedType struct{}

// Undefined is JavaScript's undefined: the value of a variable that is not set. It differs from nil, which is
// null.
var Undefined undefinedType

func isUndefined(v Value) bool {
	_, ok := v.(undefinedType)
	return ok
}

// isNullish reports null or undefined.
func isNullish(v Value) bool { return v == nil || isUndefined(v) }

// Function is a filter or a global function that the host provides. For a filter args[0] is the filtered
// value. Kwargs holds the keyword arguments, nil when there are none. The returned error fails the rendering.
// It should allocate at most 64 bytes for each byte of its arguments, because that much is counted.
type Function func(ctx context.Context, args []Value, kwargs *Object) (Value, error)

// Array is a list with JavaScript's identity: two variables may hold the same Array.
type Array struct{ Items []Value }

// Object is an insertion-ordered record with JavaScript's key order. The zero value is not ready; use
// NewObject. Reading is safe from several goroutines as long as nobody writes.
type Object struct {
	members []member
	// index finds a member by key; nil while a linear search is faster.
	index map[string]int
	// integers counts the keys that are array indexes, which come first when keys are listed.
	integers int
}

type member struct {
	key   string
	value Value
}

// scanLimit is the number of members up to which a linear search is faster than a map.
const scanLimit = 8

// NewObject makes an empty object.
func NewObject() *Object { return &Object{} }

// newObjectOf makes an empty object with room for n members.
func newObjectOf(n int) *Object {
	object := &Object{members: make([]member, 0, n)}
	if n > scanLimit {
		object.index = make(map[string]int, n)
	}
	return object
}

func (o *Object) find(key string) int {
	if o.index != nil {
		if i, ok := o.index[key]; ok {
			return i
		}
		return -1
	}
	for i := range o.members {
		if o.members[i].key == key {
			return i
		}
	}
	return -1
}

// Get returns the value under key, and false when there is no such key. A key may hold Undefined.
func (o *Object) Get(key string) (Value, bool) {
	if i := o.find(key); i >= 0 {
		return o.members[i].value, true
	}
	return Undefined, false
}

// Set stores value under key; a key that exists keeps its place.
func (o *Object) Set(key string, value Value) {
	if i := o.find(key); i >= 0 {
		o.members[i].value = value
		return
	}
	if len(o.members) == cap(o.members) {
		o.members = append(make([]member, 0, max(2*cap(o.members), 4)), o.members...)
	}
	o.members = append(o.members, member{key, value})
	if _, ok := arrayIndex(key); ok {
		o.integers++
	}
	if o.index != nil {
		o.index[key] = len(o.members) - 1
	} else if len(o.members) > scanLimit {
		o.reindex()
	}
}

// Delete removes key; it does nothing when there is no such key.
func (o *Object) Delete(key string) {
	i := o.find(key)
	if i < 0 {
		return
	}
	if _, ok := arrayIndex(key); ok {
		o.integers--
	}
	o.members = slices.Delete(o.members, i, i+1)
	if o.index != nil {
		o.reindex()
	}
}

func (o *Object) reindex() {
	o.index = make(map[string]int, len(o.members))
	for i := range o.members {
		o.index[o.members[i].key] = i
	}
}

// emptyObject must not be changed.
var emptyObject = NewObject()

// Len is the number of keys.
func (o *Object) Len() int { return len(o.members) }

// Keys lists the keys as JavaScript does: array indexes in ascending order, then the others in the order of
// insertion.
func (o *Object) Keys() []string {
	keys := make([]string, 0, len(o.members))
	for key := range o.All() {
		keys = append(keys, key)
	}
	return keys
}

// All iterates over keys and values in the order of Keys. The object must not gain or lose keys meanwhile.
func (o *Object) All() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		for _, m := range o.ordered() {
			if !yield(m.key, m.value) {
				return
			}
		}
	}
}

func (o *Object) ordered() []member {
	if o.integers == 0 {
		return o.members
	}
	ordered := slices.Clone(o.members)
	slices.SortStableFunc(ordered, func(a, b member) int {
		left, leftIsIndex := arrayIndex(a.key)
		right, rightIsIndex := arrayIndex(b.key)
		switch {
		case leftIsIndex && rightIsIndex:
			return cmp.Compare(left, right)
		case leftIsIndex:
			return -1
		case rightIsIndex:
			return 1
		}
		return 0
	})
	return ordered
}

// arrayIndex parses a key that JavaScript treats as an array index: the canonical decimal form of 0 to
// 2^32-2.
func arrayIndex(key string) (int, bool) {
	if key == "" || len(key) > 10 || key[0] < '0' || key[0] > '9' || (key[0] == '0' && len(key) > 1) {
		return 0, false
	}
	n, err := strconv.ParseUint(key, 10, 32)
	if err != nil || n == 1<<32-1 {
		return 0, false
	}
	return int(n), true
}

// callable is a function value: a macro, a method, a global, a host function.
type callable struct {
	call func(r *run, this Value, args []Value) Value
	// length is the number of declared parameters, JavaScript's property length. name is JavaScript's
	// property name.
	length int
	name   string
}

func newCallable(length int, call func(r *run, this Value, args []Value) Value) *callable {
	return &callable{call: call, length: length}
}

// safeString is the result of macros, safe and escape: a JavaScript object that wraps a string. It is always
// truthy and never strictly equal to a string.
type safeString struct{ text string }

// keywordsMark is the property by which nunjucks distinguishes keyword arguments from a dictionary.
const keywordsMark = "__keywords"

// keywordArguments returns the trailing keyword arguments of a call and the positional ones before them.
func keywordArguments(args []Value) (positional []Value, keywords *Object) {
	if len(args) == 0 {
		return args, nil
	}
	last, ok := args[len(args)-1].(*Object)
	if !ok || last.find(keywordsMark) < 0 {
		return args, nil
	}
	return args[:len(args)-1], last
}

// argument returns args[i], or Undefined when the call has fewer arguments.
func argument(args []Value, i int) Value {
	if i < len(args) {
		return args[i]
	}
	return Undefined
}

// smallNumbers are boxed integers that loops and lengths often produce. They are kept to avoid allocations.
var smallNumbers = func() (boxed [1024]Value) {
	for i := range boxed {
		boxed[i] = float64(i)
	}
	return boxed
}()

// integer boxes n.
func integer(n int) Value {
	if n >= 0 && n < len(smallNumbers) {
		return smallNumbers[n]
	}
	return float64(n)
}
