package nunjucks

import "math"

// newBuiltinTests makes the tests of the operator is, and of select and reject.
func newBuiltinTests() map[string]builtin {
	equal := func(_ *run, args []Value) Value { return strictEquals(argument(args, 0), argument(args, 1)) }
	greater := func(r *run, args []Value) Value { return r.greater(argument(args, 0), argument(args, 1)) }
	less := func(r *run, args []Value) Value { return r.less(argument(args, 0), argument(args, 1)) }
	return map[string]builtin{
		"callable":    func(_ *run, args []Value) Value { return typeName(argument(args, 0)) == "function" },
		"defined":     func(_ *run, args []Value) Value { return !isUndefined(argument(args, 0)) },
		"divisibleby": func(r *run, args []Value) Value { return r.remainder(args[0], argument(args, 1)) == 0 },
		"equalto":     equal,
		"eq":          equal,
		"sameas":      equal,
		"escaped":     func(_ *run, args []Value) Value { _, safe := args[0].(*safeString); return safe },
		"even":        func(r *run, args []Value) Value { return r.remainder(args[0], 2.0) == 0 },
		"falsy":       func(_ *run, args []Value) Value { return !truthy(args[0]) },
		"ge":          func(r *run, args []Value) Value { return r.greaterOrEqual(args[0], argument(args, 1)) },
		"greaterthan": greater,
		"gt":          greater,
		"iterable":    testIterable,
		"le":          func(r *run, args []Value) Value { return r.lessOrEqual(args[0], argument(args, 1)) },
		"lessthan":    less,
		"lower":       func(r *run, args []Value) Value { return strictEquals(r.invoke(args[0], "toLowerCase"), args[0]) },
		"lt":          less,
		"mapping":     testMapping,
		"ne":          func(_ *run, args []Value) Value { return !strictEquals(args[0], argument(args, 1)) },
		"null":        func(_ *run, args []Value) Value { return args[0] == nil },
		"number":      func(_ *run, args []Value) Value { _, number := args[0].(float64); return number },
		"odd":         func(r *run, args []Value) Value { return r.remainder(args[0], 2.0) == 1 },
		"string":      func(_ *run, args []Value) Value { _, text := args[0].(string); return text },
		"truthy":      func(_ *run, args []Value) Value { return truthy(args[0]) },
		"undefined":   func(_ *run, args []Value) Value { return isUndefined(args[0]) },
		"upper":       func(r *run, args []Value) Value { return strictEquals(r.invoke(args[0], "toUpperCase"), args[0]) },
	}
}

// remainder is the operator %.
func (r *run) remainder(left, right Value) float64 {
	a := r.number(left)
	return math.Mod(a, r.number(right))
}

func testIterable(r *run, args []Value) Value {
	switch r.require(args[0], "cannot iterate over").(type) {
	case string, *safeString, *Array, *iterator:
		return true
	}
	return false
}

func testMapping(_ *run, args []Value) Value {
	switch args[0].(type) {
	case *Object, *safeString, *regex, *iterator:
		return true
	}
	return false
}
