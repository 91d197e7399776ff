package jsonata

import (
	"fmt"
	"slices"
)

// processor resolves the paths of a tree: what the parser has as nested binary operators becomes a list of
// steps with their filters. It also finds the steps whose input a parent operator asks for, and the calls in
// tail position. It does not change the nodes of the parser.
type processor struct {
	labels  int
	parents []*node
}

func newProcessor() *processor { return &processor{} }

func (p *processor) process(n *node) *node {
	made := p.resolve(n)
	if n.keepArray {
		made.keepArray = true
	}
	return made
}

func (p *processor) resolve(n *node) *node {
	switch n.kind {
	case binaryNode:
		if n.text == "." {
			return p.path(n)
		}
		return p.operands(n)
	case filterNode:
		return p.filter(n)
	case groupNode:
		return p.grouped(n)
	case sortNode:
		return p.sorted(n)
	case focusNode:
		return p.focused(n)
	case indexNode:
		return p.indexed(n)
	case nameNode:
		step := *n
		return &node{kind: pathNode, position: n.position, steps: []*node{&step}, keepSingleton: n.keepArray}
	case parentNode:
		made := &node{kind: parentNode, position: n.position, slot: &slot{label: fmt.Sprintf("!%d", p.labels), level: 1, index: p.labels}}
		p.labels++
		p.parents = append(p.parents, made)
		return made
	case lambdaNode:
		made := *n
		made.body = tailCall(p.process(n.body))
		return &made
	case objectNode:
		return p.object(n)
	case negationNode:
		return p.negation(n)
	case stringNode, numberNode, valueNode, wildcardNode, descendantNode, variableNode, regexNode:
		made := *n
		return &made
	case operatorNode:
		if n.text == "?" {
			return n
		}
		fail("S0201", n.position, "token", n.text)
	case endNode:
		fail("S0207", n.position, "token", "(end)")
	case arrayNode, functionNode, partialNode, conditionNode, elvisNode, coalesceNode, blockNode, bindNode, applyNode, transformNode, pathNode:
	}
	return p.compound(n)
}

// compound processes the parts of a node of most kinds.
func (p *processor) compound(n *node) *node {
	made := *n
	part := func(child *node) *node {
		if child == nil {
			return nil
		}
		processed := p.process(child)
		if n.kind != transformNode && n.kind != applyNode {
			made.seek(processed)
		}
		return processed
	}
	made.left, made.right, made.then, made.otherwise = part(n.left), part(n.right), part(n.then), part(n.otherwise)
	made.pattern, made.update, made.deletion = part(n.pattern), part(n.update), part(n.deletion)
	made.items = make([]*node, len(n.items))
	for i, item := range n.items {
		made.items[i] = part(item)
		if first := made.items[i]; n.kind == blockNode && (first.isConstructor || first.kind == pathNode && first.steps[0].isConstructor) {
			made.isConstructor = true
		}
	}
	return &made
}

func (p *processor) operands(n *node) *node {
	made := *n
	made.left, made.right = p.process(n.left), p.process(n.right)
	made.seek(made.left)
	made.seek(made.right)
	return &made
}

func (p *processor) negation(n *node) *node {
	operand := p.process(n.left)
	if number, isNumber := operand.value.(float64); operand.kind == numberNode && isNumber {
		operand.value = -number
		return operand
	}
	made := *n
	made.left = operand
	made.seek(operand)
	return &made
}

func (p *processor) object(n *node) *node {
	made := *n
	made.pairs = p.pairs(n.pairs, &made)
	return &made
}

func (p *processor) pairs(pairs [][2]*node, of *node) [][2]*node {
	made := make([][2]*node, len(pairs))
	for i, pair := range pairs {
		made[i] = [2]*node{p.process(pair[0]), p.process(pair[1])}
		if of != nil {
			of.seek(made[i][0])
			of.seek(made[i][1])
		}
	}
	return made
}

// seek takes over the slots that a part of the node could not resolve.
func (n *node) seek(part *node) {
	n.seeking = append(n.seeking, part.seeking...)
	if part.kind == parentNode {
		n.seeking = append(n.seeking, part.slot)
	}
}

func (n *node) lastStep() *node { return n.steps[len(n.steps)-1] }

// asPath makes a path of a node that is none.
func asPath(n *node) *node {
	if n.kind == pathNode {
		return n
	}
	return &node{kind: pathNode, position: n.position, steps: []*node{n}}
}

func (p *processor) path(n *node) *node {
	first := p.process(n.left)
	made := asPath(first)
	if first.kind == parentNode {
		made.seeking = []*slot{first.slot}
	}
	rest := p.process(n.right)
	if rest.kind == pathNode {
		made.steps = append(made.steps, rest.steps...)
	} else {
		rest.stages, rest.predicates = rest.predicates, nil
		made.steps = append(made.steps, rest)
	}
	for _, step := range made.steps {
		switch step.kind {
		case numberNode, valueNode:
			fail("S0213", step.position, "value", step.value)
		case stringNode:
			step.kind = nameNode
		default:
		}
		made.keepSingleton = made.keepSingleton || step.keepArray
	}
	for _, step := range []*node{made.steps[0], made.lastStep()} {
		if step.kind == arrayNode {
			step.isConstructor = true
		}
	}
	p.resolveParents(made)
	return made
}

func (p *processor) filter(n *node) *node {
	made := p.process(n.left)
	step := made
	if made.kind == pathNode {
		step = made.lastStep()
	}
	if step.group != nil {
		fail("S0209", n.position)
	}
	predicate := p.process(n.right)
	for _, each := range predicate.seeking {
		if each.level == 1 {
			p.seekParent(step, each)
		} else {
			each.level--
		}
	}
	if len(predicate.seeking) > 0 {
		step.seek(predicate)
	}
	if made.kind == pathNode {
		step.stages = append(step.stages, stage{filter: predicate})
	} else {
		step.predicates = append(step.predicates, stage{filter: predicate})
	}
	return made
}

func (p *processor) grouped(n *node) *node {
	made := p.process(n.left)
	if made.group != nil {
		fail("S0210", n.position)
	}
	made.group = &grouping{p.pairs(n.pairs, nil), n.position}
	return made
}

func (p *processor) sorted(n *node) *node {
	made := asPath(p.process(n.left))
	step := &node{kind: sortNode, position: n.position}
	for _, term := range n.terms {
		expression := p.process(term.expression)
		step.seek(expression)
		step.terms = append(step.terms, sortTerm{term.isDescending, expression})
	}
	made.steps = append(made.steps, step)
	p.resolveParents(made)
	return made
}

func (p *processor) focused(n *node) *node {
	made := p.process(n.left)
	step := made
	if made.kind == pathNode {
		step = made.lastStep()
	}
	if step.stages != nil || step.predicates != nil {
		fail("S0215", n.position)
	}
	if step.kind == sortNode {
		fail("S0216", n.position)
	}
	step.keepArray = step.keepArray || n.keepArray
	step.focus, step.isTuple = n.right.text, true
	return made
}

func (p *processor) indexed(n *node) *node {
	made := p.process(n.left)
	step := made
	if made.kind == pathNode {
		step = made.lastStep()
	} else {
		made = asPath(made)
		step.stages, step.predicates = append(step.stages, step.predicates...), nil
	}
	if step.stages == nil {
		step.index = n.right.text
	} else {
		step.stages = append(step.stages, stage{index: n.right.text})
	}
	step.isTuple = true
	return made
}

// resolveParents finds the steps of a path whose input the parent operators in its last step ask for.
func (p *processor) resolveParents(path *node) {
	last := path.lastStep()
	slots := slices.Clone(last.seeking)
	if last.kind == parentNode {
		slots = append(slots, last.slot)
	}
	for _, wanted := range slots {
		for index := len(path.steps) - 2; wanted.level > 0; {
			if index < 0 {
				path.seeking = append(path.seeking, wanted)
				break
			}
			step := path.steps[index]
			index--
			// Several steps in a row that bind their item have the same input.
			for index >= 0 && step.focus != "" && path.steps[index].focus != "" {
				step = path.steps[index]
				index--
			}
			p.seekParent(step, wanted)
		}
	}
}

// seekParent looks for the input of a slot in a step.
func (p *processor) seekParent(n *node, wanted *slot) {
	switch n.kind {
	case nameNode, wildcardNode:
		if wanted.level--; wanted.level > 0 {
			return
		}
		n.isTuple = true
		if n.ancestor == nil {
			n.ancestor = wanted
			return
		}
		p.parents[wanted.index].slot.label = n.ancestor.label
		n.ancestor = wanted
	case parentNode:
		wanted.level++
	case blockNode:
		if len(n.items) > 0 {
			n.isTuple = true
			p.seekParent(n.items[len(n.items)-1], wanted)
		}
	case pathNode:
		n.isTuple = true
		for _, step := range slices.Backward(n.steps) {
			p.seekParent(step, wanted)
			if wanted.level <= 0 {
				return
			}
		}
	default:
		fail("S0217", n.position, "token", string(n.kind))
	}
}

// tailCall replaces the calls in tail position by thunks, which do not nest.
func tailCall(n *node) *node {
	switch {
	case n.kind == functionNode && n.predicates == nil:
		return &node{kind: lambdaNode, isThunk: true, position: n.position, body: n}
	case n.kind == conditionNode:
		n.then = tailCall(n.then)
		if n.otherwise != nil {
			n.otherwise = tailCall(n.otherwise)
		}
	case n.kind == blockNode && len(n.items) > 0:
		n.items[len(n.items)-1] = tailCall(n.items[len(n.items)-1])
	}
	return n
}
