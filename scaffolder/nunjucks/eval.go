package nunjucks

import (
	"fmt"
	"math"
	"strings"
)

// expression is an executable expression.
type expression interface{ eval(r *run) Value }

type constantExpression struct{ value Value }

func (e constantExpression) eval(*run) Value { return e.value }

// localExpression reads a variable of the JavaScript function that is so many hops outward; 0 is the current
// one.
type localExpression struct{ slot, hops int }

func (e *localExpression) find(r *run) *Value {
	locals := r.locals
	for range e.hops {
		locals = locals.outer
	}
	return &locals.slots[e.slot]
}

func (e *localExpression) eval(r *run) Value          { return *e.find(r) }
func (e *localExpression) assign(r *run, value Value) { *e.find(r) = value }

type nameExpression struct{ name string }

func (e *nameExpression) eval(r *run) Value {
	r.step()
	return r.lookup(e.name)
}

// failingExpression compiles but fails when it is evaluated.
type failingExpression struct{ message string }

func (e *failingExpression) eval(r *run) Value {
	r.fail("%s", e.message)
	return nil
}

type regexExpression struct{ pattern *pattern }

func (e *regexExpression) eval(r *run) Value {
	r.allocate(objectBytes)
	return &regex{pattern: e.pattern}
}

type sequenceExpression struct{ parts []expression }

func (e *sequenceExpression) eval(r *run) (last Value) {
	for _, part := range e.parts {
		last = part.eval(r)
	}
	return last
}

type arrayExpression struct{ items []expression }

func (e *arrayExpression) eval(r *run) Value { return r.newArray(r.evalAll(e.items)) }

func (r *run) evalAll(expressions []expression) []Value {
	r.allocateItems(len(expressions))
	values := make([]Value, len(expressions))
	for i, e := range expressions {
		values[i] = e.eval(r)
	}
	return values
}

type dictionaryExpression struct {
	keys     []string
	values   []expression
	keywords bool
}

func (e *dictionaryExpression) eval(r *run) Value {
	object := r.newObject(len(e.keys) + 1)
	for i, key := range e.keys {
		object.Set(key, e.values[i].eval(r))
	}
	if e.keywords {
		object.Set(keywordsMark, true)
	}
	return object
}

type callExpression struct {
	callee    expression
	name      string
	arguments []expression
	position
}

func (e *callExpression) eval(r *run) Value {
	callee := e.callee.eval(r)
	args := r.evalAll(e.arguments)
	r.position = e.position
	function, ok := callee.(*callable)
	switch {
	case !truthy(callee):
		r.fail("unable to call `%s`, which is undefined or falsey", e.name)
	case !ok:
		r.fail("unable to call `%s`, which is not a function", e.name)
	}
	return r.call(function, Undefined, args)
}

// builtin is a filter or a test: a function of its operands.
type builtin func(r *run, args []Value) Value

// method adapts a builtin to a function value.
func (b builtin) method() func(r *run, this Value, args []Value) Value {
	return func(r *run, _ Value, args []Value) Value { return b(r, args) }
}

type filterExpression struct {
	name      string
	filter    builtin
	arguments []expression
	position
}

func (e *filterExpression) eval(r *run) Value {
	if e.filter == nil {
		r.position = e.position
		r.fail("filter not found: %s", e.name)
	}
	args := r.evalAll(e.arguments)
	r.position = e.position
	r.work(callHeight)
	if len(args) > 0 && args[0] == Undefined {
		return e.ofNothing(r, args)
	}
	return e.filter(r, args)
}

// ofNothing applies the filter to what has no value. A failure names the path that led there: the filter does not know
// it, and whoever reads the error looks for it.
func (e *filterExpression) ofNothing(r *run, args []Value) Value {
	result, err := e.attempt(r, args)
	if err == nil {
		return result
	}
	if names := namesTo(e.arguments[0]); names != nil {
		err = fmt.Errorf("%w: %s has no value", err, strings.Join(names, "."))
	}
	panic(thrown{err})
}

func (e *filterExpression) attempt(r *run, args []Value) (result Value, err error) {
	defer caught(&err)
	return e.filter(r, args), nil
}

type testExpression struct {
	name     string
	test     builtin
	operands []expression
}

func (e *testExpression) eval(r *run) Value {
	if e.test == nil {
		r.fail("test not found: %s", e.name)
	}
	return e.test(r, r.evalAll(e.operands))
}

type memberExpression struct{ target, key expression }

func (e *memberExpression) eval(r *run) Value {
	r.step()
	target := e.target.eval(r)
	return r.memberLookup(target, e.key.eval(r))
}

type namedMemberExpression struct {
	target expression
	name   string
}

func (e *namedMemberExpression) eval(r *run) Value {
	r.step()
	return r.namedLookup(e.target.eval(r), e.name)
}

type sliceExpression struct{ target, start, stop, step expression }

func (e *sliceExpression) eval(r *run) Value {
	target := e.target.eval(r)
	start := e.start.eval(r)
	stop := e.stop.eval(r)
	return r.pythonSlice(target, start, stop, e.step.eval(r))
}

// namesTo are the names on the way from the template's data to a value, nil for an expression that is more than names.
func namesTo(e expression) []string {
	switch e := e.(type) {
	case *nameExpression:
		return []string{e.name}
	case *namedMemberExpression:
		if names := namesTo(e.target); names != nil {
			return append(names, e.name)
		}
	}
	return nil
}

type notExpression struct{ target expression }

func (e *notExpression) eval(r *run) Value { return !truthy(e.target.eval(r)) }

type signExpression struct {
	target expression
	sign   float64
}

func (e *signExpression) eval(r *run) Value { return e.sign * r.number(e.target.eval(r)) }

type incrementExpression struct {
	target *localExpression
	by     float64
}

func (e *incrementExpression) eval(r *run) Value {
	value := r.number(e.target.eval(r)) + e.by
	e.target.assign(r, value)
	return value
}

type andExpression struct{ left, right expression }

func (e *andExpression) eval(r *run) Value {
	if left := e.left.eval(r); !truthy(left) {
		return left
	}
	return e.right.eval(r)
}

type orExpression struct{ left, right expression }

func (e *orExpression) eval(r *run) Value {
	if left := e.left.eval(r); truthy(left) {
		return left
	}
	return e.right.eval(r)
}

type conditionalExpression struct{ condition, body, orElse expression }

func (e *conditionalExpression) eval(r *run) Value {
	if truthy(e.condition.eval(r)) {
		return e.body.eval(r)
	}
	return e.orElse.eval(r)
}

type floorExpression struct{ quotient expression }

func (e *floorExpression) eval(r *run) Value { return math.Floor(r.number(e.quotient.eval(r))) }

type inExpression struct{ left, right expression }

func (e *inExpression) eval(r *run) Value {
	left := e.left.eval(r)
	return r.contains(e.right.eval(r), left)
}

type binaryExpression struct {
	apply       func(r *run, left, right Value) Value
	left, right expression
}

func (e *binaryExpression) eval(r *run) Value {
	r.step()
	left := e.left.eval(r)
	return e.apply(r, left, e.right.eval(r))
}

// binaryOperators are the operators that evaluate both sides, in JavaScript's spelling.
var binaryOperators = map[string]func(r *run, left, right Value) Value{
	"+":   (*run).add,
	"-":   arithmeticOperator(func(a, b float64) float64 { return a - b }),
	"*":   arithmeticOperator(func(a, b float64) float64 { return a * b }),
	"/":   arithmeticOperator(func(a, b float64) float64 { return a / b }),
	"%":   arithmeticOperator(math.Mod),
	"**":  arithmeticOperator(power),
	"==":  func(r *run, a, b Value) Value { return r.looseEquals(a, b) },
	"!=":  func(r *run, a, b Value) Value { return !r.looseEquals(a, b) },
	"===": func(_ *run, a, b Value) Value { return strictEquals(a, b) },
	"!==": func(_ *run, a, b Value) Value { return !strictEquals(a, b) },
	"<":   func(r *run, a, b Value) Value { return r.less(a, b) },
	">":   func(r *run, a, b Value) Value { return r.greater(a, b) },
	"<=":  func(r *run, a, b Value) Value { return r.lessOrEqual(a, b) },
	">=":  func(r *run, a, b Value) Value { return r.greaterOrEqual(a, b) },
}

func arithmeticOperator(apply func(a, b float64) float64) func(r *run, left, right Value) Value {
	return func(r *run, left, right Value) Value {
		a := r.number(left)
		return apply(a, r.number(right))
	}
}

type captureExpression struct {
	code  []instruction
	reset resetInstruction
}

func (e *captureExpression) eval(r *run) Value {
	e.reset.execute(r)
	return r.capture(e.code)
}

// callerExpression makes the function caller of a call block.
type callerExpression struct{ macro *macro }

func (e *callerExpression) eval(r *run) Value { return e.macro.closure(r, true) }

// macro is a macro, or the body of a call block.
type macro struct {
	*functionBody
	positional []string
	slots      []int
	// keywords are the parameters with a default.
	keywords []string
	defaults []expression
}

// closure makes the function value of a macro. With keepFrame it reads the frame in which it is called; for
// the body of a call block this is the frame of the calling macro. Without keepFrame it reads only its own
// frame.
func (m *macro) closure(r *run, keepFrame bool) *callable {
	home := r.activation
	var outer *locals
	if keepFrame {
		outer = r.locals
	}
	r.allocate(functionBytes)
	call := func(r *run, _ Value, args []Value) Value { return m.invoke(r, home, outer, keepFrame, args) }
	return &callable{call: call, name: "macro"}
}

func (m *macro) invoke(r *run, home *activation, outer *locals, keepFrame bool, args []Value) Value {
	r.enter(m.height)
	r.allocate(callBytes + (m.functionBody.slots+2*(len(m.positional)+len(m.keywords)))*valueBytes)
	positional, keywords := r.bindArguments(m.positional, m.keywords, args)
	activation, locals, position, callerFrame := r.activation, r.locals, r.position, home.frame
	scope := &frame{}
	if keepFrame {
		scope = callerFrame.push(true)
	}
	r.activation, home.frame, r.locals = home, scope, newLocals(m.functionBody.slots, outer)
	if caller, ok := keywords.Get("caller"); ok {
		scope.set("caller", caller)
	}
	for i, name := range m.positional {
		r.locals.slots[m.slots[i]] = positional[i]
		scope.set(name, positional[i])
	}
	for i, name := range m.keywords {
		value, given := keywords.Get(name)
		if !given {
			value = m.defaults[i].eval(r)
		}
		home.frame.set(name, value)
	}
	text := r.capture(m.code)
	home.frame = callerFrame
	r.activation, r.locals, r.position = activation, locals, position
	r.leave(m.height)
	return r.newSafe(text)
}

// bindArguments assigns the arguments of a call to positional and keyword parameters. Surplus positional
// arguments become keyword arguments. Missing ones are taken from the keyword arguments of the same name.
func (r *run) bindArguments(positional, keywords []string, args []Value) ([]Value, *Object) {
	given, passed := keywordArguments(args)
	r.allocateItems(len(positional))
	if passed == nil {
		passed = emptyObject
	}
	named := r.newObject(passed.Len())
	for _, m := range passed.members {
		named.Set(m.key, m.value)
	}
	if len(given) > len(positional) {
		for i, value := range given[len(positional):] {
			if i < len(keywords) {
				named.Set(keywords[i], value)
			}
		}
		return given[:len(positional)], named
	}
	bound := append(make([]Value, 0, len(positional)), given...)
	for _, name := range positional[len(given):] {
		value, _ := named.Get(name)
		bound = append(bound, value)
		named.Delete(name)
	}
	return bound, named
}
