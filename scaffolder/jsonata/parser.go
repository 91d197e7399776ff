package jsonata

import (
	"strings"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

const (
	// maxSourceBytes bounds an expression, maxNesting its depth.
	maxSourceBytes = 256 << 10
	maxNesting     = 500
)

// parser is a parser by operator precedence: each token says what it means as a prefix and as an infix.
type parser struct {
	lexer  lexer
	token  token
	nested int
}

// parse parses and resolves an expression.
func parse(source string) *node {
	if len(source) > maxSourceBytes {
		fail("P0003", 0, "value", float64(maxSourceBytes))
	}
	p := &parser{lexer: lexer{text: source}}
	p.advance(false)
	tree := p.expression(0)
	if p.is("!") || p.is("~") {
		fail("S0204", p.token.position, "token", p.token.text)
	}
	if p.token.kind != endToken {
		fail("S0201", p.token.position, "token", p.token.shown())
	}
	processed := newProcessor().process(tree)
	if processed.kind == parentNode || len(processed.seeking) > 0 {
		fail("S0217", processed.position, "token", string(processed.kind))
	}
	return processed
}

// advance reads the next token.
func (p *parser) advance(afterOperand bool) { p.token = p.lexer.next(afterOperand) }

// expect consumes an operator.
func (p *parser) expect(operator string, afterOperand bool) {
	switch {
	case p.is(operator):
		p.advance(afterOperand)
	case p.token.kind == endToken:
		fail("S0203", p.token.position, "value", operator, "token", "(end)")
	default:
		fail("S0202", p.token.position, "value", operator, "token", p.token.shown())
	}
}

func (p *parser) is(operator string) bool {
	return p.token.kind == operatorToken && p.token.text == operator
}

// shown is a token in messages.
func (t token) shown() nunjucks.Value {
	switch t.kind {
	case endToken:
		return "(end)"
	case nameToken, variableToken, operatorToken:
		return t.text
	case regexToken:
		return nunjucks.NewObject()
	case stringToken, numberToken, valueToken:
	}
	return t.value
}

// power is how strongly the current token binds what is before it.
func (p *parser) power() int {
	if p.token.kind != operatorToken || !strings.Contains(infixOperators, " "+p.token.text+" ") {
		return 0
	}
	return bindingPowers[p.token.text]
}

// infixOperators are those that may come after an operand.
const infixOperators = " . + - * / % = < > != <= >= & and or in ~> ( [ ^ { := @ # ? ?: ?? "

func (p *parser) expression(power int) *node {
	if p.nested++; p.nested > maxNesting {
		fail("P0002", p.token.position, "value", float64(maxNesting))
	}
	first := p.token
	p.advance(true)
	left := p.prefix(first)
	for power < p.power() {
		operator := p.token
		p.advance(false)
		left = p.infix(operator, left)
	}
	p.nested--
	return left
}

func (p *parser) prefix(t token) *node {
	made := &node{position: t.position, text: t.text, value: t.value}
	switch t.kind {
	case nameToken:
		made.kind = nameNode
	case variableToken:
		made.kind = variableNode
	case stringToken:
		made.kind, made.text = stringNode, t.value.(string) //nolint:forcetypeassert // the lexer made it
	case numberToken:
		made.kind = numberNode
	case valueToken:
		made.kind = valueNode
	case regexToken:
		made.kind = regexNode
	case operatorToken:
		return p.prefixOperator(made)
	case endToken:
		made.kind = endNode // It is an error, unless something else was expected before it.
	}
	return made
}

func (p *parser) prefixOperator(made *node) *node {
	switch made.text {
	case "and", "or", "in":
		made.kind = nameNode
	case "?":
		made.kind = operatorNode
	case "-":
		made.kind, made.left = negationNode, p.expression(70)
	case "*":
		made.kind = wildcardNode
	case "**":
		made.kind = descendantNode
	case "%":
		made.kind = parentNode
	case "(":
		p.block(made)
	case "[":
		p.array(made)
	case "{":
		made.kind, made.pairs = objectNode, p.members()
	case "|":
		p.transform(made)
	case "!", "~":
		fail("S0204", made.position, "token", made.text)
	default:
		fail("S0211", made.position, "token", made.text)
	}
	return made
}

func (p *parser) block(made *node) {
	made.kind = blockNode
	for !p.is(")") {
		made.items = append(made.items, p.expression(0))
		if !p.is(";") {
			break
		}
		p.advance(false)
	}
	p.expect(")", true)
}

func (p *parser) array(made *node) {
	made.kind = arrayNode
	for !p.is("]") {
		item := p.expression(0)
		if p.is("..") {
			item = &node{kind: binaryNode, text: "..", position: p.token.position, left: item}
			p.advance(false)
			item.right = p.expression(0)
		}
		made.items = append(made.items, item)
		if !p.is(",") {
			break
		}
		p.advance(false)
		if p.is("]") {
			fail("S0211", p.token.position, "token", "]")
		}
	}
	p.expect("]", true)
}

// members reads the pairs of an object and its closing brace.
func (p *parser) members() (pairs [][2]*node) {
	for !p.is("}") {
		key := p.expression(0)
		p.expect(":", false)
		pairs = append(pairs, [2]*node{key, p.expression(0)})
		if !p.is(",") {
			break
		}
		p.advance(false)
		if p.is("}") {
			fail("S0211", p.token.position, "token", "}")
		}
	}
	p.expect("}", true)
	return pairs
}

func (p *parser) transform(made *node) {
	made.kind = transformNode
	made.pattern = p.expression(0)
	p.expect("|", false)
	made.update = p.expression(0)
	if p.is(",") {
		p.advance(false)
		made.deletion = p.expression(0)
	}
	p.expect("|", true)
}

func (p *parser) infix(t token, left *node) *node {
	made := &node{kind: binaryNode, position: t.position, text: t.text, left: left}
	switch t.text {
	case "(":
		return p.call(made)
	case "[":
		return p.filter(made)
	case "^":
		return p.sort(made)
	case "{":
		made.kind, made.pairs = groupNode, p.members()
	case ":=":
		if left.kind != variableNode {
			fail("S0212", left.position, "token", left.text)
		}
		made.kind, made.right = bindNode, p.expression(bindingPowers[":="]-1)
	case "@", "#":
		made.kind = focusNode
		if t.text == "#" {
			made.kind = indexNode
		}
		if made.right = p.expression(bindingPowers[t.text]); made.right.kind != variableNode {
			fail("S0214", made.right.position, "token", t.text)
		}
	case "?":
		made.kind, made.then = conditionNode, p.expression(0)
		if p.is(":") {
			p.advance(false)
			made.otherwise = p.expression(0)
		}
	case "?:":
		made.kind, made.otherwise = elvisNode, p.expression(0)
	case "??":
		made.kind, made.otherwise = coalesceNode, p.expression(0)
	case "~>":
		made.kind, made.right = applyNode, p.expression(bindingPowers["~>"])
	case ".", "+", "-", "*", "/", "%", "=", "<", ">", "!=", "<=", ">=", "&", "and", "or", "in":
		made.right = p.expression(bindingPowers[t.text])
	default:
		fail("S0201", t.position, "token", t.text)
	}
	return made
}

func (p *parser) call(made *node) *node {
	made.kind = functionNode
	for !p.is(")") {
		if p.is("?") {
			made.kind = partialNode
			made.items = append(made.items, &node{kind: operatorNode, text: "?", position: p.token.position})
			p.advance(false)
		} else {
			made.items = append(made.items, p.expression(0))
		}
		if !p.is(",") {
			break
		}
		p.advance(false)
	}
	p.expect(")", true)
	if made.left.kind == nameNode && (made.left.text == "function" || made.left.text == "λ") {
		p.lambda(made)
	}
	return made
}

// lambda reads the signature and the body of a function.
func (p *parser) lambda(made *node) {
	made.kind = lambdaNode
	for i, parameter := range made.items {
		if parameter.kind != variableNode {
			fail("S0208", parameter.position, "token", parameter.text, "value", float64(i+1))
		}
		made.parameters = append(made.parameters, parameter.text)
	}
	made.items = nil
	if p.is("<") {
		p.signature(made)
	}
	p.expect("{", false)
	made.body = p.expression(0)
	p.expect("}", true)
}

func (p *parser) signature(made *node) {
	position := p.token.position
	var text strings.Builder
	text.WriteByte('<')
	for depth := 1; depth > 0 && !p.is("{") && p.token.kind != endToken; {
		p.advance(true)
		switch {
		case p.is(">"):
			depth--
		case p.is("<"):
			depth++
		}
		if p.token.kind != endToken {
			part, _ := p.token.shown().(string)
			text.WriteString(part)
		}
	}
	p.expect(">", false)
	made.signature = newSignature(text.String(), position)
}

func (p *parser) filter(made *node) *node {
	if p.is("]") {
		step := made.left
		for step.kind == filterNode {
			step = step.left
		}
		step.keepArray = true
		p.advance(true)
		return made.left
	}
	made.kind, made.right = filterNode, p.expression(bindingPowers["]"])
	p.expect("]", true)
	return made
}

func (p *parser) sort(made *node) *node {
	made.kind = sortNode
	p.expect("(", false)
	for {
		term := sortTerm{isDescending: p.is(">")}
		if p.is("<") || p.is(">") {
			p.advance(false)
		}
		term.expression = p.expression(0)
		made.terms = append(made.terms, term)
		if !p.is(",") {
			break
		}
		p.advance(false)
	}
	p.expect(")", true)
	return made
}
