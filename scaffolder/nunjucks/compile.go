package nunjucks

import (
	"fmt"
	"slices"
	"strings"
)

// compiler turns the syntax tree into executable nodes. It resolves names as nunjucks' compiler does: loop
// variables, macro names and macro parameters are variables of the JavaScript function that surrounds them,
// anything else is looked up by name at run time.
type compiler struct {
	env *Environment
	// names are the variables known at this point. New variables are declared in function, a JavaScript
	// function.
	names    *names
	function *functionBody
	// unscoped is set in the bodies of for-else and switch, in which nunjucks cannot place a tag that opens a
	// callback.
	unscoped bool
	// depth is the depth of the node being compiled; deepest is the greatest depth so far in this function.
	depth, deepest int
	// compiled counts the nodes. The body of a loop with several variables is compiled twice.
	compiled int
	mutates  bool
	memory   *sourceMemory
	// missing has a sentence for each filter or test that is used and does not exist. called are the names
	// that are called and are no globals.
	missing, called []string
	reads           map[Path]struct{}
}

// names is nunjucks' compile-time frame.
type names struct {
	outer     *names
	variables map[string]variable
}

// variable is a variable of a JavaScript function. A dead variable is named by an import, which always fails
// before it sets the variable.
type variable struct {
	function *functionBody
	slot     int
	dead     bool
}

func (n *names) lookup(name string) (variable, bool) {
	for ; n != nil; n = n.outer {
		if v, ok := n.variables[name]; ok {
			return v, true
		}
	}
	return variable{}, false
}

func newNames(outer *names) *names { return &names{outer: outer, variables: map[string]variable{}} }

// functionBody is the code of a JavaScript function: the template's root, a block, a macro, or the body of a
// call block.
type functionBody struct {
	outer *functionBody
	// slots is the number of its variables.
	slots int
	code  []instruction
	// height is how deep its tree is, in nodes.
	height int
	// missingSuper is true when the block calls super(), which never exists.
	missingSuper bool
}

func (f *functionBody) newSlot() int {
	f.slots++
	return f.slots - 1
}

func compileTemplate(env *Environment, source string, memory *sourceMemory) *Template {
	p := &parser{lexer: newLexer(source, &env.options, env.tags), options: &env.options, memory: memory}
	statements := p.body()
	propagateAsync(statements)
	c := &compiler{env: env, memory: memory, reads: map[Path]struct{}{}}
	template := &Template{env: env, blocks: map[string]*functionBody{}, mentionsLoop: p.mentionsLoop, sourceBytes: len(source)}
	template.root = c.functionOf(nil, newNames(nil), statements)
	for _, block := range findBlocks(statements) {
		if template.blocks[block.name] != nil {
			panic(block.syntaxError("block %q defined more than once", block.name))
		}
		template.blocks[block.name] = c.functionOf(nil, newNames(nil), block.body)
		template.blocks[block.name].missingSuper = block.usesSuper
	}
	if len(statements) == 1 {
		_, text := statements[0].(textStatement)
		template.single = !text
	}
	if output, ok := soleOutput(template.root, statements); ok {
		template.sole, template.solePosition = output.value, output.position
	}
	template.mutates, template.size = c.mutates, memory.made
	template.missing, template.called, template.reads = c.missing, c.called, c.reads
	return template
}

func (c *compiler) miss(format, name string) {
	if told := fmt.Sprintf(format, name); !slices.Contains(c.missing, told) {
		c.missing = append(c.missing, told)
	}
}

// soleOutput returns the instruction of a template that consists of one output.
func soleOutput(root *functionBody, statements []statement) (*outputInstruction, bool) {
	if len(statements) != 1 || len(root.code) != 1 {
		return nil, false
	}
	output, ok := root.code[0].(*outputInstruction)
	return output, ok
}

// visibleBodies are the bodies inside a statement that nunjucks' transformations of the tree reach: not those
// of a capturing set, nor the cases of a switch.
func visibleBodies(s statement) [][]statement {
	switch s := s.(type) {
	case *outputStatement:
		return [][]statement{s.inner}
	case *ifStatement:
		return [][]statement{s.body, s.orElse}
	case *forStatement:
		return [][]statement{s.body, s.orElse}
	case *switchStatement:
		return [][]statement{s.defaultBody}
	case *macroStatement:
		return [][]statement{s.body}
	case *blockStatement:
		return [][]statement{s.body}
	}
	return nil
}

// propagateAsync makes every if and for that contains an asynchronous tag asynchronous too. It reports
// whether the body contains one.
func propagateAsync(body []statement) bool {
	found := false
	for _, s := range body {
		inside := false
		for _, inner := range visibleBodies(s) {
			inside = propagateAsync(inner) || inside
		}
		switch s := s.(type) {
		case *ifStatement:
			s.async = s.async || inside
			inside = s.async
		case *forStatement:
			if inside && s.kind == loopFor {
				s.kind = loopAsyncEach
			}
			inside = s.kind != loopFor
		}
		found = found || inside
	}
	return found
}

func findBlocks(body []statement) []*blockStatement {
	var found []*blockStatement
	for _, s := range body {
		if block, ok := s.(*blockStatement); ok {
			found = append(found, block)
		}
		for _, inner := range visibleBodies(s) {
			found = append(found, findBlocks(inner)...)
		}
	}
	return found
}

// functionOf compiles a body as a JavaScript function of its own.
func (c *compiler) functionOf(outer *functionBody, scope *names, body []statement) *functionBody {
	return c.inFunction(outer, scope, func(f *functionBody) { f.code = c.body(body) })
}

// inFunction runs compile with a new function as the current one.
func (c *compiler) inFunction(outer *functionBody, scope *names, compile func(*functionBody)) *functionBody {
	saved := *c
	f := &functionBody{outer: outer}
	c.function, c.names, c.unscoped, c.deepest = f, scope, false, c.depth
	compile(f)
	f.height = c.deepest - c.depth + 1
	c.function, c.names, c.unscoped = saved.function, saved.names, saved.unscoped
	c.deepest = max(c.deepest, saved.deepest)
	return f
}

// enter guards the height of the tree; the caller defers leave.
func (c *compiler) enter() {
	c.depth++
	c.deepest = max(c.deepest, c.depth)
	if c.depth > maxHeight {
		panic(position{}.syntaxError("an expression has more than %d operations in a chain", maxHeight))
	}
	c.memory.charge(compiledBytes)
	if c.compiled++; c.compiled > maxNodes {
		panic(position{}.syntaxError("the template has more than %d parts", maxNodes))
	}
}

func (c *compiler) leave() { c.depth-- }

// body compiles statements that share a JavaScript block.
func (c *compiler) body(statements []statement) []instruction {
	c.enter()
	defer c.leave()
	code := make([]instruction, 0, len(statements))
	var callbacks []*resetInstruction
	for _, s := range statements {
		if text, ok := s.(textStatement); ok && text.text == "" {
			continue
		}
		code = append(code, c.statement(s))
		if at, ok := opensCallback(s); ok {
			if c.unscoped {
				panic(at.syntaxError("this tag cannot stand in the else of a loop or in a switch"))
			}
			callback := &resetInstruction{from: c.function.slots}
			code = append(code, callback)
			callbacks = append(callbacks, callback)
		}
	}
	for _, callback := range callbacks {
		callback.to = c.function.slots
	}
	return code
}

// opensCallback reports whether nunjucks puts the code after the statement into a callback, whose variables
// are new in each call.
func opensCallback(s statement) (position, bool) {
	switch s := s.(type) {
	case *blockStatement:
		return s.position, true
	case *referenceStatement:
		return s.position, true
	case *forStatement:
		return s.position, s.kind != loopFor
	case *ifStatement:
		return position{}, s.async
	}
	return position{}, false
}

// scopedBody compiles a body that may contain any tag.
func (c *compiler) scopedBody(statements []statement) []instruction {
	return c.bodyWithScope(statements, false)
}

// unscopedBody compiles a body for which nunjucks does not close callbacks.
func (c *compiler) unscopedBody(statements []statement) []instruction {
	return c.bodyWithScope(statements, true)
}

func (c *compiler) bodyWithScope(statements []statement, unscoped bool) []instruction {
	outer := c.unscoped
	c.unscoped = unscoped
	code := c.body(statements)
	c.unscoped = outer
	return code
}

func (c *compiler) statement(s statement) instruction {
	switch s := s.(type) {
	case textStatement:
		return textInstruction(s.text)
	case *outputStatement:
		return &outputInstruction{c.expression(s.value), s.position}
	case *ifStatement:
		return &ifInstruction{c.expression(s.condition), c.scopedBody(s.body), c.scopedBody(s.orElse)}
	case *forStatement:
		return c.loop(s)
	case *switchStatement:
		return c.switchTag(s)
	case *setStatement:
		return c.set(s)
	case *macroStatement:
		return c.macroTag(s)
	case *blockStatement:
		c.checkName(s.name, s.position)
		return &blockInstruction{s.name, s.position}
	case *referenceStatement:
		return c.reference(s)
	}
	panic(position{}.syntaxError("unknown statement %T", s))
}

// checkName rejects the characters that would break out of the JavaScript text nunjucks emits.
func (c *compiler) checkName(name string, at position) {
	if strings.ContainsAny(name, `"\`) {
		panic(at.syntaxError("%s is not a name", name))
	}
}

// declare makes name a new variable of the current function.
func (c *compiler) declare(name string) int {
	slot := c.function.newSlot()
	c.names.variables[name] = variable{function: c.function, slot: slot}
	return slot
}

func (c *compiler) loop(s *forStatement) instruction {
	length := c.function.newSlot()
	outer := c.names
	c.names = newNames(outer)
	defer func() { c.names = outer }()
	compiled := &loopInstruction{
		list: c.expression(s.list), length: length, position: s.position, destructures: len(s.names) > 1,
	}
	for _, child := range s.names {
		compiled.names = append(compiled.names, c.targetName(child, s.position))
	}
	if s.kind != loopFor {
		return c.asyncLoop(s, compiled)
	}
	compiled.items = c.loopBody(s, compiled.names)
	if compiled.destructures {
		compiled.pairs = c.loopBody(s, compiled.names[:2])
	}
	compiled.orElse = c.unscopedBody(s.orElse)
	return compiled
}

// loopBody declares the loop's variables and compiles its body.
func (c *compiler) loopBody(s *forStatement, declared []string) loopBody {
	var compiled loopBody
	for _, name := range declared {
		compiled.slots = append(compiled.slots, c.declare(name))
	}
	compiled.code = c.scopedBody(s.body)
	return compiled
}

// asyncLoop completes an asyncEach or asyncAll, whose body is a JavaScript function with the loop's variables
// for parameters.
func (c *compiler) asyncLoop(s *forStatement, loop *loopInstruction) instruction {
	for _, name := range loop.names {
		if !isIdentifier(name) {
			panic(s.syntaxError("%s cannot be the variable of an asynchronous loop", name))
		}
	}
	compiled := &asyncLoopInstruction{loopInstruction: loop, elseGiven: s.orElse != nil}
	compiled.reset.from = c.function.slots
	loop.items = c.loopBody(s, loop.names)
	compiled.reset.to = c.function.slots
	loop.orElse = c.unscopedBody(s.orElse)
	return compiled
}

// targetName returns the name that a loop or a set assigns to. The name may be quoted.
func (c *compiler) targetName(target node, at position) string {
	var name string
	switch target := target.(type) {
	case *symbolNode:
		name = target.name
	case *literalNode:
		name, _ = target.value.(string)
	}
	if name == "" || strings.Contains(name, ".") {
		panic(at.syntaxError("expected the name of a variable to set"))
	}
	c.checkName(name, at)
	// A variable of that name may hold an object of the caller, and loops would then write their counters
	// into it.
	c.mutates = c.mutates || name == loopName
	return name
}

func (c *compiler) switchTag(s *switchStatement) instruction {
	compiled := &switchInstruction{value: c.expression(s.value)}
	for _, branch := range s.cases {
		compiled.cases = append(compiled.cases, caseInstruction{
			condition: c.expression(branch.condition),
			code:      c.unscopedBody(branch.body),
			empty:     len(branch.body) == 0,
		})
	}
	compiled.orElse = c.unscopedBody(s.defaultBody)
	return compiled
}

func (c *compiler) set(s *setStatement) instruction {
	compiled := &setInstruction{position: s.position}
	for _, target := range s.targets {
		name := c.targetName(target, s.position)
		compiled.names = append(compiled.names, name)
		if v, ok := c.names.lookup(name); ok && !v.dead {
			compiled.variables = append(compiled.variables, c.local(v))
		}
	}
	if s.value != nil {
		compiled.value = c.expression(s.value)
	} else {
		compiled.value = c.expression(&captureNode{s.body})
	}
	return compiled
}

func (c *compiler) macroTag(s *macroStatement) instruction {
	macro := c.macro(s, nil, newNames(nil))
	name := c.targetName(s.name, s.position)
	global := c.names.outer == nil
	return &macroInstruction{macro: macro, name: name, slot: c.declare(name), global: global}
}

// macro compiles a macro or, when scope is inside the surrounding function's scope, the body of a call block.
func (c *compiler) macro(s *macroStatement, outer *functionBody, scope *names) *macro {
	compiled := &macro{}
	compiled.functionBody = c.inFunction(outer, scope, func(f *functionBody) {
		positional := s.arguments
		var defaults []pairNode
		if last := len(positional) - 1; last >= 0 {
			if dictionary, ok := positional[last].(*dictionaryNode); ok {
				positional, defaults = positional[:last], dictionary.pairs
			}
		}
		for _, argument := range positional {
			symbol, ok := argument.(*symbolNode)
			if !ok || !isIdentifier("l_"+symbol.name) {
				panic(s.syntaxError("the parameters of a macro must be names"))
			}
			compiled.positional = append(compiled.positional, symbol.name)
			compiled.slots = append(compiled.slots, c.parameter(symbol.name))
		}
		for _, pair := range defaults {
			compiled.keywords = append(compiled.keywords, c.targetName(pair.key, s.position))
			compiled.defaults = append(compiled.defaults, c.expression(pair.value))
		}
		f.code = c.body(s.body)
	})
	return compiled
}

// parameter declares a macro's parameter. A parameter that is named twice is one variable.
func (c *compiler) parameter(name string) int {
	if v, ok := c.names.variables[name]; ok {
		return v.slot
	}
	return c.declare(name)
}

func (c *compiler) reference(s *referenceStatement) instruction {
	compiled := &referenceInstruction{tag: s.tag, template: c.expression(s.template), ignoreMissing: s.ignoreMissing, position: s.position}
	for _, name := range s.names {
		c.names.variables[name] = variable{function: c.function, dead: true}
	}
	return compiled
}

// local returns the expression that reads a variable from the current function.
func (c *compiler) local(v variable) *localExpression {
	access := &localExpression{slot: v.slot}
	for f := c.function; f != v.function; f = f.outer {
		access.hops++
	}
	return access
}

var reservedWords = []string{
	"await", "break", "case", "catch", "class", "const", "continue", "debugger", "default", "delete", "do", "else", "enum",
	"export", "extends", "false", "finally", "for", "function", "if", "import", "in", "instanceof", "new", "null", "return",
	"super", "switch", "this", "throw", "true", "try", "typeof", "var", "void", "while", "with",
}

// isIdentifier reports whether JavaScript accepts name as the name of a parameter.
func isIdentifier(name string) bool {
	if name == "" || name[0] >= '0' && name[0] <= '9' || slices.Contains(reservedWords, name) {
		return false
	}
	return !strings.ContainsAny(name, "\"\\'`@;?&^\x00\v\f")
}
