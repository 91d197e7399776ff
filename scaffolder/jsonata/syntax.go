package jsonata

import "github.com/portico-dev/portico/scaffolder/nunjucks"

// nodeKind is what a part of an expression is.
type nodeKind string

const (
	nameNode       nodeKind = "name"
	stringNode     nodeKind = "string"
	numberNode     nodeKind = "number"
	valueNode      nodeKind = "value"
	regexNode      nodeKind = "regex"
	variableNode   nodeKind = "variable"
	wildcardNode   nodeKind = "wildcard"
	descendantNode nodeKind = "descendant"
	parentNode     nodeKind = "parent"
	operatorNode   nodeKind = "operator"
	binaryNode     nodeKind = "binary"
	negationNode   nodeKind = "negation"
	arrayNode      nodeKind = "array"
	objectNode     nodeKind = "object"
	groupNode      nodeKind = "group"
	filterNode     nodeKind = "filter"
	sortNode       nodeKind = "sort"
	functionNode   nodeKind = "function"
	partialNode    nodeKind = "partial"
	lambdaNode     nodeKind = "lambda"
	conditionNode  nodeKind = "condition"
	elvisNode      nodeKind = "elvis"
	coalesceNode   nodeKind = "coalesce"
	blockNode      nodeKind = "block"
	bindNode       nodeKind = "bind"
	focusNode      nodeKind = "focus"
	indexNode      nodeKind = "index"
	applyNode      nodeKind = "apply"
	transformNode  nodeKind = "transform"
	pathNode       nodeKind = "path"
	endNode        nodeKind = "end"
)

// node is a part of an expression. The parser makes the tree, and process resolves its paths.
type node struct {
	kind     nodeKind
	position int
	// text is a name or an operator, value a literal.
	text  string
	value nunjucks.Value
	// left and right are operands. left is also what is called, filtered, sorted or grouped.
	left, right *node
	// items are the arguments of a call, the items of a list, the expressions of a block.
	items []*node
	pairs [][2]*node
	// then and otherwise are the branches of a condition, whose left is the condition.
	then, otherwise *node
	// body, parameters and signature are those of a function. A thunk is a call in tail position.
	body       *node
	parameters []string
	signature  *signature
	isThunk    bool
	// pattern, update and deletion are those of a transformation.
	pattern, update, deletion *node
	terms                     []sortTerm

	// The rest is set by process.

	steps []*node
	// predicates filter the result, stages that of a step for each item.
	predicates, stages []stage
	group              *grouping
	// keepArray and keepSingleton keep a list of one item a list.
	keepArray, keepSingleton bool
	// isConstructor says that an array constructor must not be flattened.
	isConstructor bool
	// isTuple says that a step binds variables, which needs a stream of tuples. focus and index are the names
	// of variables for the item and its position.
	isTuple      bool
	focus, index string
	// ancestor is the slot into which a step puts its input, for a parent operator; slot is that operator's.
	ancestor, slot *slot
	// seeking are the slots that are not resolved yet.
	seeking []*slot
}

// sortTerm is an expression to sort by.
type sortTerm struct {
	isDescending bool
	expression   *node
}

// stage filters the result of a step, or binds the position of its items to a variable.
type stage struct {
	filter *node
	index  string
}

// grouping makes an object of a sequence.
type grouping struct {
	pairs    [][2]*node
	position int
}

// slot is the ancestor that a parent operator asks for.
type slot struct {
	label        string
	level, index int
}
