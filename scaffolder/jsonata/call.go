package jsonata

import (
	"slices"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// call is one call of a native function.
type call struct {
	*evaluator

	arguments []Value
	input     Value
	scope     *scope
}

// argument returns an argument, undefined when it is missing.
func (c *call) argument(i int) Value {
	if i < len(c.arguments) {
		return c.arguments[i]
	}
	return undefined
}

// text and number are arguments of these types. Their function's signature has checked them.
func (c *call) text(i int) string {
	text, _ := c.argument(i).(string)
	return text
}

func (c *call) number(i int) float64 {
	number, _ := c.argument(i).(float64)
	return number
}

func (c *call) items(i int) []Value { return itemsOf(c.argument(i)) }

func (c *call) has(i int) bool { return !isUndefined(c.argument(i)) }

// invoke evaluates a call. applied is the value before ~>, which is the first argument.
func (e *evaluator) invoke(n *node, input Value, in *scope, applied *Value) Value {
	callee := e.evaluate(n.left, input, in)
	name := calleeName(n.left)
	if isUndefined(callee) && n.left.kind == pathNode && !isUndefined(in.lookup(name)) {
		fail("T1005", n.position, "token", name)
	}
	var arguments []Value
	if applied != nil {
		arguments = append(arguments, *applied)
	}
	for _, item := range n.items {
		arguments = append(arguments, e.evaluate(item, input, in))
	}
	e.allocate(itemBytes * len(arguments))
	return e.named(name, n.position, func() Value { return e.apply(callee, arguments, input, in) })
}

// calleeName is the name of a function in messages, "" for one without.
func calleeName(callee *node) string {
	switch callee.kind {
	case pathNode:
		return callee.steps[0].text
	case variableNode:
		return callee.text
	default:
		return ""
	}
}

// callSite is a call that goes on: the name of its function, "" for one without, and its place.
type callSite struct {
	name     string
	position int
}

// named makes a call. The errors in it have the name of the innermost function.
func (e *evaluator) named(name string, position int, apply func() Value) Value {
	e.calls = append(e.calls, callSite{name, position})
	result := apply()
	e.calls = e.calls[:len(e.calls)-1]
	return result
}

// attribute says in an error which call it is of.
func (e *evaluator) attribute(cause any) {
	failure, _ := cause.(thrown)
	failed, is := failure.err.(*Error) //nolint:errorlint // what is thrown is not wrapped
	if !is {
		return
	}
	for _, site := range slices.Backward(e.calls) {
		if failed.Position == 0 {
			failed.Position = site.position
		}
		if site.name != "" {
			failed.insert("token", site.name)
			return
		}
	}
}

// apply calls a function. A call in tail position is the result, and is made here, so that it does not nest.
func (e *evaluator) apply(callee Value, arguments []Value, input Value, in *scope) Value {
	result := e.applyOnce(callee, arguments, input, in)
	for {
		thunk, is := result.(*function)
		if !is || !thunk.isThunk {
			return result
		}
		e.step()
		body := thunk.lambda
		next := e.evaluate(body.left, thunk.input, thunk.scope)
		following := make([]Value, 0, len(body.items))
		for _, item := range body.items {
			following = append(following, e.evaluate(item, thunk.input, thunk.scope))
		}
		result = e.named(calleeName(body.left), body.position, func() Value { return e.applyOnce(next, following, input, in) })
	}
}

func (e *evaluator) applyOnce(callee Value, arguments []Value, input Value, in *scope) Value {
	switch callee := callee.(type) {
	case *matcher:
		if text, isText := first(arguments).(string); isText {
			return e.matched(callee, text, 0)
		}
		return undefined
	case *function:
		arguments = callee.signature.validate(arguments, input)
		if callee.native != nil {
			return callee.native(&call{e, arguments, input, in})
		}
		e.allocate(frameBytes)
		inside := newScope(callee.scope)
		for i, name := range callee.parameters {
			value := undefined
			if i < len(arguments) {
				value = arguments[i]
			}
			inside.bind(name, value)
		}
		return e.evaluate(callee.lambda, callee.input, inside)
	}
	fail("T1006", 0)
	return undefined
}

// callback calls a function argument with as many of the arguments as it takes.
func (c *call) callback(callee Value, arguments ...Value) Value {
	if f, is := callee.(*function); is {
		arguments = arguments[:min(max(f.arity, 1), len(arguments))]
	} else {
		arguments = arguments[:1]
	}
	return c.apply(callee, arguments, nil, c.scope)
}

// partial evaluates a call with ? in the place of arguments: a function of those.
func (e *evaluator) partial(n *node, input Value, in *scope) Value {
	arguments := make([]Value, len(n.items))
	var open []int
	for i, item := range n.items {
		if item.kind == operatorNode {
			open = append(open, i)
			continue
		}
		arguments[i] = e.evaluate(item, input, in)
	}
	callee := e.evaluate(n.left, input, in)
	name := calleeName(n.left)
	if isUndefined(callee) && n.left.kind == pathNode && !isUndefined(in.lookup(name)) {
		fail("T1007", n.position, "token", name)
	}
	if !isFunction(callee) {
		fail("T1008", n.position, "token", name)
	}
	e.allocate(frameBytes)
	return &function{arity: len(open), native: func(c *call) Value {
		complete := slices.Clone(arguments)
		for i, at := range open {
			complete[at] = c.argument(i)
		}
		return c.apply(callee, complete, c.input, c.scope)
	}}
}

// applyTo evaluates the operator ~>: it calls a function with a value, or chains two functions.
func (e *evaluator) applyTo(n *node, input Value, in *scope) Value {
	value := e.evaluate(n.left, input, in)
	if n.right.kind == functionNode && n.right.predicates == nil && n.right.group == nil {
		return e.invoke(n.right, input, in, &value)
	}
	callee := e.evaluate(n.right, input, in)
	if !isFunction(callee) {
		fail("T2006", n.position, "value", callee)
	}
	if !isFunction(value) {
		return e.apply(callee, []Value{value}, nil, in)
	}
	e.allocate(frameBytes)
	return &function{arity: 1, native: func(c *call) Value {
		return c.apply(callee, []Value{c.apply(value, []Value{c.argument(0)}, nil, c.scope)}, nil, c.scope)
	}}
}

var transformSignature = newSignature("<(oa):o>", 0)

// transform makes the function of a transformation: it changes a copy of its argument.
func (e *evaluator) transform(n *node, in *scope) Value {
	e.allocate(frameBytes)
	return &function{signature: transformSignature, arity: 1, native: func(c *call) Value {
		if !c.has(0) {
			return undefined
		}
		clone := in.lookup("clone")
		if !isFunction(clone) {
			fail("T2013", n.position)
		}
		result := c.apply(clone, []Value{c.argument(0)}, nil, in)
		for _, match := range itemsOf(c.evaluate(n.pattern, result, in)) {
			c.change(n, match, in)
		}
		return result
	}}
}

// change updates one object that a transformation selects.
func (c *call) change(n *node, match Value, in *scope) {
	object, isObject := match.(*nunjucks.Object)
	switch update := c.evaluate(n.update, match, in).(type) {
	case *nunjucks.Object:
		if isObject {
			for key, value := range update.All() {
				c.allocate(memberBytes)
				object.Set(key, value)
			}
		}
	default:
		if !isUndefined(update) {
			fail("T2011", n.update.position, "value", update)
		}
	}
	if n.deletion == nil {
		return
	}
	deletions := c.evaluate(n.deletion, match, in)
	if !allAre(itemsOf(deletions), isText) {
		fail("T2012", n.deletion.position, "value", deletions)
	}
	for _, name := range itemsOf(deletions) {
		if text, isText := name.(string); isText && isObject {
			object.Delete(text)
		}
	}
}

// matched is the first match of a regular expression from a position on: an object with the function next.
func (e *evaluator) matched(m *matcher, text string, skip int) Value {
	matches := e.find(m, text, skip+1)
	if len(matches) <= skip {
		return undefined
	}
	object := e.matchObject(matches[skip], "start")
	object.Set("end", float64(matches[skip].End))
	object.Set("next", &function{native: func(c *call) Value { return c.matched(m, text, skip+1) }})
	return object
}

// find returns matches of a regular expression. One that is empty would be found forever, and is an error.
func (e *evaluator) find(m *matcher, text string, limit int) []nunjucks.Match {
	matches, err := m.pattern.FindAll(e.ctx, text, limit)
	if err != nil {
		panic(thrown{err})
	}
	for i, each := range matches {
		e.allocate(frameBytes + len(each.Text))
		if each.Text == "" && i > 0 {
			fail("D1004", 0)
		}
	}
	return matches
}

// matchObject describes a match. start is the name of its position.
func (e *evaluator) matchObject(match nunjucks.Match, start string) *nunjucks.Object {
	groups := e.sequence(match.Groups...)
	groups.isSequence = false
	object := nunjucks.NewObject()
	object.Set("match", match.Text)
	object.Set(start, float64(match.Start))
	object.Set("groups", groups)
	return object
}
