package nunjucks

import "slices"

// This file implements what nunjucks calls Jinja compatibility. Backstage turns it on for cookiecutter
// templates.

// pythonConstant returns the value of a Python constant.
func pythonConstant(name string) Value {
	switch name {
	case "True":
		return true
	case "False":
		return false
	case "None":
		return nil
	}
	return Undefined
}

// pythonMethod finds a method of Python's lists and dictionaries. It takes precedence over a member of that
// name.
func (r *run) pythonMethod(target Value, name string) (*callable, bool) {
	switch target := target.(type) {
	case *Array:
		method, ok := pythonListMethods[name]
		return method, ok
	case *Object, *safeString:
		method, ok := pythonDictionaryMethods[name]
		return method, ok
	default:
		if truthy(target) {
			return nil, false
		}
		// nunjucks treats a falsy value as an empty dictionary.
		method, ok := pythonDictionaryMethods[name]
		if !ok {
			return nil, false
		}
		return r.bind(method, NewObject()), true
	}
}

// newPythonListMethods makes the methods of Python's lists.
func newPythonListMethods() map[string]*callable {
	return map[string]*callable{
		"append": newCallable(1, func(r *run, this Value, args []Value) Value {
			return arrayPush(r, this, []Value{argument(args, 0)})
		}),
		"count": newCallable(1, pythonCount),
		"find":  newCallable(1, func(r *run, this Value, args []Value) Value { return integer(pythonIndex(this, args)) }),
		"index": newCallable(1, func(r *run, this Value, args []Value) Value {
			i := pythonIndex(this, args)
			if i < 0 {
				r.fail("ValueError")
			}
			return integer(i)
		}),
		"insert": newCallable(2, func(r *run, this Value, args []Value) Value {
			return arraySplice(r, this, []Value{argument(args, 0), 0.0, argument(args, 1)})
		}),
		"pop":    newCallable(1, pythonPop),
		"remove": newCallable(1, pythonRemove),
	}
}

// newPythonDictionaryMethods makes the methods of Python's dictionaries.
func newPythonDictionaryMethods() map[string]*callable {
	items := newCallable(0, pythonItems)
	keys := newCallable(0, func(r *run, this Value, _ []Value) Value { return r.newArray(r.keyValues(r.enumerable(this))) })
	values := newCallable(0, pythonValues)
	return map[string]*callable{
		"items": items, "iteritems": items, "keys": keys, "iterkeys": keys, "values": values, "itervalues": values,
		"get":        newCallable(2, pythonGet),
		"has_key":    newCallable(1, hasOwnProperty),
		"pop":        newCallable(2, pythonDictionaryPop),
		"popitem":    newCallable(0, pythonPopItem),
		"setdefault": newCallable(1, pythonSetDefault),
		"update":     newCallable(1, pythonUpdate),
	}
}

func pythonIndex(this Value, args []Value) int {
	list, _ := this.(*Array)
	return slices.IndexFunc(list.Items, func(item Value) bool { return strictEquals(item, argument(args, 0)) })
}

func pythonCount(r *run, this Value, args []Value) Value {
	list, _ := this.(*Array)
	r.work(len(list.Items))
	count := 0
	for _, item := range list.Items {
		if strictEquals(item, argument(args, 0)) {
			count++
		}
	}
	return integer(count)
}

func pythonPop(r *run, this Value, args []Value) Value {
	list, _ := this.(*Array)
	index := argument(args, 0)
	if isUndefined(index) {
		return arrayPop(r, this, nil)
	}
	if r.greaterOrEqual(index, integer(len(list.Items))) || r.less(index, 0.0) {
		r.fail("KeyError")
	}
	return arraySplice(r, this, []Value{index, 1.0})
}

func pythonRemove(r *run, this Value, args []Value) Value {
	i := pythonIndex(this, args)
	if i < 0 {
		r.fail("ValueError")
	}
	return arraySplice(r, this, []Value{integer(i), 1.0})
}

// keyValues returns the keys of an object as values.
func (r *run) keyValues(object *Object) []Value {
	r.allocateEach(object.Len(), stringBytes)
	keys := r.room(nil, object.Len())
	for _, m := range r.members(object) {
		keys = append(keys, m.key)
	}
	return keys
}

func pythonItems(r *run, this Value, _ []Value) Value {
	return r.newArray(r.entries(r.enumerable(this)))
}

// entries returns the pairs of key and value of an object.
func (r *run) entries(object *Object) []Value {
	r.allocateEach(object.Len(), arrayBytes+2*valueBytes+stringBytes)
	pairs := r.room(nil, object.Len())
	for _, m := range r.members(object) {
		pairs = append(pairs, &Array{[]Value{m.key, m.value}})
	}
	return pairs
}

func pythonValues(r *run, this Value, _ []Value) Value {
	object := r.enumerable(this)
	values := r.room(nil, object.Len())
	for _, m := range r.members(object) {
		values = append(values, m.value)
	}
	return r.newArray(values)
}

func pythonGet(r *run, this Value, args []Value) Value {
	value := r.property(this, argument(args, 0))
	if isUndefined(value) {
		return argument(args, 1)
	}
	return value
}

// mutableObject returns the object whose members a method changes.
func mutableObject(r *run, this Value) *Object {
	object, ok := this.(*Object)
	if !ok {
		r.fail("a %s cannot be changed", typeName(this))
	}
	return object
}

func pythonDictionaryPop(r *run, this Value, args []Value) Value {
	object := mutableObject(r, this)
	key, fallback := r.text(argument(args, 0)), argument(args, 1)
	value := r.member(object, key)
	if !isUndefined(value) {
		object.Delete(key)
		return value
	}
	if isUndefined(fallback) {
		r.fail("KeyError")
	}
	return fallback
}

func pythonPopItem(r *run, this Value, _ []Value) Value {
	object := mutableObject(r, this)
	for _, m := range r.members(object) {
		object.Delete(m.key)
		return r.newArray(r.appendItems(nil, m.key, m.value))
	}
	r.fail("KeyError")
	return nil
}

func pythonSetDefault(r *run, this Value, args []Value) Value {
	object := mutableObject(r, this)
	key, fallback := r.text(argument(args, 0)), argument(args, 1)
	if isUndefined(fallback) {
		fallback = nil
	}
	if !objectPrototype[key] && object.find(key) < 0 {
		r.set(object, key, fallback)
	}
	return r.member(object, key)
}

func pythonUpdate(r *run, this Value, args []Value) Value {
	object := mutableObject(r, this)
	added := r.enumerable(argument(args, 0))
	for _, m := range r.members(added) {
		r.set(object, m.key, m.value)
	}
	return nil
}

// pythonSlice is target[start:stop:step]. The bounds may be any values. A bound that is not a number never
// ends the loop; then a limit ends the rendering.
func (r *run) pythonSlice(target, start, stop, step Value) Value {
	if !truthy(target) {
		target = &Array{}
	}
	length := r.member(target, "length")
	backward, forward := r.less(step, 0.0), r.greater(step, 0.0)
	at, end := r.sliceBounds(length, start, stop, backward)
	items := []Value{}
	for !r.less(at, 0.0) && !r.greater(at, length) {
		if forward && r.greaterOrEqual(at, end) || backward && r.lessOrEqual(at, end) {
			break
		}
		r.allocate(numberBytes)
		items = r.appendItems(items, r.memberLookup(target, at))
		at = r.add(at, step)
	}
	return r.newArray(items)
}

// sliceBounds returns where a slice starts and ends. It fills in missing bounds and counts negative ones from
// the end.
func (r *run) sliceBounds(length, start, stop Value, backward bool) (first, last Value) {
	first, last = start, stop
	switch {
	case start == nil && backward:
		first = r.number(length) - 1
	case start == nil:
		first = 0.0
	}
	switch {
	case stop == nil && backward:
		last = -1.0
	case stop == nil:
		last = length
	case r.less(stop, 0.0):
		last = r.add(stop, length)
	}
	if r.less(first, 0.0) {
		first = r.add(first, length)
	}
	return first, last
}
