package jsonata

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/portico-dev/portico/scaffolder/budget"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// Expression is a parsed expression. It is immutable and safe for concurrent use.
type Expression struct{ root *node }

// Parse parses an expression. The error is an *Error.
func Parse(source string) (parsed *Expression, err error) {
	defer caught(&err)
	return &Expression{parse(source)}, nil
}

// Limits of an evaluation, beside the memory of the context's account.
const (
	maxSteps = 20_000_000
	maxTime  = 10 * time.Second
	// maxBytes bounds the memory that an evaluation allocates. Released memory still counts.
	maxBytes = 256 << 20
	// maxDepth bounds the nesting of evaluations, which each take some of the stack.
	maxDepth = 5_000
	// clockInterval is the number of steps between two checks of the clock and the context.
	clockInterval = 1 << 10
	// grantBytes is the least that is asked of the account.
	grantBytes = 64 << 10
)

// Evaluate evaluates the expression for an input. Undefined means that there is no result. The error is an
// *Error, or that of the account or the context.
func (x *Expression) Evaluate(ctx context.Context, input Value) (result Value, err error) {
	e := &evaluator{ctx: ctx, account: budget.Of(ctx), began: time.Now(), untilClock: clockInterval}
	defer func() { e.account.Release(e.granted - e.retained) }()
	defer caught(&err)
	defer func() {
		if cause := recover(); cause != nil {
			e.attribute(cause)
			panic(cause)
		}
	}()
	e.root = newScope(builtins)
	value := e.imported(input, map[any]Value{}, 0)
	e.root.bind("$", value)
	if l, isList := value.(*list); isList {
		value = &list{items: []Value{l}, isSequence: true, isWrapper: true}
	}
	result = exported(e.evaluate(x.root, value, e.root))
	e.retained = e.granted
	return result, nil
}

// evaluator is one evaluation.
type evaluator struct {
	ctx     context.Context //nolint:containedctx // an evaluator is one call, whose context it is
	account *budget.Account
	root    *scope
	began   time.Time
	// calls are the calls that go on, the innermost last; evals is how many of them are of $eval.
	calls []callSite
	evals int
	// depth is how deep evaluations are nested, deepest how deep they were.
	depth, deepest               int
	steps, untilClock, allocated int
	granted, retained            int
}

// step counts one unit of work.
func (e *evaluator) step() { e.work(1) }

// work counts units of work.
func (e *evaluator) work(n int) {
	if e.untilClock -= n; e.untilClock > 0 {
		return
	}
	e.steps += clockInterval - e.untilClock
	e.untilClock = clockInterval
	switch {
	case e.steps > maxSteps:
		fail("P0001", 0, "value", float64(maxSteps))
	case time.Since(e.began) > maxTime:
		fail("D1012", 0, "value", float64(maxTime.Milliseconds()))
	}
	if err := e.ctx.Err(); err != nil {
		panic(thrown{fmt.Errorf("the evaluation was stopped: %w", err)})
	}
}

// allocate counts bytes before they are allocated.
func (e *evaluator) allocate(bytes int) {
	if bytes < 0 || bytes > maxBytes-e.allocated {
		panic(thrown{fmt.Errorf("the expression takes more memory than the %d MiB that are allowed", maxBytes>>20)})
	}
	if e.allocated += bytes; e.allocated > e.granted {
		wanted := max(e.allocated-e.granted, grantBytes)
		if err := e.account.Acquire(e.ctx, wanted); err != nil {
			panic(thrown{err})
		}
		e.granted += wanted
	}
	e.work(bytes >> 6)
}

func (e *evaluator) checkDepth(depth int) {
	if depth > maxDepth {
		fail("D1011", 0, "value", float64(maxDepth))
	}
}

// sequence makes a sequence of values.
func (e *evaluator) sequence(items ...Value) *list {
	e.allocate(listBytes)
	return &list{items: items, isSequence: true}
}

// push appends to a list.
func (e *evaluator) push(to *list, items ...Value) {
	if len(to.items)+len(items) > cap(to.items) {
		size := max(2*cap(to.items), len(to.items)+len(items), 4)
		e.allocate(itemBytes * size)
		to.items = append(make([]Value, 0, size), to.items...)
	}
	to.items = append(to.items, items...)
}

// text counts a string that was made.
func (e *evaluator) text(s string) string {
	e.allocate(len(s) + stringBytes)
	return s
}

// scope has the variables of a block or a call.
type scope struct {
	outer *scope
	names map[string]Value
}

func newScope(outer *scope) *scope { return &scope{outer: outer} }

func (s *scope) bind(name string, value Value) {
	if s.names == nil {
		s.names = map[string]Value{}
	}
	s.names[name] = value
}

func (s *scope) lookup(name string) Value {
	for at := s; at != nil; at = at.outer {
		if value, known := at.names[name]; known {
			return value
		}
	}
	return undefined
}

// of makes a scope for the bindings of a tuple.
func (t *tuple) scope(outer *scope) *scope {
	return &scope{outer: outer, names: t.bindings}
}

// evaluate evaluates a node for an input.
func (e *evaluator) evaluate(n *node, input Value, in *scope) Value {
	e.step()
	if e.depth++; e.depth > e.deepest {
		e.checkDepth(e.depth)
		e.deepest = e.depth
		e.allocate(frameBytes)
	}
	result := e.evaluateKind(n, input, in)
	for _, each := range n.predicates {
		result = e.filter(each.filter, result, in)
	}
	if n.group != nil && n.kind != pathNode {
		result = e.groupBy(n.group.pairs, n.group.position, result, in)
	}
	e.depth--
	if l, isList := result.(*list); isList && l.isSequence && !l.isTuples {
		l.keepSingleton = l.keepSingleton || n.keepArray
		switch {
		case len(l.items) == 0:
			return undefined
		case len(l.items) == 1 && !l.keepSingleton:
			return l.items[0]
		}
	}
	return result
}

func (e *evaluator) evaluateKind(n *node, input Value, in *scope) Value {
	switch n.kind {
	case pathNode:
		return e.path(n, input, in)
	case binaryNode:
		return e.binary(n, input, in)
	case negationNode:
		return e.negation(n, input, in)
	case arrayNode:
		return e.array(n, input, in)
	case objectNode:
		return e.groupBy(n.pairs, n.position, input, in)
	case nameNode:
		return e.member(input, n.text)
	case stringNode:
		return n.text
	case numberNode, valueNode, regexNode:
		return n.value
	case wildcardNode:
		return e.wildcard(input)
	case descendantNode:
		return e.descendants(input)
	case parentNode:
		return in.lookup(n.slot.label)
	case conditionNode, elvisNode, coalesceNode:
		return e.condition(n, input, in)
	case blockNode:
		return e.block(n, input, in)
	case bindNode:
		value := e.evaluate(n.right, input, in)
		e.allocate(memberBytes)
		in.bind(n.left.text, value)
		return value
	case variableNode:
		if n.text == "" {
			if l, isList := input.(*list); isList && l.isWrapper {
				return l.items[0]
			}
			return input
		}
		return in.lookup(n.text)
	case lambdaNode:
		e.allocate(frameBytes)
		return &function{signature: n.signature, arity: len(n.parameters), lambda: n.body, parameters: n.parameters, input: input, scope: in, isThunk: n.isThunk}
	case functionNode:
		return e.invoke(n, input, in, nil)
	case partialNode:
		return e.partial(n, input, in)
	case applyNode:
		return e.applyTo(n, input, in)
	case transformNode:
		return e.transform(n, in)
	case sortNode, operatorNode, groupNode, filterNode, focusNode, indexNode, endNode:
	}
	fail("S0201", n.position, "token", n.text)
	return undefined
}

func (e *evaluator) condition(n *node, input Value, in *scope) Value {
	value := e.evaluate(n.left, input, in)
	switch {
	case n.kind == coalesceNode && !isUndefined(value), n.kind == elvisNode && isTruthy(value):
		return value
	case n.kind == conditionNode && isTruthy(value):
		return e.evaluate(n.then, input, in)
	case n.otherwise != nil:
		return e.evaluate(n.otherwise, input, in)
	}
	return undefined
}

func (e *evaluator) block(n *node, input Value, in *scope) Value {
	inside := newScope(in)
	result := undefined
	for _, expression := range n.items {
		result = e.evaluate(expression, input, inside)
	}
	return result
}

func (e *evaluator) negation(n *node, input Value, in *scope) Value {
	value := e.evaluate(n.left, input, in)
	switch {
	case isUndefined(value):
		return undefined
	case !isNumeric(value):
		fail("D1002", n.position, "token", "-", "value", value)
	}
	number, _ := value.(float64)
	return -number
}

func (e *evaluator) array(n *node, input Value, in *scope) Value {
	e.allocate(listBytes)
	made := &list{isConstructed: n.isConstructor}
	for _, item := range n.items {
		value := e.evaluate(item, input, in)
		switch l, isList := value.(*list); {
		case isUndefined(value):
		case item.kind == arrayNode || !isList:
			e.push(made, value)
		default:
			e.push(made, l.items...)
		}
	}
	return made
}

// member is the member of an object, or those of the objects in a list.
func (e *evaluator) member(input Value, name string) Value {
	e.step()
	switch input := input.(type) {
	case *list:
		found := e.sequence()
		for _, item := range input.items {
			switch value := e.member(item, name).(type) {
			case *list:
				e.push(found, value.items...)
			default:
				if !isUndefined(value) {
					e.push(found, value)
				}
			}
		}
		return found
	case *nunjucks.Object:
		value, _ := input.Get(name)
		return value
	}
	return undefined
}

func (e *evaluator) wildcard(input Value) Value {
	found := e.sequence()
	if l, isList := input.(*list); isList && l.isWrapper && len(l.items) > 0 {
		input = l.items[0]
	}
	add := func(value Value) {
		if _, isList := value.(*list); isList {
			e.flatten(value, found, 0)
		} else {
			e.push(found, value)
		}
	}
	switch input := input.(type) {
	case *list:
		for _, item := range input.items {
			add(item)
		}
	case *nunjucks.Object:
		for _, value := range input.All() {
			add(value)
		}
	}
	return found
}

// flatten appends the items of nested lists.
func (e *evaluator) flatten(v Value, to *list, depth int) {
	e.checkDepth(depth)
	l, isList := v.(*list)
	if !isList {
		e.push(to, v)
		return
	}
	for _, item := range l.items {
		e.flatten(item, to, depth+1)
	}
}

func (e *evaluator) descendants(input Value) Value {
	if isUndefined(input) {
		return undefined
	}
	found := e.sequence()
	e.descend(input, found, 0)
	if len(found.items) == 1 {
		return found.items[0]
	}
	return found
}

func (e *evaluator) descend(v Value, found *list, depth int) {
	e.checkDepth(depth)
	switch v := v.(type) {
	case *list:
		for _, item := range v.items {
			e.descend(item, found, depth+1)
		}
		return
	case *nunjucks.Object:
		e.push(found, v)
		for _, value := range v.All() {
			e.descend(value, found, depth+1)
		}
		return
	}
	e.push(found, v)
}

func (e *evaluator) binary(n *node, input Value, in *scope) Value {
	left := e.evaluate(n.left, input, in)
	switch n.text {
	case "and":
		return isTruthy(left) && isTruthy(e.evaluate(n.right, input, in))
	case "or":
		return isTruthy(left) || isTruthy(e.evaluate(n.right, input, in))
	}
	right := e.evaluate(n.right, input, in)
	switch n.text {
	case "+", "-", "*", "/", "%":
		return arithmetic(n, left, right)
	case "=":
		return !isUndefined(left) && !isUndefined(right) && e.isEqual(left, right)
	case "!=":
		return !isUndefined(left) && !isUndefined(right) && !e.isEqual(left, right)
	case "&":
		return e.text(e.stringOr(left, "") + e.stringOr(right, ""))
	case "..":
		return e.rangeOf(n, left, right)
	case "in":
		for _, item := range itemsOf(right) {
			if e.step(); !isUndefined(left) && item == left {
				return true
			}
		}
		return false
	}
	return compare(n, left, right)
}

func arithmetic(n *node, left, right Value) Value {
	if !isUndefined(left) && !isNumeric(left) {
		fail("T2001", n.position, "token", n.text, "value", left)
	}
	if !isUndefined(right) && !isNumeric(right) {
		fail("T2002", n.position, "token", n.text, "value", right)
	}
	a, isNumber := left.(float64)
	b, areNumbers := right.(float64)
	if !isNumber || !areNumbers {
		return undefined
	}
	switch n.text {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	case "/":
		return a / b
	}
	return math.Mod(a, b)
}

func compare(n *node, left, right Value) Value {
	isComparable := func(v Value) bool {
		_, isNumber := v.(float64)
		return isNumber || isText(v)
	}
	if !isUndefined(left) && !isComparable(left) {
		fail("T2010", n.position, "token", n.text, "value", left)
	}
	if !isUndefined(right) && !isComparable(right) {
		fail("T2010", n.position, "token", n.text, "value", right)
	}
	if isUndefined(left) || isUndefined(right) {
		return undefined
	}
	if isText(left) != isText(right) {
		fail("T2009", n.position, "token", n.text, "value", left, "value2", right)
	}
	order, isOrdered := orderOf(left, right)
	if !isOrdered {
		return false
	}
	switch n.text {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

// orderOf compares two numbers or two strings. NaN has no order.
func orderOf(left, right Value) (order int, isOrdered bool) {
	if a, isText := left.(string); isText {
		b, _ := right.(string)
		return nunjucks.CompareText(a, b), true
	}
	a, _ := left.(float64)
	b, _ := right.(float64)
	switch {
	case a < b:
		return -1, true
	case a > b:
		return 1, true
	}
	return 0, a == b
}

func (e *evaluator) rangeOf(n *node, left, right Value) Value {
	bound := func(v Value, code string) (float64, bool) {
		number, isNumber := v.(float64)
		if !isUndefined(v) && (!isNumber || number != math.Trunc(number) || math.IsInf(number, 0)) {
			fail(code, n.position, "token", n.text, "value", v)
		}
		return number, isNumber
	}
	from, hasFrom := bound(left, "T2003")
	to, hasTo := bound(right, "T2004")
	if !hasFrom || !hasTo || from > to {
		return undefined
	}
	const limit = 1e7
	size := to - from + 1
	if size > limit {
		fail("D2014", n.position, "token", n.text, "value", size)
	}
	e.allocate((itemBytes + numberBytes) * int(size))
	made := e.sequence(make([]Value, int(size))...)
	for i := range made.items {
		made.items[i] = from + float64(i)
	}
	return made
}
