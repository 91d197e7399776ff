package nunjucks

// The syntax tree, as nunjucks' parser builds it. Operators have the precedence of nunjucks' grammar here;
// the compiler applies JavaScript's.

// node is an expression of the syntax tree.
type node interface{ isNode() }

type (
	literalNode struct{ value Value }
	regexNode   struct {
		body, flags string
		position
	}
	symbolNode struct {
		name string
		position
	}
	// groupNode is a parenthesized list; its value is that of its last child.
	groupNode struct {
		children []node
		position
	}
	arrayNode struct{ children []node }
	// dictionaryNode is a dictionary, or the keyword arguments of a call.
	dictionaryNode struct {
		pairs    []pairNode
		keywords bool
	}
	pairNode struct {
		key, value node
		position
	}
	callNode struct {
		callee    node
		arguments []node
		position
	}
	filterNode struct {
		name      string
		arguments []node
		position
	}
	lookupNode struct {
		target, key node
		position
	}
	// unaryNode is one of "not", "-", "+".
	unaryNode struct {
		operator string
		target   node
		position
	}
	// binaryNode is an operator in JavaScript's spelling, or one of "~", "//", "**", "in", "is".
	binaryNode struct {
		operator    string
		left, right node
		position
	}
	inlineIfNode struct{ condition, body, orElse node }
	// sliceNode is a[start:stop:step] of the Jinja compatibility; absent parts are nil.
	sliceNode struct{ start, stop, step node }
	// captureNode is the text that statements produce.
	captureNode struct{ body []statement }
	// callerNode is the body of a call block, as a function.
	callerNode struct{ macro *macroStatement }
)

func (*literalNode) isNode()    {}
func (*regexNode) isNode()      {}
func (*symbolNode) isNode()     {}
func (*groupNode) isNode()      {}
func (*arrayNode) isNode()      {}
func (*dictionaryNode) isNode() {}
func (*callNode) isNode()       {}
func (*filterNode) isNode()     {}
func (*lookupNode) isNode()     {}
func (*unaryNode) isNode()      {}
func (*binaryNode) isNode()     {}
func (*inlineIfNode) isNode()   {}
func (*sliceNode) isNode()      {}
func (*captureNode) isNode()    {}
func (*callerNode) isNode()     {}

// statement is a part of a template's body.
type statement interface{ isStatement() }

type (
	textStatement   struct{ text string }
	outputStatement struct {
		value node
		// inner is the body of a filter or call block; value contains it, too.
		inner []statement
		position
	}
	ifStatement struct {
		condition    node
		body, orElse []statement
		// async is set by ifAsync, and on every if that has an asynchronous tag inside.
		async bool
	}
	forStatement struct {
		kind         loopKind
		names        []node
		list         node
		body, orElse []statement
		position
	}
	switchStatement struct {
		value        node
		cases        []switchCase
		defaultBody  []statement
		defaultGiven bool
	}
	switchCase struct {
		condition node
		body      []statement
	}
	setStatement struct {
		targets []node
		// value is nil when body is captured.
		value node
		body  []statement
		position
	}
	macroStatement struct {
		name      node
		arguments []node
		body      []statement
		position
	}
	blockStatement struct {
		name string
		body []statement
		// usesSuper is true when it calls super(), which always fails because there is no parent.
		usesSuper bool
		position
	}
	// referenceStatement is include, extends, import or from, which refer to another template.
	referenceStatement struct {
		tag           string
		template      node
		ignoreMissing bool
		// names are the variables that an import would define.
		names []string
		position
	}
)

func (textStatement) isStatement()       {}
func (*outputStatement) isStatement()    {}
func (*ifStatement) isStatement()        {}
func (*forStatement) isStatement()       {}
func (*switchStatement) isStatement()    {}
func (*setStatement) isStatement()       {}
func (*macroStatement) isStatement()     {}
func (*blockStatement) isStatement()     {}
func (*referenceStatement) isStatement() {}

// loopKind is the kind of a loop. The asynchronous ones run immediately like the others, but differ in
// details.
type loopKind uint8

const (
	loopFor loopKind = iota
	loopAsyncEach
	loopAsyncAll
)
