package nunjucks

import (
	"slices"
	"strings"
)

// parser turns tokens into the syntax tree by recursive descent, tag by tag as nunjucks' parser does. It
// copies that parser's oddities, because they decide which templates fail.
type parser struct {
	*lexer
	options *Options
	// peeked is a token that was looked at but not consumed.
	peeked *token
	// enders are the tags that end the body being parsed.
	enders []string
	// dropLeadingSpace is true when the tag just read ended in "-".
	dropLeadingSpace bool
	depth            int
	// mentionsLoop is true when the template names the variable loop, so that loops must set it.
	mentionsLoop bool
	// openBlocks are the blocks around the cursor. A call of super() marks them.
	openBlocks []*blockStatement
	memory     *sourceMemory
}

// loopName is the variable that contains a loop's counters.
const loopName = "loop"

func (p *parser) next() token {
	if p.peeked != nil {
		tok := *p.peeked
		p.peeked = nil
		return tok
	}
	return p.lexer.next()
}

func (p *parser) peek() token {
	if p.peeked == nil {
		tok := p.lexer.next()
		p.peeked = &tok
	}
	return *p.peeked
}

func (p *parser) push(tok token) {
	if p.peeked != nil {
		panic(tok.syntaxError("unexpected %q", tok.text))
	}
	p.peeked = &tok
}

// skip consumes the next token if it is of the kind.
func (p *parser) skip(kind tokenKind) bool {
	if p.peek().kind != kind {
		return false
	}
	p.peeked = nil
	return true
}

func (p *parser) skipText(kind tokenKind, text string) bool {
	if tok := p.peek(); tok.kind != kind || tok.text != text {
		return false
	}
	p.peeked = nil
	return true
}

func (p *parser) skipSymbol(name string) bool { return p.skipText(tokenSymbol, name) }

// fail stops parsing at the next token.
func (p *parser) fail(message string) {
	panic(p.peek().syntaxError("%s", message))
}

// enter guards a recursion; the caller defers leave.
func (p *parser) enter() {
	if p.depth++; p.depth > maxNesting {
		panic(p.syntaxError("nested more than %d levels deep", maxNesting))
	}
}

func (p *parser) leave() { p.depth-- }

// endBlock consumes the name of a tag and the tag's end.
func (p *parser) endBlock() {
	if tok := p.next(); tok.kind != tokenSymbol {
		panic(tok.syntaxError("expected the name of a tag, found %s", tok.describe()))
	}
	p.endTag()
}

// endTag consumes the end of a tag whose name has been read.
func (p *parser) endTag() {
	tok := p.next()
	if tok.kind != tokenBlockEnd {
		panic(tok.syntaxError("expected %s, found %s", p.tags.blockEnd, tok.describe()))
	}
	if tok.text[0] == '-' {
		p.dropLeadingSpace = true
	}
}

func (t token) describe() string {
	if t.kind == tokenEnd {
		return "the end of the template"
	}
	return "\"" + t.text + "\""
}

// bodyUntil parses statements up to one of the tags or the end of the source. The tag's name is not consumed.
func (p *parser) bodyUntil(enders ...string) []statement {
	outer := p.enders
	p.enders = enders
	body := p.body()
	p.enders = outer
	return body
}

func (p *parser) body() []statement {
	p.enter()
	defer p.leave()
	statements := []statement{}
	for {
		p.memory.charge(parsedBytes)
		switch tok := p.next(); tok.kind {
		case tokenEnd:
			return statements
		case tokenData:
			statements = append(statements, textStatement{p.trimData(tok.text)})
		case tokenBlockStart:
			p.dropLeadingSpace = false
			parsed := p.statement()
			if parsed == nil {
				return statements
			}
			statements = append(statements, parsed)
		case tokenVariableStart:
			value := p.expression()
			p.dropLeadingSpace = false
			p.endVariable()
			statements = append(statements, &outputStatement{value: value, position: tok.position})
		case tokenComment:
			p.dropLeadingSpace = strings.HasSuffix(tok.text, "-"+p.tags.commentEnd)
		default:
			panic(tok.syntaxError("unexpected %s", tok.describe()))
		}
	}
}

// trimData trims a text where the tag before or after it has a "-" on that side.
func (p *parser) trimData(text string) string {
	if p.dropLeadingSpace {
		text = trimLeft(text)
		p.dropLeadingSpace = false
	}
	following := p.peek()
	var opener string
	switch following.kind {
	case tokenBlockStart:
		opener = p.tags.blockStart
	case tokenVariableStart:
		opener = p.tags.variableStart
	case tokenComment:
		opener = p.tags.commentStart
	default:
		return text
	}
	if strings.HasPrefix(following.text[len(opener):], "-") {
		return trimRight(text)
	}
	return text
}

func (p *parser) endVariable() {
	tok := p.next()
	if tok.kind != tokenVariableEnd {
		panic(tok.syntaxError("expected %s, found %s", p.tags.variableEnd, tok.describe()))
	}
	p.dropLeadingSpace = tok.text[0] == '-'
}

// statement parses a tag whose opening has been read. It returns nil at a tag that ends the current body.
func (p *parser) statement() statement {
	tok := p.peek()
	if tok.kind != tokenSymbol {
		panic(tok.syntaxError("tag name expected, found %s", tok.describe()))
	}
	if slices.Contains(p.enders, tok.text) {
		return nil
	}
	p.next()
	switch tok.text {
	case "raw", "verbatim":
		p.endTag()
		return textStatement{p.rawBlock(tok.text)}
	case "if", "ifAsync":
		return p.ifTag(tok.text == "ifAsync")
	case "for":
		return p.forTag(tok, loopFor, "endfor")
	case "asyncEach":
		return p.forTag(tok, loopAsyncEach, "endeach")
	case "asyncAll":
		return p.forTag(tok, loopAsyncAll, "endall")
	case "block":
		return p.blockTag(tok)
	case "set":
		return p.setTag(tok)
	case "macro":
		return p.macroTag(tok)
	case "call":
		return p.callTag(tok)
	case "filter":
		return p.filterTag()
	case "switch":
		return p.switchTag()
	case "extends", "include", "import", "from":
		return p.referenceTag(tok)
	}
	panic(tok.syntaxError("unknown block tag: %s", tok.text))
}

func (p *parser) ifTag(async bool) *ifStatement {
	p.enter()
	defer p.leave()
	parsed := &ifStatement{async: async, condition: p.expression()}
	p.endTag()
	parsed.body = p.bodyUntil("elif", "elseif", "else", "endif")
	switch tok := p.next(); {
	case tok.kind == tokenSymbol && (tok.text == "elif" || tok.text == "elseif"):
		parsed.orElse = []statement{p.ifTag(false)}
		return parsed
	case tok.kind == tokenSymbol && tok.text == "else":
		p.endTag()
		parsed.orElse = p.bodyUntil("endif")
		p.endBlock()
	case tok.kind == tokenSymbol && tok.text == "endif":
		p.endTag()
	default:
		panic(tok.syntaxError("expected elif, else, or endif, found %s", tok.describe()))
	}
	return parsed
}

func (p *parser) forTag(start token, kind loopKind, end string) *forStatement {
	parsed := &forStatement{kind: kind, position: start.position}
	first := p.primary(true)
	if _, ok := first.(*symbolNode); !ok {
		p.fail("variable name expected for loop")
	}
	parsed.names = []node{first}
	for p.skip(tokenComma) {
		parsed.names = append(parsed.names, p.primary(true))
	}
	if !p.skipSymbol("in") {
		p.fail("expected \"in\" keyword for loop")
	}
	parsed.list = p.expression()
	p.endTag()
	parsed.body = p.bodyUntil(end, "else")
	if p.skipSymbol("else") {
		p.endTag()
		parsed.orElse = p.bodyUntil(end)
	}
	p.endBlock()
	return parsed
}

func (p *parser) blockTag(start token) *blockStatement {
	name, ok := p.primary(true).(*symbolNode)
	if !ok {
		panic(start.syntaxError("variable name expected for block"))
	}
	parsed := &blockStatement{name: name.name, position: start.position}
	p.endTag()
	p.openBlocks = append(p.openBlocks, parsed)
	parsed.body = p.bodyUntil("endblock")
	p.openBlocks = p.openBlocks[:len(p.openBlocks)-1]
	p.skipSymbol("endblock")
	p.skipSymbol(parsed.name)
	p.endTag()
	return parsed
}

func (p *parser) setTag(start token) *setStatement {
	parsed := &setStatement{position: start.position}
	for {
		parsed.targets = append(parsed.targets, p.primary(true))
		if !p.skip(tokenComma) {
			break
		}
	}
	if p.skipText(tokenOperator, "=") {
		parsed.value = p.expression()
		p.endTag()
		return parsed
	}
	if !p.skip(tokenBlockEnd) {
		p.fail("expected = or block end in set tag")
	}
	defer p.hideFromBlocks()()
	parsed.body = p.bodyUntil("endset")
	p.endBlock()
	return parsed
}

func (p *parser) macroTag(start token) *macroStatement {
	parsed := &macroStatement{position: start.position}
	parsed.name = p.primary(false)
	parsed.arguments = p.signature(true)
	p.endTag()
	parsed.body = p.bodyUntil("endmacro")
	p.endBlock()
	return parsed
}

// callTag parses a call block. It becomes a call with one more keyword argument: caller, the block's body as
// a function.
func (p *parser) callTag(start token) *outputStatement {
	caller := &macroStatement{position: start.position}
	caller.arguments = p.signature(false)
	call, ok := p.primary(true).(*callNode)
	if !ok {
		panic(start.syntaxError("expected a call in the call tag"))
	}
	p.endTag()
	caller.body = p.bodyUntil("endcall")
	p.endBlock()
	output := &outputStatement{value: call, inner: caller.body, position: start.position}
	pair := pairNode{key: &symbolNode{"caller", start.position}, value: &callerNode{caller}, position: start.position}
	if last := len(call.arguments) - 1; last >= 0 {
		if keywords, ok := call.arguments[last].(*dictionaryNode); ok && keywords.keywords {
			keywords.pairs = append(keywords.pairs, pair)
			return output
		}
	}
	call.arguments = append(call.arguments, &dictionaryNode{pairs: []pairNode{pair}, keywords: true})
	return output
}

func (p *parser) filterTag() *outputStatement {
	name := p.peek()
	filter := &filterNode{name: p.filterName(), position: name.position}
	arguments := p.filterArguments(&symbolNode{filter.name, name.position})
	p.endTag()
	body := p.bodyUntil("endfilter")
	filter.arguments = append([]node{&captureNode{body}}, arguments...)
	p.endBlock()
	return &outputStatement{value: filter, inner: body, position: name.position}
}

// switchTag ignores the text between the switch and its first case. As in nunjucks, the first tag is read as
// a case whatever its name.
func (p *parser) switchTag() *switchStatement {
	parsed := &switchStatement{value: p.expression()}
	p.endTag()
	p.bodyUntil("case", "default", "endswitch")
	for first := true; first || p.peek().text == "case"; first = false {
		p.skipSymbol("case")
		parsed.cases = append(parsed.cases, p.switchCase())
	}
	switch tok := p.next(); tok.text {
	case "default":
		p.endTag()
		parsed.defaultGiven = true
		parsed.defaultBody = p.bodyUntil("endswitch")
		p.endBlock()
	case "endswitch":
		p.endTag()
	default:
		panic(tok.syntaxError("expected case, default or endswitch, found %s", tok.describe()))
	}
	return parsed
}

func (p *parser) switchCase() switchCase {
	defer p.hideFromBlocks()()
	condition := p.expression()
	p.endTag()
	return switchCase{condition, p.bodyUntil("case", "default", "endswitch")}
}

// hideFromBlocks begins a part of the source in which nunjucks does not see calls of super(). The returned
// function ends it.
func (p *parser) hideFromBlocks() (end func()) {
	blocks := p.openBlocks
	p.openBlocks = nil
	return func() { p.openBlocks = blocks }
}

func (p *parser) referenceTag(start token) *referenceStatement {
	parsed := &referenceStatement{tag: start.text, position: start.position, template: p.expression()}
	switch start.text {
	case "include":
		parsed.ignoreMissing = p.skipSymbol("ignore") && p.skipSymbol("missing")
	case "import":
		p.importTarget(parsed)
	case "from":
		p.importedNames(parsed)
	}
	p.endTag()
	return parsed
}

func (p *parser) importTarget(parsed *referenceStatement) {
	if !p.skipSymbol("as") {
		p.fail("expected \"as\" keyword")
	}
	target, ok := p.expression().(*symbolNode)
	if !ok {
		p.fail("expected a name after as")
	}
	parsed.names = []string{target.name}
	p.withContext()
}

func (p *parser) importedNames(parsed *referenceStatement) {
	if !p.skipSymbol("import") {
		p.fail("expected import")
	}
	for p.peek().kind != tokenBlockEnd {
		if len(parsed.names) > 0 && !p.skip(tokenComma) {
			p.fail("expected comma")
		}
		name, ok := p.primary(true).(*symbolNode)
		if !ok || strings.HasPrefix(name.name, "_") {
			p.fail("only names that do not begin with an underscore can be imported")
		}
		if p.skipSymbol("as") {
			if name, ok = p.primary(true).(*symbolNode); !ok {
				p.fail("expected a name after as")
			}
		}
		parsed.names = append(parsed.names, name.name)
		p.withContext()
	}
	if len(parsed.names) == 0 {
		p.fail("expected at least one import name")
	}
}

func (p *parser) withContext() {
	if (p.skipSymbol("with") || p.skipSymbol("without")) && !p.skipSymbol("context") {
		p.fail("expected context after with/without")
	}
}
