package nunjucks

import (
	"strconv"
	"strings"
)

// nunjucks writes the arguments of a test one after the other without a comma. JavaScript then parses the
// second as a continuation of the first: (…) calls it, […] is a lookup in it, a sign is a binary operator,
// and the digits of two numbers are one number. Anything else does not compile.

// testArguments compiles the arguments of a test as JavaScript parses them.
func (c *compiler) testArguments(arguments []node, at position) []expression {
	if len(arguments) == 0 {
		return nil
	}
	row := &operatorRow{}
	c.layOut(arguments[0], row)
	for _, argument := range arguments[1:] {
		next := &operatorRow{}
		c.layOut(argument, next)
		if !row.appendRow(next) {
			panic(at.syntaxError("a test takes one argument"))
		}
	}
	return []expression{row.read()}
}

// appendRow appends another row without an operator between the two. It returns false when JavaScript cannot
// parse that.
func (row *operatorRow) appendRow(next *operatorRow) bool {
	first, rest := next.tokens[0], next.tokens[1:]
	if first.prefix {
		if first.operator != "-" && first.operator != "+" {
			return false
		}
		row.infix(first.operator, first.position)
	} else {
		last := &row.tokens[len(row.tokens)-1]
		if !last.merge(first) {
			return false
		}
	}
	row.tokens = append(row.tokens, rest...)
	return true
}

// merge combines the token with the one right after it into the operand that JavaScript parses. It returns
// false when JavaScript cannot parse the two.
func (t *rowToken) merge(next rowToken) bool {
	switch written := next.written.(type) {
	case *groupNode:
		t.operand = &adjacentCall{t.operand, groupParts(written, next.operand)}
	case *inlineIfNode:
		t.operand = &adjacentCall{t.operand, []expression{next.operand}}
	case *callNode:
		// nunjucks writes a call as (lineno = 1, colno = 2, …).
		line, column := constantExpression{float64(written.line)}, constantExpression{float64(written.column)}
		t.operand = &adjacentCall{t.operand, []expression{line, column, next.operand}}
	case *arrayNode:
		if len(written.children) == 0 {
			return false
		}
		t.operand = &adjacentIndex{t.operand, next.operand}
	default:
		return t.mergeWords(next)
	}
	t.written = nil
	return true
}

// groupParts returns the expressions in a pair of brackets.
func groupParts(group *groupNode, operand expression) []expression {
	if sequence, ok := operand.(*sequenceExpression); ok && len(group.children) > 1 {
		return sequence.parts
	}
	return []expression{operand}
}

// mergeWords joins two literals to one number, or to an unknown name, which fails at run time.
func (t *rowToken) mergeWords(next rowToken) bool {
	if isWord(*t) {
		if !isWord(next) && !isNumber(next) && !startsWithName(next.written) {
			return false
		}
		t.operand = &failingExpression{"a test takes one argument"}
		return true
	}
	if !isNumber(*t) || !isNumber(next) {
		return false
	}
	number, ok := parseLiteral(t.digits() + next.digits())
	t.operand, t.number = constantExpression{number}, t.digits()+next.digits()
	return ok
}

// digits returns the number as nunjucks writes it.
func (t *rowToken) digits() string {
	if t.number != "" {
		return t.number
	}
	constant, _ := t.operand.(constantExpression)
	return literalText(constant.value)
}

func isNumber(t rowToken) bool {
	literal, ok := t.written.(*literalNode)
	if !ok {
		return false
	}
	_, ok = literal.value.(float64)
	return ok
}

// isWord reports whether an operand is written as a single name: true, false, null, a variable of JavaScript.
func isWord(t rowToken) bool {
	if _, ok := t.operand.(*localExpression); ok {
		return true
	}
	literal, ok := t.written.(*literalNode)
	if !ok {
		return false
	}
	switch literal.value.(type) {
	case nil, bool:
		return true
	}
	return false
}

// startsWithName reports whether nunjucks' text for a node begins with a name.
func startsWithName(n node) bool {
	switch n.(type) {
	case *symbolNode, *filterNode, *lookupNode, *binaryNode:
		return true
	}
	return false
}

// parseLiteral parses a number as JavaScript does in a script: digits after a leading zero are octal, unless
// one of them is 8 or 9.
func parseLiteral(digits string) (float64, bool) {
	whole := countDigits(digits)
	rest := digits[whole:]
	if digits[0] == '0' && whole > 1 && !strings.ContainsAny(digits[:whole], "89") {
		octal, err := strconv.ParseUint(digits, 8, 64)
		return float64(octal), err == nil
	}
	if fraction, ok := strings.CutPrefix(rest, "."); ok {
		rest = fraction[countDigits(fraction):]
	}
	if whole == 0 || rest != "" && !strings.HasPrefix(rest, "e") || strings.Contains(rest, ".") {
		return 0, false
	}
	number, err := strconv.ParseFloat(digits, 64)
	return number, err == nil
}

// adjacentCall calls the operand before a pair of brackets.
type adjacentCall struct {
	callee    expression
	arguments []expression
}

func (e *adjacentCall) eval(r *run) Value {
	callee := e.callee.eval(r)
	args := r.evalAll(e.arguments)
	return r.call(r.callback(callee), Undefined, args)
}

// adjacentIndex looks up the last of the items in square brackets.
type adjacentIndex struct{ target, keys expression }

func (e *adjacentIndex) eval(r *run) Value {
	target := e.target.eval(r)
	keys := r.list(e.keys.eval(r)).Items
	return r.property(r.require(target, "member"), keys[len(keys)-1])
}
