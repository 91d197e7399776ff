package nunjucks

import "slices"

// memberLookup is a lookup in a template: target[key]. It returns undefined for a missing member and for
// every member of null. A function is bound to its target.
func (r *run) memberLookup(target, key Value) Value {
	if n, ok := key.(float64); ok && !r.env.options.CookiecutterCompat {
		return r.bindFunction(r.property(target, n), target)
	}
	return r.namedLookup(target, r.text(key))
}

func (r *run) namedLookup(target Value, name string) Value {
	if r.env.options.CookiecutterCompat {
		if method, ok := r.pythonMethod(target, name); ok {
			return r.bind(method, target)
		}
	}
	return r.bindFunction(r.member(target, name), target)
}

// bindFunction binds a value to its target if it is a function.
func (r *run) bindFunction(value, this Value) Value {
	if function, ok := value.(*callable); ok {
		return r.bind(function, this)
	}
	return value
}

func (r *run) bind(function *callable, this Value) *callable {
	r.allocate(functionBytes)
	return newCallable(0, func(r *run, _ Value, args []Value) Value { return function.call(r, this, args) })
}

// property is member for a key of any type.
func (r *run) property(target, key Value) Value {
	n, ok := key.(float64)
	if !ok {
		return r.member(target, r.text(key))
	}
	switch target := target.(type) {
	case *Array:
		if i := int(n); float64(i) == n && i >= 0 && i < len(target.Items) {
			return target.Items[i]
		}
		return Undefined
	case string:
		if i := int(n); float64(i) == n {
			r.work(len(target) >> 6)
			if unit, ok := r.textAt(target, i); ok {
				return unit
			}
		}
		return Undefined
	}
	return r.member(target, formatNumber(n))
}

// member is JavaScript's target[name], undefined for null and undefined. Methods are not bound to a target.
func (r *run) member(target Value, name string) Value {
	value, methods := r.ownMember(target, name)
	if !isUndefined(value) {
		return value
	}
	if object, ok := target.(*Object); ok && object.find(name) >= 0 || isNullish(target) {
		return Undefined
	}
	if method, ok := methods[name]; ok {
		return method
	}
	if method, ok := objectMethods[name]; ok {
		return method
	}
	if name == "constructor" || name == "__proto__" {
		r.fail("the property %s is reserved", name)
	}
	return Undefined
}

// ownMember returns a value's own member, and the methods of its type.
func (r *run) ownMember(target Value, name string) (Value, map[string]*callable) {
	switch target := target.(type) {
	case *Object:
		value, _ := target.Get(name)
		return value, nil
	case *Array:
		if name == "length" {
			return integer(len(target.Items)), nil
		}
		if i, ok := arrayIndex(name); ok && i < len(target.Items) {
			return target.Items[i], nil
		}
		return Undefined, arrayMethods
	case string:
		if name == "length" {
			r.work(len(target) >> 6)
			return integer(textLength(target)), nil
		}
		if i, ok := arrayIndex(name); ok {
			return r.property(target, float64(i)), nil
		}
		return Undefined, stringMethods
	case *safeString:
		switch name {
		case "length":
			r.work(len(target.text) >> 6)
			return integer(textLength(target.text)), nil
		case "val":
			return target.text, nil
		}
		return Undefined, stringMethods
	case float64:
		return Undefined, numberMethods
	case *regex:
		return target.member(name), regexMethods
	case *iterator:
		return Undefined, iteratorMethods
	case *callable:
		switch name {
		case "length":
			return integer(target.length), nil
		case "name":
			return target.name, nil
		}
	}
	return Undefined, nil
}

// invoke is target.name(args...), for built-ins that nunjucks implements with methods.
func (r *run) invoke(target Value, name string, args ...Value) Value {
	if isNullish(target) {
		r.fail("cannot call %s of %s", name, typeName(target))
	}
	function, ok := r.member(target, name).(*callable)
	if !ok {
		r.fail("%s of a %s is not a function", name, typeName(target))
	}
	return r.call(function, target, args)
}

// require fails for null and undefined: JavaScript cannot read a member of these.
func (r *run) require(v Value, purpose string) Value {
	if isNullish(v) {
		r.fail("%s of %s", purpose, typeName(v))
	}
	return v
}

// Member returns a value's own member: an object's by key, an item of a list or a character of a string by
// index, or the length of a list or string. It returns Undefined for a missing member and for any other
// value.
func Member(v Value, key string) Value {
	switch v := v.(type) {
	case *Object:
		value, _ := v.Get(key)
		return value
	case *Array:
		if i, ok := arrayIndex(key); ok && i < len(v.Items) {
			return v.Items[i]
		}
		if key == "length" {
			return integer(len(v.Items))
		}
	case string:
		if i, ok := arrayIndex(key); ok {
			if unit, ok := unitAt(v, i); ok {
				return wellFormed(unit)
			}
		}
		if key == "length" {
			return integer(textLength(v))
		}
	}
	return Undefined
}

// newObjectMethods makes the methods that every value has.
func newObjectMethods() map[string]*callable {
	return map[string]*callable{
		"hasOwnProperty":       newCallable(1, hasOwnProperty),
		"propertyIsEnumerable": newCallable(1, hasOwnProperty),
		"isPrototypeOf":        newCallable(1, func(*run, Value, []Value) Value { return false }),
		"toString":             newCallable(0, valueToString),
		"toLocaleString":       newCallable(0, valueToString),
		"valueOf":              newCallable(0, func(_ *run, this Value, _ []Value) Value { return valueOf(this) }),
	}
}

func hasOwnProperty(r *run, this Value, args []Value) Value {
	name := r.text(argument(args, 0))
	return ownKey(r, this, name)
}

// ownKey reports whether a value has a member of its own under name.
func ownKey(r *run, v Value, name string) bool {
	switch v := v.(type) {
	case nil, undefinedType:
		r.fail("cannot look for %q in %s", name, typeName(v))
	case *Object:
		return v.find(name) >= 0
	case *Array:
		i, ok := arrayIndex(name)
		return name == "length" || ok && i < len(v.Items)
	case string:
		i, ok := arrayIndex(name)
		return name == "length" || ok && i < textLength(v)
	case *safeString:
		return slices.Contains([]string{"val", "length"}, name)
	}
	return false
}

func valueToString(r *run, this Value, _ []Value) Value {
	if _, ok := this.(*Object); ok {
		return "[object Object]"
	}
	return r.text(this)
}

func valueOf(v Value) Value {
	if safe, ok := v.(*safeString); ok {
		return safe.text
	}
	return v
}
