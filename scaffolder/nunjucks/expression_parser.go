package nunjucks

import (
	"slices"
	"strconv"
	"strings"
)

// expression parses an expression, a conditional one included: a if b else c.
func (p *parser) expression() node {
	p.enter()
	defer p.leave()
	body := p.or()
	if !p.skipSymbol("if") {
		return body
	}
	parsed := &inlineIfNode{body: body, condition: p.or()}
	if p.skipSymbol("else") {
		parsed.orElse = p.or()
	}
	return parsed
}

func (p *parser) or() node {
	left := p.and()
	for {
		at := p.peek().position
		if !p.skipSymbol("or") {
			return left
		}
		left = &binaryNode{"||", left, p.and(), at}
	}
}

func (p *parser) and() node {
	left := p.not()
	for {
		at := p.peek().position
		if !p.skipSymbol("and") {
			return left
		}
		left = &binaryNode{"&&", left, p.not(), at}
	}
}

func (p *parser) not() node {
	at := p.peek().position
	if !p.skipSymbol("not") {
		return p.in()
	}
	p.enter()
	defer p.leave()
	return &unaryNode{"!", p.not(), at}
}

func (p *parser) in() node {
	left := p.is()
	for {
		tok := p.next()
		inverted := tok.kind == tokenSymbol && tok.text == "not"
		if !inverted {
			p.push(tok)
		}
		if !p.skipSymbol("in") {
			if inverted {
				p.push(tok)
			}
			return left
		}
		left = &binaryNode{"in", left, p.is(), tok.position}
		if inverted {
			left = &unaryNode{"!", left, tok.position}
		}
	}
}

func (p *parser) is() node {
	left := p.compare()
	at := p.peek().position
	if !p.skipSymbol("is") {
		return left
	}
	inverted := p.skipSymbol("not")
	var parsed node = &binaryNode{"is", left, p.compare(), at}
	if inverted {
		parsed = &unaryNode{"!", parsed, at}
	}
	return parsed
}

var comparisons = []string{"==", "===", "!=", "!==", "<", ">", "<=", ">="}

// compare accepts any token whose text is a comparison operator, even a quoted string, as nunjucks does.
func (p *parser) compare() node {
	left := p.binary(0)
	for {
		tok := p.peek()
		if tok.kind == tokenRegex || !slices.Contains(comparisons, tok.text) {
			return left
		}
		p.next()
		left = &binaryNode{tok.text, left, p.binary(0), tok.position}
	}
}

// arithmetic lists the operators of nunjucks' grammar from the loosest to the tightest. Each has its own
// level of precedence.
var arithmetic = []struct {
	kind tokenKind
	text string
}{
	{tokenTilde, "~"},
	{tokenOperator, "+"},
	{tokenOperator, "-"},
	{tokenOperator, "*"},
	{tokenOperator, "/"},
	{tokenOperator, "//"},
	{tokenOperator, "%"},
	{tokenOperator, "**"},
}

func (p *parser) binary(level int) node {
	if level == len(arithmetic) {
		return p.unary(true)
	}
	operator := arithmetic[level]
	left := p.binary(level + 1)
	for {
		at := p.peek().position
		if !p.skipText(operator.kind, operator.text) {
			return left
		}
		left = &binaryNode{operator.text, left, p.binary(level + 1), at}
	}
}

func (p *parser) unary(filters bool) node {
	p.enter()
	defer p.leave()
	tok := p.peek()
	var parsed node
	if tok.kind == tokenOperator && (tok.text == "-" || tok.text == "+") {
		p.next()
		parsed = &unaryNode{tok.text, p.unary(false), tok.position}
	} else {
		parsed = p.primary(true)
	}
	if filters {
		return p.filters(parsed)
	}
	return parsed
}

// primary parses a literal, a name, or an aggregate in brackets. With postfix it also parses the calls and
// lookups after it.
func (p *parser) primary(postfix bool) node {
	p.memory.charge(parsedBytes)
	tok := p.next()
	var parsed node
	switch tok.kind {
	case tokenString:
		parsed = &literalNode{tok.text}
	case tokenInteger, tokenFloat:
		// A number that is out of range becomes infinite, as in JavaScript.
		number, _ := strconv.ParseFloat(tok.text, 64)
		parsed = &literalNode{number}
	case tokenBoolean:
		parsed = &literalNode{tok.text == "true"}
	case tokenNone:
		parsed = &literalNode{nil}
	case tokenRegex:
		parsed = &regexNode{tok.text, tok.flags, tok.position}
	case tokenSymbol:
		p.mentionsLoop = p.mentionsLoop || tok.text == loopName
		parsed = &symbolNode{tok.text, tok.position}
	case tokenLeftParen, tokenLeftBracket, tokenLeftCurly:
		parsed = p.aggregate(tok)
	default:
		panic(tok.syntaxError("expected an expression, found %s", tok.describe()))
	}
	if postfix {
		return p.postfix(parsed)
	}
	return parsed
}

func (p *parser) postfix(parsed node) node {
	for {
		switch tok := p.peek(); {
		case tok.kind == tokenLeftParen:
			arguments := p.signature(true)
			p.markSuper(parsed)
			parsed = &callNode{parsed, arguments, tok.position}
		case tok.kind == tokenLeftBracket:
			p.next()
			parsed = &lookupNode{parsed, p.index(tok), tok.position}
		case tok.kind == tokenOperator && tok.text == ".":
			p.next()
			name := p.next()
			if name.kind != tokenSymbol {
				panic(name.syntaxError("expected a name after the dot, found %s", name.describe()))
			}
			parsed = &lookupNode{parsed, &literalNode{name.text}, tok.position}
		default:
			return parsed
		}
	}
}

// markSuper marks the blocks around a call of super().
func (p *parser) markSuper(callee node) {
	if name, ok := callee.(*symbolNode); ok && name.name == "super" {
		for _, block := range p.openBlocks {
			block.usesSuper = true
		}
	}
}

// index parses the key between the brackets of a lookup.
func (p *parser) index(bracket token) node {
	list, ok := p.aggregate(bracket).(*arrayNode)
	if !ok || len(list.children) != 1 {
		panic(bracket.syntaxError("invalid index"))
	}
	return list.children[0]
}

// aggregate parses the items after an opening bracket. Any closing bracket ends it, as in nunjucks.
func (p *parser) aggregate(bracket token) node {
	if bracket.kind == tokenLeftCurly {
		return p.dictionary()
	}
	var children []node
	for !p.skipClosing() {
		if len(children) > 0 && !p.skip(tokenComma) {
			p.fail("expected comma after expression")
		}
		if len(children) == 0 && p.atSlice(bracket) {
			return p.slice(nil)
		}
		children = append(children, p.expression())
		if len(children) == 1 && p.atSlice(bracket) {
			return p.slice(children[0])
		}
	}
	if bracket.kind == tokenLeftBracket {
		return &arrayNode{children}
	}
	return &groupNode{children, bracket.position}
}

func (p *parser) dictionary() *dictionaryNode {
	parsed := &dictionaryNode{}
	for !p.skipClosing() {
		if len(parsed.pairs) > 0 && !p.skip(tokenComma) {
			p.fail("expected comma after expression")
		}
		parsed.pairs = append(parsed.pairs, p.pair())
	}
	return parsed
}

// atSlice reports whether a colon follows in the square brackets of a language that has slices.
func (p *parser) atSlice(bracket token) bool {
	return p.options.CookiecutterCompat && bracket.kind == tokenLeftBracket && p.peek().kind == tokenColon
}

// slice parses the rest of a start:stop:step from its first colon to the closing bracket.
func (p *parser) slice(start node) *arrayNode {
	parts := [3]node{start}
	for part := 0; !p.skip(tokenRightBracket); {
		if p.skip(tokenColon) {
			part++
			continue
		}
		if part >= len(parts) || parts[part] != nil {
			p.fail("too many slice components")
		}
		parts[part] = p.expression()
	}
	return &arrayNode{[]node{&sliceNode{parts[0], parts[1], parts[2]}}}
}

func (p *parser) skipClosing() bool {
	return p.skip(tokenRightParen) || p.skip(tokenRightBracket) || p.skip(tokenRightCurly)
}

func (p *parser) pair() pairNode {
	p.enter()
	defer p.leave()
	at := p.peek().position
	key := p.primary(true)
	if !p.skip(tokenColon) {
		p.fail("expected colon after dict key")
	}
	return pairNode{key, p.expression(), at}
}

// signature parses the arguments of a call. When required is false, the brackets may be missing.
func (p *parser) signature(required bool) []node {
	if !p.skip(tokenLeftParen) {
		if required {
			p.fail("expected arguments")
		}
		return nil
	}
	p.enter()
	defer p.leave()
	var arguments []node
	keywords := &dictionaryNode{keywords: true}
	for first := true; !p.skip(tokenRightParen); first = false {
		if !first && !p.skip(tokenComma) {
			p.fail("expected comma after expression")
		}
		at := p.peek().position
		value := p.expression()
		if p.skipText(tokenOperator, "=") {
			keywords.pairs = append(keywords.pairs, pairNode{value, p.expression(), at})
		} else {
			arguments = append(arguments, value)
		}
	}
	if len(keywords.pairs) > 0 {
		arguments = append(arguments, keywords)
	}
	return arguments
}

func (p *parser) filters(parsed node) node {
	for p.skip(tokenPipe) {
		at := p.peek().position
		name := p.filterName()
		if name == "super" {
			p.markSuper(&symbolNode{name: name})
		}
		parsed = &filterNode{name, append([]node{parsed}, p.filterArguments(parsed)...), at}
	}
	return parsed
}

func (p *parser) filterName() string {
	words := []string{p.filterWord()}
	for p.skipText(tokenOperator, ".") {
		words = append(words, p.filterWord())
	}
	return strings.Join(words, ".")
}

func (p *parser) filterWord() string {
	tok := p.next()
	if tok.kind != tokenSymbol {
		panic(tok.syntaxError("expected the name of a filter, found %s", tok.describe()))
	}
	return tok.text
}

// filterArguments parses the arguments after a filter's name. The last of several pairs of brackets is used.
func (p *parser) filterArguments(target node) []node {
	tok := p.peek()
	if tok.kind != tokenLeftParen {
		return nil
	}
	call, ok := p.postfix(target).(*callNode)
	if !ok {
		panic(tok.syntaxError("expected the arguments of a filter"))
	}
	return call.arguments
}
