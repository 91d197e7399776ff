package jsonata

import (
	"maps"
	"math"
	"slices"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// path evaluates a path: each step for each item of the result of the step before it.
func (e *evaluator) path(n *node, input Value, in *scope) Value {
	sequence, isList := input.(*list)
	if !isList || n.steps[0].kind == variableNode {
		sequence = e.sequence(input)
	}
	result := undefined
	var tuples *list
	isTuples := false
	for i, step := range n.steps {
		isTuples = isTuples || step.isTuple
		switch {
		case i == 0 && step.isConstructor:
			result = e.evaluate(step, sequence, in)
		case isTuples:
			tuples = e.tupleStep(step, sequence, tuples, in)
		default:
			result = e.pathStep(step, sequence, in, i == len(n.steps)-1)
		}
		if !isTuples && isEmpty(result) {
			break
		}
		if next, isList := result.(*list); isList && step.focus == "" {
			sequence = next
		}
	}
	if isTuples {
		result = e.streamed(n, tuples)
	}
	if n.keepSingleton {
		result = e.kept(result)
	}
	if n.group != nil {
		if isTuples {
			result = tuples
		}
		return e.groupBy(n.group.pairs, n.group.position, result, in)
	}
	return result
}

func isEmpty(v Value) bool {
	l, isList := v.(*list)
	return isUndefined(v) || isList && len(l.items) == 0
}

// streamed is the result of a path whose steps bound variables.
func (e *evaluator) streamed(n *node, tuples *list) Value {
	if n.isTuple {
		return tuples
	}
	result := e.sequence()
	for _, each := range tuples.items {
		if bound, is := each.(*tuple); is {
			e.push(result, bound.item)
		}
	}
	return result
}

// kept marks a result so that it stays a list.
func (e *evaluator) kept(result Value) Value {
	l, isList := result.(*list)
	switch {
	case !isList:
		return result
	case l.isConstructed && !l.isSequence:
		l = e.sequence(l)
	case !l.isSequence:
		return l
	}
	l.keepSingleton = true
	return l
}

// pathStep evaluates a step for each item, and flattens the results by one level.
func (e *evaluator) pathStep(step *node, input *list, in *scope, isLast bool) Value {
	if step.kind == sortNode {
		return e.stages(step.stages, e.sorted(step, input, in), in)
	}
	var results []Value
	for _, item := range input.items {
		value := e.evaluate(step, item, in)
		for _, each := range step.stages {
			value = e.filter(each.filter, value, in)
		}
		if !isUndefined(value) {
			e.allocate(2 * itemBytes)
			results = append(results, value)
		}
	}
	if l, isList := first(results).(*list); isLast && len(results) == 1 && isList && !l.isSequence {
		return l
	}
	flat := e.sequence()
	for _, value := range results {
		if l, isList := value.(*list); isList && !l.isConstructed {
			e.push(flat, l.items...)
		} else {
			e.push(flat, value)
		}
	}
	return flat
}

func first(values []Value) Value {
	if len(values) == 0 {
		return undefined
	}
	return values[0]
}

// stages filters a result, or binds the positions of its tuples.
func (e *evaluator) stages(stages []stage, result *list, in *scope) *list {
	for _, each := range stages {
		if each.filter != nil {
			result = e.filter(each.filter, result, in)
			continue
		}
		for i, item := range result.items {
			if bound, isTuple := item.(*tuple); isTuple {
				bound.bindings[each.index] = float64(i)
			}
		}
	}
	return result
}

// tupleStep evaluates a step for each tuple.
func (e *evaluator) tupleStep(step *node, input, tuples *list, in *scope) *list {
	if step.kind == sortNode {
		return e.stages(step.stages, e.sortedTuples(step, input, tuples, in), in)
	}
	if tuples == nil {
		tuples = e.sequence()
		for _, item := range input.items {
			e.push(tuples, &tuple{item: item})
		}
	}
	result := e.sequence()
	result.isTuples = true
	for _, each := range tuples.items {
		bound, isTuple := each.(*tuple)
		if !isTuple {
			continue
		}
		value := e.evaluate(step, bound.item, bound.scope(in))
		l, isList := value.(*list)
		for i, item := range itemsOf(value) {
			e.allocate(frameBytes)
			e.push(result, e.bound(step, bound, item, i, isList && l.isTuples))
		}
	}
	return e.stages(step.stages, result, in)
}

// bound is the tuple for one item of a step's result.
func (e *evaluator) bound(step *node, from *tuple, item Value, position int, isTuples bool) *tuple {
	if inner, isTuple := item.(*tuple); isTuples && isTuple {
		made := from.with(inner.item)
		maps.Copy(made.bindings, inner.bindings)
		return made
	}
	made := from.with(item)
	if step.focus != "" {
		made.item = from.item
		made.bindings[step.focus] = item
	}
	if step.index != "" {
		made.bindings[step.index] = float64(position)
	}
	if step.ancestor != nil {
		made.bindings[step.ancestor.label] = from.item
	}
	return made
}

// sortedTuples sorts a stream of tuples, or makes one of a sorted sequence.
func (e *evaluator) sortedTuples(step *node, input, tuples *list, in *scope) *list {
	if tuples != nil {
		sorted := e.sorted(step, tuples, in)
		sorted.isTuples = true
		return sorted
	}
	result := e.sequence()
	result.isTuples = true
	for i, item := range e.sorted(step, input, in).items {
		made := (&tuple{}).with(item)
		if step.index != "" {
			made.bindings[step.index] = float64(i)
		}
		e.push(result, made)
	}
	return result
}

// filter selects the items for which a predicate is true, or those at the positions that it gives.
func (e *evaluator) filter(predicate *node, input Value, in *scope) *list {
	source, isList := input.(*list)
	if !isList {
		source = e.sequence(input)
		if isUndefined(input) {
			source.items = nil
		}
	}
	result := e.sequence()
	result.isTuples = source.isTuples
	if number, isNumber := predicate.value.(float64); predicate.kind == numberNode && isNumber {
		return e.at(source, number, result)
	}
	for i, item := range source.items {
		context, inside := item, in
		if bound, isTuple := item.(*tuple); isTuple {
			context, inside = bound.item, bound.scope(in)
		}
		value := e.evaluate(predicate, context, inside)
		positions := itemsOf(value)
		if _, isPositions := value.(*list); (isPositions || isNumeric(value)) && allAre(positions, isNumeric) {
			for _, position := range positions {
				if positionOf(position, len(source.items)) == i {
					e.push(result, item)
				}
			}
		} else if isTruthy(value) {
			e.push(result, item)
		}
	}
	return result
}

// positionOf is a position that counts from the end when it is negative.
func positionOf(position Value, size int) int {
	number, _ := position.(float64)
	number = math.Floor(number)
	if number < 0 {
		number += float64(size)
	}
	if number < 0 || number >= float64(size) {
		return -1
	}
	return int(number)
}

// at selects one item, or the items of one that is a list.
func (e *evaluator) at(source *list, position float64, result *list) *list {
	i := positionOf(position, len(source.items))
	if i < 0 {
		return result
	}
	if l, isList := source.items[i].(*list); isList {
		return l
	}
	e.push(result, source.items[i])
	return result
}

// sorted sorts a sequence by the terms of a step.
func (e *evaluator) sorted(step *node, input *list, in *scope) *list {
	valueOf := func(term sortTerm, item Value) Value {
		if bound, isTuple := item.(*tuple); isTuple {
			return e.evaluate(term.expression, bound.item, bound.scope(in))
		}
		return e.evaluate(term.expression, item, in)
	}
	return e.mergeSort(input, func(a, b Value) bool {
		for _, term := range step.terms {
			if order := termOrder(step, term, valueOf(term, a), valueOf(term, b)); order != 0 {
				return order > 0
			}
		}
		return false
	})
}

// termOrder compares the values of a term. One that is undefined comes last.
func termOrder(step *node, term sortTerm, a, b Value) int {
	switch {
	case isUndefined(a) && isUndefined(b):
		return 0
	case isUndefined(a):
		return 1
	case isUndefined(b):
		return -1
	}
	for _, value := range []Value{a, b} {
		if _, isNumber := value.(float64); !isNumber && !isText(value) {
			fail("T2008", step.position, "value", value)
		}
	}
	if isText(a) != isText(b) {
		fail("T2007", step.position, "value", a, "value2", b)
	}
	order, _ := orderOf(a, b)
	if term.isDescending {
		return -order
	}
	return order
}

// mergeSort sorts stably. isAfter reports whether a comes after b.
func (e *evaluator) mergeSort(input *list, isAfter func(a, b Value) bool) *list {
	if len(input.items) <= 1 {
		return input
	}
	e.allocate(2 * itemBytes * len(input.items))
	items := slices.Clone(input.items)
	other := make([]Value, len(items))
	for width := 1; width < len(items); width *= 2 {
		for start := 0; start < len(items); start += 2 * width {
			middle, end := min(start+width, len(items)), min(start+2*width, len(items))
			left, right := start, middle
			for at := start; at < end; at++ {
				if e.step(); left < middle && (right >= end || !isAfter(items[left], items[right])) {
					other[at] = items[left]
					left++
				} else {
					other[at] = items[right]
					right++
				}
			}
		}
		items, other = other, items
	}
	return &list{items: items}
}

// groupBy makes an object of a sequence: items with the same key belong to one member.
func (e *evaluator) groupBy(pairs [][2]*node, position int, input Value, in *scope) Value {
	source, isList := input.(*list)
	if !isList {
		source = &list{items: []Value{input}}
	}
	items := source.items
	if len(items) == 0 && !source.isTuples {
		items = []Value{undefined}
	}
	groups := &groups{byKey: map[string]*group{}}
	for _, item := range items {
		context, inside := item, in
		if bound, isTuple := item.(*tuple); isTuple {
			context, inside = bound.item, bound.scope(in)
		}
		for i, pair := range pairs {
			key := e.evaluate(pair[0], context, inside)
			if isUndefined(key) {
				continue
			}
			name, isName := key.(string)
			if !isName {
				fail("T1003", position, "value", key)
			}
			e.allocate(memberBytes + itemBytes)
			groups.add(name, i, item, position)
		}
	}
	return e.grouped(groups, pairs, source.isTuples, in)
}

// groups are the groups of a grouping, in the order of their first items.
type groups struct {
	byKey map[string]*group
	order []string
}

// group has the items of one key, which an expression made.
type group struct {
	expression int
	items      []Value
}

func (g *groups) add(key string, expression int, item Value, position int) {
	there := g.byKey[key]
	if there == nil {
		there = &group{expression: expression}
		g.byKey[key] = there
		g.order = append(g.order, key)
	}
	if there.expression != expression {
		fail("D1009", position, "value", key)
	}
	there.items = append(there.items, item)
}

// grouped evaluates the values of groups.
func (e *evaluator) grouped(groups *groups, pairs [][2]*node, isTuples bool, in *scope) Value {
	e.allocate(objectBytes)
	result := nunjucks.NewObject()
	for _, key := range groups.order {
		each := groups.byKey[key]
		context, inside := e.joined(each.items), in
		if isTuples {
			bound := e.reduced(each.items)
			context, inside = bound.item, bound.scope(in)
		}
		if value := e.evaluate(pairs[each.expression][1], context, inside); !isUndefined(value) {
			e.allocate(memberBytes)
			result.Set(key, value)
		}
	}
	return result
}

// joined is the only item, or the sequence of all. Lists among them are flattened.
func (e *evaluator) joined(items []Value) Value {
	if len(items) == 1 {
		return items[0]
	}
	result := e.sequence()
	for _, item := range items {
		e.push(result, itemsOf(item)...)
	}
	return result
}

// reduced makes one tuple of several: each binding has all values.
func (e *evaluator) reduced(items []Value) *tuple {
	made := &tuple{item: undefined, bindings: map[string]Value{}}
	var contexts []Value
	values := map[string][]Value{}
	for _, item := range items {
		bound, isTuple := item.(*tuple)
		if !isTuple {
			continue
		}
		contexts = append(contexts, bound.item)
		for name, value := range bound.bindings {
			values[name] = append(values[name], value)
		}
	}
	made.item = e.joined(contexts)
	for name, all := range values {
		made.bindings[name] = e.joined(all)
	}
	return made
}
