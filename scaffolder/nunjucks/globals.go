package nunjucks

// builtinGlobals are the functions that every template can call.
var builtinGlobals = map[string]Value{
	"range":  &callable{call: builtin(globalRange).method(), length: 3, name: "range"},
	"cycler": &callable{call: builtin(globalCycler).method(), name: "cycler"},
	"joiner": &callable{call: builtin(globalJoiner).method(), length: 1, name: "joiner"},
}

// globalRange makes a list from start to stop by JavaScript's < and +, so the bounds need not be numbers.
func globalRange(r *run, args []Value) Value {
	start, stop, step := argument(args, 0), argument(args, 1), argument(args, 2)
	if isUndefined(stop) {
		start, stop, step = 0.0, start, 1.0
	} else if !truthy(step) {
		step = 1.0
	}
	before := r.less
	if !r.greater(step, 0.0) {
		before = r.greater
	}
	items := []Value{}
	for at := start; before(at, stop); at = r.add(at, step) {
		r.allocate(numberBytes)
		items = r.appendItems(items, at)
	}
	return r.newArray(items)
}

// globalCycler makes an object that returns its arguments in turn.
func globalCycler(r *run, args []Value) Value {
	r.allocate(4 * functionBytes)
	items := args
	at := -1
	cycler := r.newObject(4)
	cycler.Set("current", nil)
	cycler.Set("reset", newCallable(0, func(*run, Value, []Value) Value {
		at = -1
		cycler.Set("current", nil)
		return Undefined
	}))
	cycler.Set("next", newCallable(0, func(*run, Value, []Value) Value {
		if at++; at >= len(items) {
			at = 0
		}
		cycler.Set("current", argument(items, at))
		current, _ := cycler.Get("current")
		return current
	}))
	return cycler
}

// globalJoiner makes a function that returns nothing the first time and the separator from then on.
func globalJoiner(r *run, args []Value) Value {
	r.allocate(functionBytes)
	separator := argument(args, 0)
	if !truthy(separator) {
		separator = ","
	}
	first := true
	return newCallable(0, func(*run, Value, []Value) Value {
		if first {
			first = false
			return ""
		}
		return separator
	})
}
