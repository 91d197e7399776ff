package nunjucks

// expression compiles an expression. It writes operators and operands in a row, as nunjucks does in the
// JavaScript that it emits, and parses the row by JavaScript's precedence: not a == b is (not a) == b, and 1
// ~ 2 + 3 is ((1 ~ 2) + 3).
func (c *compiler) expression(n node) expression {
	c.enter()
	defer c.leave()
	switch n.(type) {
	case *unaryNode, *binaryNode:
		row := &operatorRow{}
		c.layOut(n, row)
		return row.read()
	}
	return c.operand(n)
}

// layOut appends the operators and operands of n to row.
func (c *compiler) layOut(n node, row *operatorRow) {
	c.enter()
	defer c.leave()
	switch n := n.(type) {
	case *unaryNode:
		row.prefix(n.operator, n.position)
		c.layOut(n.target, row)
	case *binaryNode:
		c.layOutBinary(n, row)
	default:
		row.operand(c.operand(n), n)
	}
}

func (c *compiler) layOutBinary(n *binaryNode, row *operatorRow) {
	switch n.operator {
	case "//":
		inner := &operatorRow{}
		c.layOut(n.left, inner)
		inner.infix("/", n.position)
		c.layOut(n.right, inner)
		row.operand(&floorExpression{inner.read()}, n)
	case "**":
		row.operand(&binaryExpression{binaryOperators["**"], c.expression(n.left), c.expression(n.right)}, n)
	case "in":
		row.operand(&inExpression{c.expression(n.left), c.expression(n.right)}, n)
	case "is":
		row.operand(c.test(n), n)
		row.infix("===", n.position)
		row.operand(constantExpression{true}, &literalNode{true})
	case "~":
		c.layOut(n.left, row)
		row.infix("+", n.position)
		row.operand(constantExpression{""}, &literalNode{""})
		row.infix("+", n.position)
		c.layOut(n.right, row)
	default:
		c.layOut(n.left, row)
		row.infix(n.operator, n.position)
		c.layOut(n.right, row)
	}
}

// test compiles the call behind the operator is. Its right side names the test in one of several ways.
func (c *compiler) test(n *binaryNode) expression {
	written := n.right
	var arguments []node
	switch right := n.right.(type) {
	case *callNode:
		written, arguments = right.callee, right.arguments
	case *filterNode:
		written, arguments = &symbolNode{name: right.name}, right.arguments
	}
	name := testName(written)
	c.checkName(name, n.position)
	operands := append([]expression{c.expression(n.left)}, c.testArguments(arguments, n.position)...)
	if builtinTests[name] == nil {
		c.miss("test not found: %s", name)
	}
	return &testExpression{name: name, test: builtinTests[name], operands: operands}
}

// testName returns the name that nunjucks finds on the right side of the operator is: the value of a node
// that has one.
func testName(n node) string {
	switch n := n.(type) {
	case *symbolNode:
		return n.name
	case *literalNode:
		return literalText(n.value)
	case *regexNode:
		return "/" + n.body + "/" + n.flags
	}
	return "undefined"
}

func literalText(value Value) string {
	switch value := value.(type) {
	case nil:
		return "null"
	case string:
		return value
	case float64:
		return formatNumber(value)
	case bool:
		if value {
			return "true"
		}
	}
	return "false"
}

// operand compiles an expression that is not an operator.
func (c *compiler) operand(n node) expression {
	switch n := n.(type) {
	case *literalNode:
		return constantExpression{n.value}
	case *regexNode:
		c.memory.charge(patternCost(n.body))
		return &regexExpression{compilePattern(n.body, n.flags, c.env.limits.RegexTime, n.position)}
	case *symbolNode:
		return c.symbol(n)
	case *groupNode:
		return c.group(n)
	case *arrayNode:
		return &arrayExpression{c.arrayItems(n.children)}
	case *dictionaryNode:
		return c.dictionary(n)
	case *callNode:
		return c.call(n)
	case *filterNode:
		c.checkName(n.name, n.position)
		if c.env.filters[n.name] == nil {
			c.miss("filter not found: %s", n.name)
		}
		return &filterExpression{n.name, c.env.filters[n.name], c.expressions(n.arguments), n.position}
	case *lookupNode:
		return c.lookup(n)
	case *inlineIfNode:
		return c.inlineIf(n)
	case *captureNode:
		return c.capture(n)
	case *callerNode:
		return &callerExpression{c.macro(n.macro, c.function, newNames(c.names))}
	case *unaryNode, *binaryNode:
		return c.expression(n)
	}
	panic(position{}.syntaxError("unknown expression %T", n))
}

func (c *compiler) expressions(nodes []node) []expression {
	compiled := make([]expression, 0, len(nodes))
	for _, n := range nodes {
		compiled = append(compiled, c.expression(n))
	}
	return compiled
}

func (c *compiler) symbol(n *symbolNode) expression {
	v, known := c.names.lookup(n.name)
	switch {
	case !known:
		c.checkName(n.name, n.position)
		return &nameExpression{n.name}
	case v.dead:
		return &failingExpression{n.name + " is not defined"}
	}
	return c.local(v)
}

func (c *compiler) group(n *groupNode) expression {
	switch len(n.children) {
	case 0:
		panic(n.syntaxError("empty brackets"))
	case 1:
		return c.expression(n.children[0])
	}
	return &sequenceExpression{c.expressions(n.children)}
}

// arrayItems compiles the items of a list. A slice outside a lookup becomes its three numbers.
func (c *compiler) arrayItems(children []node) []expression {
	var items []expression
	for _, child := range children {
		if slice, ok := child.(*sliceNode); ok {
			start, stop, step := c.slice(slice)
			items = append(items, start, stop, step)
			continue
		}
		items = append(items, c.expression(child))
	}
	return items
}

func (c *compiler) slice(n *sliceNode) (start, stop, step expression) {
	start, stop, step = constantExpression{nil}, constantExpression{nil}, constantExpression{1.0}
	if n.start != nil {
		start = c.expression(n.start)
	}
	if n.stop != nil {
		stop = c.expression(n.stop)
	}
	if n.step != nil {
		step = c.expression(n.step)
	}
	return start, stop, step
}

func (c *compiler) dictionary(n *dictionaryNode) expression {
	compiled := &dictionaryExpression{keywords: n.keywords}
	for _, pair := range n.pairs {
		var key string
		switch name := pair.key.(type) {
		case *symbolNode:
			key = name.name
		case *literalNode:
			text, ok := name.value.(string)
			if !ok {
				panic(pair.syntaxError("dict keys must be strings or names"))
			}
			key = text
		default:
			panic(pair.syntaxError("dict keys must be strings or names"))
		}
		if key == "__proto__" {
			panic(pair.syntaxError("the key __proto__ is reserved"))
		}
		compiled.keys = append(compiled.keys, key)
		compiled.values = append(compiled.values, c.expression(pair.value))
	}
	return compiled
}

func (c *compiler) call(n *callNode) expression {
	if literal, ok := n.callee.(*literalNode); ok && literal.value == nil {
		panic(n.syntaxError("null cannot be called"))
	}
	callee := c.expression(n.callee)
	if named, ok := callee.(*nameExpression); ok && c.env.globals[named.name] == nil {
		c.called = append(c.called, named.name)
	}
	return &callExpression{
		callee: callee, name: calleeName(n.callee), arguments: c.expressions(n.arguments), position: n.position,
	}
}

// calleeName returns the name of the callee for error messages.
func calleeName(n node) string {
	switch n := n.(type) {
	case *symbolNode:
		return n.name
	case *callNode:
		return "the return value of (" + calleeName(n.callee) + ")"
	case *lookupNode:
		return calleeName(n.target) + "[\"" + calleeName(n.key) + "\"]"
	case *literalNode:
		return literalText(n.value)
	}
	return "--expression--"
}

func (c *compiler) lookup(n *lookupNode) expression {
	target := c.expression(n.target)
	if slice, ok := n.key.(*sliceNode); ok {
		start, stop, step := c.slice(slice)
		return &sliceExpression{target, start, stop, step}
	}
	literal, ok := n.key.(*literalNode)
	if !ok {
		c.mutates = true
		return &memberExpression{target, c.expression(n.key)}
	}
	name, ok := literal.value.(string)
	if !ok {
		return &memberExpression{target, constantExpression{literal.value}}
	}
	c.mutates = c.mutates || mutatingMethods[name]
	compiled := &namedMemberExpression{target, name}
	c.read(compiled)
	return compiled
}

// mutatingMethods are the names of methods that change the value they are called on.
var mutatingMethods = map[string]bool{
	"copyWithin": true, "fill": true, "pop": true, "push": true, "reverse": true, "shift": true, "sort": true,
	"splice": true, "unshift": true,
	"append": true, "insert": true, "popitem": true, "remove": true, "setdefault": true, "update": true,
}

func (c *compiler) inlineIf(n *inlineIfNode) expression {
	compiled := &conditionalExpression{c.expression(n.condition), c.expression(n.body), constantExpression{""}}
	if n.orElse != nil {
		compiled.orElse = c.expression(n.orElse)
	}
	return compiled
}

// capture compiles statements whose text is a value. nunjucks emits them as a JavaScript function that is
// called immediately, so its variables are new in each call.
func (c *compiler) capture(n *captureNode) expression {
	reset := resetInstruction{from: c.function.slots}
	code := c.scopedBody(n.body)
	reset.to = c.function.slots
	return &captureExpression{code, reset}
}

// operatorRow is a row of operands with operators before and between them, in the order of the emitted
// JavaScript.
type operatorRow struct {
	tokens []rowToken
	next   int
}

// rowToken is an operand, or an operator when operand is nil.
type rowToken struct {
	operand  expression
	operator string
	prefix   bool
	// written is the node that the operand was compiled from. number has the digits when those of several
	// literals were joined.
	written node
	number  string
	position
}

func (row *operatorRow) operand(e expression, written node) {
	row.tokens = append(row.tokens, rowToken{operand: e, written: written})
}

func (row *operatorRow) infix(operator string, at position) {
	row.tokens = append(row.tokens, rowToken{operator: operator, position: at})
}

// prefix adds an operator before an operand. Two equal signs in a row become the increment or decrement
// operator, because nunjucks writes them without a space.
func (row *operatorRow) prefix(operator string, at position) {
	if last := len(row.tokens) - 1; last >= 0 && row.tokens[last].prefix && row.tokens[last].operator == operator && operator != "!" {
		row.tokens[last].operator += operator
		return
	}
	row.tokens = append(row.tokens, rowToken{operator: operator, prefix: true, position: at})
}

// precedences are JavaScript's, from the loosest.
var precedences = map[string]int{
	"||": 1, "&&": 2, "==": 3, "!=": 3, "===": 3, "!==": 3, "<": 4, ">": 4, "<=": 4, ">=": 4,
	"+": 5, "-": 5, "*": 6, "/": 6, "%": 6,
}

// read parses the row into an expression.
func (row *operatorRow) read() expression { return row.readInfix(1) }

func (row *operatorRow) readInfix(loosest int) expression {
	left := row.readPrefix()
	for row.next < len(row.tokens) {
		tok := row.tokens[row.next]
		precedence := precedences[tok.operator]
		if precedence < loosest {
			break
		}
		row.next++
		right := row.readInfix(precedence + 1)
		switch tok.operator {
		case "||":
			left = &orExpression{left, right}
		case "&&":
			left = &andExpression{left, right}
		default:
			left = &binaryExpression{binaryOperators[tok.operator], left, right}
		}
	}
	return left
}

func (row *operatorRow) readPrefix() expression {
	tok := row.tokens[row.next]
	row.next++
	if tok.operand != nil {
		return tok.operand
	}
	target := row.readPrefix()
	switch tok.operator {
	case "!":
		return &notExpression{target}
	case "-":
		return &signExpression{target, -1}
	case "+":
		return &signExpression{target, 1}
	case "++":
		return increment(target, 1, tok.position)
	}
	return increment(target, -1, tok.position)
}

// increment compiles two signs in a row as nunjucks does. It changes a loop's variable. It fails at run time
// for an operand that is a call in JavaScript, and does not compile for any other.
func increment(target expression, by float64, at position) expression {
	switch target := target.(type) {
	case *localExpression:
		return &incrementExpression{target, by}
	case *nameExpression, *memberExpression, *namedMemberExpression, *sliceExpression, *filterExpression, *inExpression, *floorExpression:
		return &failingExpression{"two signs in a row cannot be applied to this"}
	}
	panic(at.syntaxError("two signs in a row cannot be applied to this"))
}
