package nunjucks

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// IsTruthy evaluates a rendered condition as Backstage does: a list is true when it has items; any other
// value is converted as in JavaScript.
func IsTruthy(v Value) bool {
	if array, ok := v.(*Array); ok {
		return len(array.Items) > 0
	}
	return truthy(v)
}

// truthy is JavaScript's Boolean(v).
func truthy(v Value) bool {
	switch v := v.(type) {
	case nil, undefinedType:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case float64:
		return v != 0 && !math.IsNaN(v)
	}
	return true
}

// primitive converts an object to a primitive value, as + and == do.
func (r *run) primitive(v Value) Value {
	object, ok := v.(*Object)
	if !ok {
		switch v.(type) {
		case nil, undefinedType, bool, string, float64:
			return v
		}
		return r.text(v)
	}
	if converted, ok := r.convertBy(object, "valueOf"); ok {
		return converted
	}
	return r.text(v)
}

// convertBy calls an object's own conversion method, when it has one that gives a primitive value.
func (r *run) convertBy(object *Object, method string) (Value, bool) {
	own, _ := object.Get(method)
	function, ok := own.(*callable)
	if !ok {
		return nil, false
	}
	switch converted := r.call(function, object, nil).(type) {
	case nil, undefinedType, bool, string, float64:
		return converted, true
	}
	return nil, false
}

// text is JavaScript's String(v).
func (r *run) text(v Value) string {
	switch v := v.(type) {
	case string:
		return v
	case nil:
		return "null"
	case undefinedType:
		return "undefined"
	case bool:
		return literalText(v)
	case float64:
		return formatNumber(v)
	case *safeString:
		return v.text
	case *Array:
		return r.join(v, ",")
	case *Object:
		return r.objectText(v)
	case *regex:
		return v.source()
	case *iterator:
		return iteratorText
	case *callable:
		r.fail("a function cannot be printed")
	}
	r.fail("a value of type %T cannot be printed", v)
	return ""
}

func (r *run) objectText(object *Object) string {
	own, found := object.Get("toString")
	if !found {
		return "[object Object]"
	}
	if _, callable := own.(*callable); callable {
		if converted, ok := r.convertBy(object, "toString"); ok {
			return r.text(converted)
		}
	}
	if converted, ok := r.convertBy(object, "valueOf"); ok {
		return r.text(converted)
	}
	r.fail("cannot convert object to primitive value")
	return ""
}

// join is array.join(separator). A list that contains itself is empty there, as in JavaScript.
func (r *run) join(array *Array, separator string) string {
	if slices.Contains(r.walking, array) {
		return ""
	}
	if len(r.walking) >= maxValueDepth {
		r.fail("lists are nested more than %d levels deep", maxValueDepth)
	}
	r.walking = append(r.walking, array)
	r.work(len(array.Items))
	var joined []byte
	for i, item := range array.Items {
		if i > 0 {
			joined = r.appendText(joined, separator)
		}
		if !isNullish(item) {
			joined = r.appendText(joined, r.text(item))
		}
	}
	r.walking = r.walking[:len(r.walking)-1]
	return r.textOf(joined)
}

// number is JavaScript's Number(v).
func (r *run) number(v Value) float64 {
	switch v := v.(type) {
	case float64:
		return v
	case nil:
		return 0
	case undefinedType:
		return math.NaN()
	case bool:
		if v {
			return 1
		}
		return 0
	case string:
		r.work(len(v) >> 6)
		return parseNumber(v)
	case *callable:
		return math.NaN()
	}
	return r.number(r.primitive(v))
}

// integer converts the argument of a method that needs a whole number. Undefined gives the fallback.
func (r *run) integer(v Value, fallback int) int {
	if isUndefined(v) {
		return fallback
	}
	return toInteger(r.number(v))
}

// add is the operator +.
func (r *run) add(left, right Value) Value {
	if a, ok := left.(float64); ok {
		if b, ok := right.(float64); ok {
			return a + b
		}
	}
	left, right = r.primitive(left), r.primitive(right)
	_, leftIsText := left.(string)
	_, rightIsText := right.(string)
	if leftIsText || rightIsText {
		return r.concatenate(r.text(left), r.text(right))
	}
	return r.number(left) + r.number(right)
}

// strictEquals is the operator ===.
func strictEquals(left, right Value) bool { return left == right }

func isPrimitive(v Value) bool {
	switch v.(type) {
	case nil, undefinedType, bool, string, float64:
		return true
	}
	return false
}

// looseEquals is the operator ==.
func (r *run) looseEquals(left, right Value) bool {
	switch {
	case isNullish(left) || isNullish(right):
		return isNullish(left) && isNullish(right)
	case !isPrimitive(left) && !isPrimitive(right):
		return left == right
	}
	if _, ok := left.(*callable); ok {
		return false
	}
	if _, ok := right.(*callable); ok {
		return false
	}
	left, right = r.primitive(left), r.primitive(right)
	_, leftIsText := left.(string)
	_, rightIsText := right.(string)
	switch {
	case leftIsText && rightIsText:
		return left == right
	case isNullish(left) || isNullish(right):
		return isNullish(left) && isNullish(right)
	}
	return r.number(left) == r.number(right)
}

// compareValues compares for <, <=, > and >=. known is false when a side is not a number.
func (r *run) compareValues(left, right Value) (order int, known bool) {
	left, right = r.primitive(left), r.primitive(right)
	a, leftIsText := left.(string)
	b, rightIsText := right.(string)
	if leftIsText && rightIsText {
		return compareText(a, b), true
	}
	x, y := r.number(left), r.number(right)
	if math.IsNaN(x) || math.IsNaN(y) {
		return 0, false
	}
	return cmp.Compare(x, y), true
}

// compareText orders strings by their UTF-16 units.
func compareText(a, b string) int {
	if isASCII(a) || isASCII(b) {
		return strings.Compare(a, b)
	}
	for a != "" && b != "" {
		left, size := decodeRune(a)
		right, _ := decodeRune(b)
		if left != right {
			return compareUnits(a, b)
		}
		a, b = a[size:], b[size:]
	}
	return cmp.Compare(len(a), len(b))
}

// compareUnits orders strings that differ in their first character. Comparing two characters is enough: more
// than one is needed only where half of a surrogate pair is alone.
func compareUnits(a, b string) int {
	return slices.Compare(units(characters(a, 2)), units(characters(b, 2)))
}

// characters returns the first n characters of a string.
func characters(s string, n int) string {
	end := 0
	for ; n > 0 && end < len(s); n-- {
		_, size := decodeRune(s[end:])
		end += size
	}
	return s[:end]
}

func (r *run) less(left, right Value) bool {
	order, known := r.compareValues(left, right)
	return known && order < 0
}

func (r *run) greater(left, right Value) bool {
	order, known := r.compareValues(left, right)
	return known && order > 0
}

func (r *run) lessOrEqual(left, right Value) bool {
	order, known := r.compareValues(left, right)
	return known && order <= 0
}

func (r *run) greaterOrEqual(left, right Value) bool {
	order, known := r.compareValues(left, right)
	return known && order >= 0
}

// contains is the operator in.
func (r *run) contains(container, key Value) bool {
	switch container := container.(type) {
	case *Array:
		r.work(len(container.Items))
		return slices.ContainsFunc(container.Items, func(item Value) bool { return strictEquals(item, key) })
	case string:
		r.work(len(container) >> 4)
		return r.textIndex(container, r.text(key), 0) >= 0
	case *Object:
		name := r.text(key)
		return container.find(name) >= 0 || objectPrototype[name]
	case *safeString:
		name := r.text(key)
		_, method := stringMethods[name]
		return name == "val" || name == "length" || method || objectPrototype[name]
	}
	r.fail("cannot use \"in\" operator to search for %q in unexpected types", r.describe(key))
	return false
}

// describe formats a value for an error message.
func (r *run) describe(v Value) string {
	if isPrimitive(v) {
		return r.text(v)
	}
	return "a " + typeName(v)
}

func typeName(v Value) string {
	switch v.(type) {
	case nil:
		return "null"
	case undefinedType:
		return "undefined"
	case bool:
		return "boolean"
	case string:
		return "string"
	case float64:
		return "number"
	case *Array:
		return "list"
	case *callable:
		return "function"
	case *regex:
		return "regular expression"
	}
	return "object"
}

// objectPrototype has the names that every object inherits. The operator in finds them, and groupby refuses
// them as keys.
var objectPrototype = map[string]bool{
	"constructor": true, "__proto__": true, "__defineGetter__": true, "__defineSetter__": true, "__lookupGetter__": true,
	"__lookupSetter__": true, "hasOwnProperty": true, "isPrototypeOf": true, "propertyIsEnumerable": true,
	"toLocaleString": true, "toString": true, "valueOf": true,
}

// fromIterator makes a list of the characters of a safe string or of the items of an iterator.
func (r *run) fromIterator(v Value) Value {
	switch v := v.(type) {
	case *safeString:
		r.allocateEach(len(v.text), valueBytes+stringBytes)
		return r.newArray(textCharacters(v.text))
	case *iterator:
		return r.newArray(v.drain())
	}
	return v
}

// enumerable returns the own members of a value that for-in visits.
func (r *run) enumerable(v Value) *Object {
	switch v := v.(type) {
	case *Object:
		return v
	case *Array:
		return r.indexedItems(v.Items)
	case string:
		return r.indexedMembers(v)
	case *safeString:
		members := r.newObject(4)
		members.Set("val", v.text)
		members.Set("length", integer(textLength(v.text)))
		return members
	}
	return r.newObject(0)
}

func (r *run) indexedMembers(text string) *Object {
	return r.indexedItems(r.textSplit(text))
}

func (r *run) indexedItems(items []Value) *Object {
	members := r.newObject(len(items))
	r.allocateEach(len(items), stringBytes)
	for i, item := range items {
		members.Set(formatNumber(float64(i)), item)
	}
	return members
}

// copyObject copies the data before a rendering that may change it. A value that is referenced twice is
// copied twice.
func (r *run) copyObject(object *Object, depth int) *Object {
	duplicate := r.newObject(object.Len())
	for _, m := range object.members {
		duplicate.Set(m.key, r.copyValue(m.value, depth+1))
	}
	return duplicate
}

func (r *run) copyValue(v Value, depth int) Value {
	if depth > maxValueDepth {
		r.fail("the value is nested more than %d levels deep", maxValueDepth)
	}
	switch v := v.(type) {
	case *Array:
		items := r.room(nil, len(v.Items))
		for _, item := range v.Items {
			items = append(items, r.copyValue(item, depth+1))
		}
		return r.newArray(items)
	case *Object:
		return r.copyObject(v, depth)
	}
	return v
}

// export copies a result for the caller: safe strings and regular expressions become strings, and a function
// is an error.
func (r *run) export(v Value) Value {
	before := r.allocated
	exported := r.exportValue(v, 0)
	r.kept += r.allocated - before
	return exported
}

// wellFormed makes a string fit to leave the package. It counts the string even when it does not copy it: a
// result may contain one string many times, and its JSON then contains the text as often.
func (r *run) wellFormed(s string) string {
	r.allocate(len(s) + stringBytes)
	if utf8.ValidString(s) {
		return s
	}
	r.allocate(utf8.UTFMax * len(s))
	return wellFormed(s)
}

func (r *run) exportValue(v Value, depth int) Value {
	if depth > maxValueDepth {
		r.fail("the value is nested more than %d levels deep", maxValueDepth)
	}
	switch v := v.(type) {
	case string:
		return r.wellFormed(v)
	case *safeString:
		return r.wellFormed(v.text)
	case *regex:
		return r.wellFormed(v.source())
	case *iterator:
		return r.newObject(0)
	case *callable:
		r.fail("a function is not a result")
	case *Array:
		items := r.room(nil, len(v.Items))
		for _, item := range v.Items {
			items = append(items, r.exportValue(item, depth+1))
		}
		return r.newArray(items)
	case *Object:
		object := r.newObject(v.Len())
		for _, m := range r.members(v) {
			object.Set(r.wellFormed(m.key), r.exportValue(m.value, depth+1))
		}
		return object
	}
	return v
}
