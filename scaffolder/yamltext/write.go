package yamltext

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/portico-dev/portico/scaffolder/budget"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// maxTextBytes bounds what is written.
const maxTextBytes = 16 << 20

// Write writes a value as a document. An object or a list that is in it twice gets an anchor and an alias. The
// memory counts in the context's account.
func Write(ctx context.Context, value Value, options Options) (string, error) {
	built, err := newNodes(ctx, value)
	if err != nil {
		return "", err
	}
	return (&Document{root: built}).Write(ctx, options)
}

// Write writes the document.
func (d *Document) Write(ctx context.Context, options Options) (text string, err error) {
	w := &writer{
		ctx: ctx, options: options,
		step:    strings.Repeat(" ", orDefault(options.Indent, 2, maxIndent)),
		width:   orDefault(options.LineWidth, 80, maxWidth),
		content: orDefault(options.MinContentWidth, 20, maxWidth),
	}
	if isTrue(options.FlowCollectionPadding, true) {
		w.padding = " "
	}
	defer func() {
		if failed, is := recover().(failure); is {
			text, err = "", failed.err
		}
	}()
	w.options.Directives = w.options.Directives || d.hasStart
	return w.document(d.root), nil
}

// failure carries an error from the depth of the writer to Write.
type failure struct{ err error }

// newNodes makes the nodes of a value.
func newNodes(ctx context.Context, value Value) (built *node, err error) {
	n := &nodes{account: budget.Of(ctx), ctx: ctx, seen: map[any]*node{}}
	defer func() {
		if failed, is := recover().(failure); is {
			built, err = nil, failed.err
		}
	}()
	return n.of(value, 0), nil
}

// nodes makes nodes of values.
type nodes struct {
	ctx     context.Context //nolint:containedctx // it lives as long as one call
	account *budget.Account
	seen    map[any]*node
	anchors int
}

// valueNodeBytes is the memory of the node of a value.
const valueNodeBytes = 256

func (n *nodes) of(value Value, depth int) *node {
	if depth > maxDepth {
		panic(failure{fmt.Errorf("the value is nested more than %d levels deep", maxDepth)})
	}
	if err := n.account.Acquire(n.ctx, valueNodeBytes); err != nil {
		panic(failure{err})
	}
	switch value := value.(type) {
	case *nunjucks.Object:
		if alias := n.alias(value); alias != nil {
			return alias
		}
		built := &node{kind: mappingKind, pairs: make([]*pair, 0, value.Len())}
		n.seen[value] = built
		for key, member := range value.All() {
			if member == nunjucks.Undefined {
				continue
			}
			built.pairs = append(built.pairs, &pair{&node{value: key}, n.of(member, depth+1)})
		}
		return built
	case *nunjucks.Array:
		if alias := n.alias(value); alias != nil {
			return alias
		}
		built := &node{kind: sequenceKind, items: make([]*node, 0, len(value.Items))}
		n.seen[value] = built
		for _, item := range value.Items {
			built.items = append(built.items, n.of(item, depth+1))
		}
		return built
	case nil, bool, float64, string:
		return &node{value: value}
	}
	return &node{} // undefined, or a function
}

// alias returns an alias for a collection that has a node already, nil when it has none.
func (n *nodes) alias(collection any) *node {
	target := n.seen[collection]
	if target == nil {
		return nil
	}
	if target.anchor == "" {
		n.anchors++
		target.anchor = fmt.Sprintf("a%d", n.anchors)
	}
	return &node{kind: aliasKind, anchor: target.anchor, target: target}
}

// writer writes one document.
type writer struct {
	ctx     context.Context //nolint:containedctx // it lives as long as one call
	options Options
	step    string
	padding string
	// width is the option lineWidth, content is minContentWidth.
	width, content int
	written        int
}

// place is where a node is written.
type place struct {
	indent string
	// flow is true within a flow collection, and false when all collections are written as blocks; nil
	// leaves it to each of them.
	flow *bool
	// isKey says that the text must fit in a line, since a colon follows.
	isKey bool
	// column is where the first line begins, 0 for the indentation.
	column int
	// step is how much deeper than its parent the node is indented.
	step int
	// forceBlock indents a block scalar at the top.
	forceBlock bool
}

func (p place) inFlow() bool { return p.flow != nil && *p.flow }

// charge counts text that is made.
func (w *writer) charge(text string) string {
	if w.written += len(text); w.written > 8*maxTextBytes {
		panic(failure{fmt.Errorf("the YAML would be longer than %d bytes", maxTextBytes)})
	}
	if err := budget.Of(w.ctx).Acquire(w.ctx, len(text)); err != nil {
		panic(failure{err})
	}
	if err := w.ctx.Err(); err != nil {
		panic(failure{fmt.Errorf("writing YAML was stopped: %w", err)})
	}
	return text
}

func (w *writer) document(root *node) string {
	at := place{forceBlock: root.below != ""}
	switch w.options.CollectionStyle {
	case "block":
		at.flow = new(bool)
	case "flow":
		inside := true
		at.flow = &inside
	}
	var out strings.Builder
	if root.before != "" {
		out.WriteString(commentLines(root.before, "") + "\n\n")
	}
	body := w.node(root, at)
	if root.after != "" {
		body += lineComment(body, "", root.after)
	}
	if w.options.Directives {
		separator := "\n"
		if strings.HasPrefix(body, "|") || strings.HasPrefix(body, ">") {
			separator = " "
		}
		body = "---" + separator + body
	}
	out.WriteString(body)
	if root.below != "" {
		if !strings.HasSuffix(body, "\n") {
			out.WriteString("\n\n")
		}
		out.WriteString(commentLines(root.below, ""))
	}
	return w.charge(out.String() + "\n")
}

func (w *writer) node(n *node, at place) string {
	if n.kind == aliasKind {
		return "*" + n.anchor
	}
	props := ""
	if n.anchor != "" {
		props = "&" + n.anchor
		at.column += len(props) + 1
	}
	var text string
	switch n.kind {
	case mappingKind, sequenceKind:
		text = w.collection(n, at)
	case scalarKind, aliasKind:
		text = w.scalar(n, at)
	}
	switch {
	case props == "":
		return text
	case n.kind == scalarKind || strings.HasPrefix(text, "{") || strings.HasPrefix(text, "["):
		return props + " " + text
	}
	return props + "\n" + at.indent + text
}

func (w *writer) collection(n *node, at place) string {
	isFlow := n.flow
	if at.flow != nil {
		isFlow = *at.flow
	}
	if isFlow {
		return w.flowCollection(n, at)
	}
	return w.blockCollection(n, at)
}

// entry is an item or a member as it is in its collection.
type entry struct {
	// spaced, before and below are those of the item or of the member's key, after that of the item.
	spaced               bool
	before, after, below string
	write                func(at place) string
}

func (w *writer) entries(n *node) []entry {
	if n.kind == sequenceKind {
		entries := make([]entry, len(n.items))
		for i, item := range n.items {
			entries[i] = entry{item.spaced, item.before, item.after, item.below, func(at place) string { return w.node(item, at) }}
		}
		return entries
	}
	entries := make([]entry, len(n.pairs))
	for i, each := range n.pairs {
		entries[i] = entry{each.key.spaced, each.key.before, "", each.key.below, func(at place) string { return w.pair(each, at) }}
	}
	return entries
}

func (w *writer) blockCollection(n *node, at place) string {
	inside := place{indent: at.indent, flow: at.flow, step: 2}
	prefix, empty := "", "{}"
	if n.kind == sequenceKind {
		inside.indent += "  "
		prefix, empty = "- ", "[]"
	}
	var lines []string
	for _, each := range w.entries(n) {
		if isOpen := len(lines) > 0 && strings.HasSuffix(lines[len(lines)-1], "\n"); each.spaced && !isOpen {
			lines = append(lines, "")
		}
		if each.before != "" {
			lines = append(lines, strings.TrimLeft(commentLines(each.before, at.indent), " \n"))
		}
		text := each.write(inside)
		if each.after != "" {
			text += lineComment(text, inside.indent, each.after)
		}
		lines = append(lines, prefix+text)
		if each.below != "" {
			lines = append(lines, strings.TrimLeft(commentLines(each.below, at.indent), " \n"))
		}
	}
	if len(lines) == 0 {
		return empty
	}
	return w.charge(joinLines(lines, "\n"+at.indent))
}

// joinLines joins lines with a separator before each but the first. Empty lines are not indented.
func joinLines(lines []string, separator string) string {
	var out strings.Builder
	for i, line := range lines {
		switch {
		case i == 0:
			out.WriteString(line)
		case line == "":
			out.WriteByte('\n')
		default:
			out.WriteString(separator + line)
		}
	}
	return out.String()
}

func (w *writer) flowCollection(n *node, at place) string {
	start, end := "{", "}"
	inside := place{indent: at.indent + w.step, flow: new(bool)}
	*inside.flow = true
	if n.kind == sequenceKind {
		start, end = "[", "]"
		inside.indent += "  "
	}
	entries := w.entries(n)
	var lines []string
	breaks, total := false, 2
	for i, each := range entries {
		if each.spaced {
			lines = append(lines, "")
		}
		if each.before != "" {
			lines = append(lines, strings.TrimLeft(commentLines(each.before, at.indent), " \n"))
		}
		breaks = breaks || each.spaced || each.before != "" || each.after != ""
		text := each.write(inside)
		breaks = breaks || strings.Contains(text, "\n")
		if i < len(entries)-1 {
			text += ","
		}
		if each.after != "" {
			text += lineComment(text, inside.indent, each.after)
		}
		total += length(text) + 2
		lines = append(lines, text)
	}
	switch {
	case len(lines) == 0:
		return start + end
	case breaks || w.width > 0 && total > w.width:
		return w.charge(joinLines(append([]string{start}, lines...), "\n"+w.step+at.indent) + "\n" + at.indent + end)
	}
	return w.charge(start + w.padding + strings.Join(lines, " ") + w.padding + end)
}

func (w *writer) pair(p *pair, outer place) string {
	if value := p.value; p.key.after != "" && !value.flow && len(value.pairs)+len(value.items) > 0 {
		// A comment behind a key whose value is a block comes above the value.
		key, lowered := *p.key, *value
		key.after, lowered.before = "", joinComments(key.after, value.before)
		p = &pair{&key, &lowered}
	}
	isExplicit := w.isExplicit(p.key)
	at := place{indent: outer.indent + w.step, flow: outer.flow, isKey: !isExplicit, step: len(w.step)}
	key := w.node(p.key, at)
	if !isExplicit && !outer.inFlow() {
		isExplicit = w.isLong(key)
	}
	text := key + ":"
	if isExplicit {
		text = "? " + key + "\n" + outer.indent + ":"
	}
	if p.key.after != "" {
		text += lineComment(text, at.indent, p.key.after)
	}
	at.isKey = false
	if !isExplicit && p.key.after == "" && p.value.kind == scalarKind {
		at.column = length(text) + 1
	}
	isPlainList := p.value.kind == sequenceKind && !p.value.flow && p.value.anchor == ""
	if !isTrue(w.options.IndentSeq, true) && len(w.step) >= 2 && !outer.inFlow() && !isExplicit && isPlainList {
		at.indent = at.indent[2:]
	}
	value := w.node(p.value, at)
	text += w.between(p, at, value, isExplicit) + value
	if p.value.after != "" && (p.value.kind == scalarKind || p.value.kind == aliasKind || p.value.flow) {
		text += lineComment(text, at.indent, p.value.after)
	}
	return w.charge(text)
}

// isExplicit reports whether a key needs "? " before it.
func (w *writer) isExplicit(key *node) bool {
	isCollection := key.kind == mappingKind || key.kind == sequenceKind
	if w.options.SimpleKeys && isCollection {
		panic(failure{errors.New("with simple keys, a collection cannot be used as a key")})
	}
	return !w.options.SimpleKeys && (isCollection || key.style == foldedStyle || key.style == literalStyle)
}

// isLong reports whether a key is too long for a key without "? " before it.
func (w *writer) isLong(key string) bool {
	const maxKey = 1024
	isLong := length(key) > maxKey
	if isLong && w.options.SimpleKeys {
		panic(failure{fmt.Errorf("with simple keys, a key must not be longer than %d characters", maxKey)})
	}
	return isLong
}

// between is the white space between a key and its value.
func (w *writer) between(p *pair, at place, value string, isExplicit bool) string {
	isCollection := p.value.kind == mappingKind || p.value.kind == sequenceKind
	switch {
	case p.key.after != "" || p.value.before != "":
		space := ""
		if p.value.before != "" {
			space += "\n" + commentLines(p.value.before, at.indent)
		}
		if value == "" && !at.inFlow() {
			return space
		}
		return space + "\n" + at.indent
	case !isExplicit && isCollection:
		isFlow := p.value.flow || len(p.value.pairs)+len(p.value.items) == 0
		if at.flow != nil {
			isFlow = *at.flow
		}
		hasLines := strings.Contains(value, "\n")
		if (hasLines || !isFlow) && !(hasLines && hasPropsLine(value)) {
			return "\n" + at.indent
		}
	case value == "" || value[0] == '\n':
		return ""
	}
	return " "
}

// hasPropsLine reports whether the first line of a collection is its anchor.
func hasPropsLine(value string) bool {
	first, _, _ := strings.Cut(value, "\n")
	return strings.HasPrefix(first, "&") && !strings.Contains(first, " ")
}

func (w *writer) scalar(n *node, at place) string {
	switch value := n.value.(type) {
	case string:
		return w.charge(w.text(value, n.style, at))
	case bool:
		if n.source != "" {
			return n.source
		}
		if value {
			return textOr(w.options.TrueStr, "true")
		}
		return textOr(w.options.FalseStr, "false")
	case float64:
		if n.source != "" {
			return n.source
		}
		return numberText(value)
	}
	if n.style == plainStyle {
		return n.source // It comes from a document, where null may be an empty text.
	}
	return textOr(w.options.NullStr, "null")
}

func numberText(value float64) string {
	switch {
	case math.IsNaN(value):
		return ".nan"
	case math.IsInf(value, 1):
		return ".inf"
	case math.IsInf(value, -1):
		return "-.inf"
	case value == 0 && math.Signbit(value):
		return "-0"
	}
	return nunjucks.FormatNumber(value)
}

// commentLines writes the lines of a comment with their # and the indentation.
func commentLines(text, indent string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		switch line {
		case "":
		case " ":
			lines[i] = indent + "#"
		default:
			lines[i] = indent + "#" + line
		}
	}
	return strings.Join(lines, "\n")
}

// lineComment is a comment behind a text, in its last line if both fit there.
func lineComment(text, indent, written string) string {
	switch {
	case strings.HasSuffix(text, "\n"):
		return commentLines(written, indent)
	case strings.Contains(written, "\n"):
		return "\n" + commentLines(written, indent)
	case strings.HasSuffix(text, " "):
		return commentLines(written, "")
	}
	return " " + commentLines(written, "")
}
