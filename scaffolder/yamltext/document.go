package yamltext

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/portico-dev/portico/scaffolder/budget"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// Value is a value of package nunjucks.
type Value = nunjucks.Value

// Document is one YAML document with its comments and styles.
type Document struct {
	root *node
	// hasStart says that the document begins with ---.
	hasStart bool
}

// kind is what a node is.
type kind int

const (
	scalarKind kind = iota
	mappingKind
	sequenceKind
	aliasKind
)

// style is how a string is written. The zero value leaves it to the options.
type style string

const (
	plainStyle   style = "PLAIN"
	doubleStyle  style = "QUOTE_DOUBLE"
	singleStyle  style = "QUOTE_SINGLE"
	foldedStyle  style = "BLOCK_FOLDED"
	literalStyle style = "BLOCK_LITERAL"
)

// node is a value in a document.
type node struct {
	kind kind
	// value is that of a scalar. source is its text in the document, for scalars that are no strings.
	value  Value
	source string
	style  style
	// flow collections have brackets.
	flow bool
	// pairs are the members of a mapping, items those of a sequence.
	pairs []*pair
	items []*node
	// anchor is the name of a node that aliases refer to. An alias has a target, and its anchor.
	anchor string
	target *node
	// before are the lines of comments above, after is the comment in the same line, below are those after
	// the last member of a collection.
	before, after, below string
	// spaced says that an empty line comes before.
	spaced bool
}

// pair is a member of a mapping. The value is nil for a key without one.
type pair struct{ key, value *node }

// Limits of documents.
const (
	// maxDepth bounds the nesting.
	maxDepth = 1_000
	// nodeBytes is the memory that the parser and the document take for a node, textBytes that for a byte of text.
	nodeBytes, textBytes = 400, 3
	// maxAliased bounds how many nodes all aliases of a document may stand for: a few lines of them can stand
	// for more than any memory holds.
	maxAliased = 100_000
)

// ErrSeveral says that a text has more than the one document that was asked for.
var ErrSeveral = errors.New("the source contains multiple documents")

// Parse reads the value of the only document in a text. A text without one is null.
func Parse(ctx context.Context, text string) (Value, error) {
	documents, err := ParseDocuments(ctx, text)
	switch {
	case err != nil:
		return nil, err
	case len(documents) == 0:
		return nil, nil
	case len(documents) > 1:
		return nil, ErrSeveral
	}
	return documents[0].Value()
}

// ParseAll reads the values of all documents in a text.
func ParseAll(ctx context.Context, text string) ([]Value, error) {
	documents, err := ParseDocuments(ctx, text)
	if err != nil {
		return nil, err
	}
	values := make([]Value, len(documents))
	for n, document := range documents {
		if values[n], err = document.Value(); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// ParseDocuments reads all documents in a text. Their memory counts in the context's account.
func ParseDocuments(ctx context.Context, text string) ([]*Document, error) {
	if err := budget.Of(ctx).Acquire(ctx, nodeBytes*mostNodes(text)+textBytes*len(text)); err != nil {
		return nil, err
	}
	var documents []*Document
	decoder := yaml.NewDecoder(strings.NewReader(text))
	blank := blankLines(text)
	for {
		var parsed yaml.Node
		err := decoder.Decode(&parsed)
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
		}
		built, err := newBuilder(blank).document(&parsed)
		if err != nil {
			return nil, err
		}
		isFirst := len(documents) == 0
		documents = append(documents, &Document{built, isFirst && documentStart.MatchString(text)})
	}
}

// mostNodes is how many nodes a text may have, judged by the characters that begin one.
func mostNodes(text string) int {
	nodes := 1 + 2*strings.Count(text, ":")
	for _, mark := range []string{",", "[", "{", "- ", "-\n", "-\r", "-\t", "? "} {
		nodes += strings.Count(text, mark)
	}
	return nodes
}

// documentStart finds the marker at the beginning of a text.
var documentStart = regexp.MustCompile(`\A(?:[ \t]*(?:#.*)?\n)*---\s`)

// blankLines tells which lines of a text are empty, the first being number 1.
func blankLines(text string) map[int]bool {
	blank := map[int]bool{}
	number := 0
	for line := range strings.Lines(text) {
		if number++; strings.TrimSpace(line) == "" {
			blank[number] = true
		}
	}
	return blank
}

// builder makes nodes of those of the parser.
type builder struct {
	blank map[int]bool
	built map[*yaml.Node]*node
}

func newBuilder(blank map[int]bool) *builder {
	return &builder{blank: blank, built: map[*yaml.Node]*node{}}
}

func (b *builder) document(parsed *yaml.Node) (*node, error) {
	if parsed.Kind != yaml.DocumentNode || len(parsed.Content) == 0 {
		return &node{kind: scalarKind}, nil
	}
	root, err := b.node(parsed.Content[0], 0)
	if err != nil {
		return nil, err
	}
	root.before = joinComments(comment(parsed.HeadComment), root.before)
	root.below = joinComments(root.below, comment(parsed.FootComment))
	root.raiseComment()
	return root, nil
}

// raiseComment makes the comment after the last member of a collection one after the collection.
func (n *node) raiseComment() {
	var last *node
	switch {
	case len(n.pairs) > 0:
		last = n.pairs[len(n.pairs)-1].key
	case len(n.items) > 0:
		last = n.items[len(n.items)-1]
	default:
		return
	}
	n.below, last.below = joinComments(last.below, n.below), ""
}

func joinComments(above, below string) string {
	if above == "" || below == "" {
		return above + below
	}
	return above + "\n\n" + below
}

// comment removes the # from the lines of a comment.
func comment(text string) string {
	if text == "" {
		return ""
	}
	lines := strings.Split(text, "\n")
	for n, line := range lines {
		if line = strings.TrimSpace(line); line == "#" {
			line = "# "
		}
		lines[n] = strings.TrimPrefix(line, "#")
	}
	return strings.Join(lines, "\n")
}

func (b *builder) node(parsed *yaml.Node, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("line %d: the document is nested more than %d levels deep", parsed.Line, maxDepth)
	}
	built := &node{
		flow: parsed.Style&yaml.FlowStyle != 0, anchor: parsed.Anchor,
		before: comment(parsed.HeadComment), after: comment(parsed.LineComment), below: comment(parsed.FootComment),
		spaced: b.isSpaced(parsed),
	}
	b.built[parsed] = built
	var err error
	switch parsed.Kind {
	case yaml.MappingNode:
		built.kind = mappingKind
		built.pairs, err = b.pairs(parsed, depth)
	case yaml.SequenceNode:
		built.kind = sequenceKind
		built.items, err = b.items(parsed, depth)
	case yaml.AliasNode:
		built.kind, built.anchor = aliasKind, parsed.Value
		if built.target = b.built[parsed.Alias]; built.target == nil {
			err = fmt.Errorf("line %d: unresolved alias: the anchor %s must be set before", parsed.Line, parsed.Value)
		}
	default:
		b.scalar(parsed, built)
	}
	return built, err
}

// isSpaced reports whether an empty line is above a node and its comments.
func (b *builder) isSpaced(parsed *yaml.Node) bool {
	first := parsed.Line
	if parsed.HeadComment != "" {
		first -= strings.Count(parsed.HeadComment, "\n") + 1
	}
	return b.blank[first-1]
}

func (b *builder) pairs(parsed *yaml.Node, depth int) ([]*pair, error) {
	pairs := make([]*pair, 0, len(parsed.Content)/2)
	seen := map[string]bool{}
	for n := 0; n+1 < len(parsed.Content); n += 2 {
		key, err := b.node(parsed.Content[n], depth+1)
		if err != nil {
			return nil, err
		}
		if name, isName := keyText(key); isName && name != mergeKey {
			if seen[name] {
				return nil, fmt.Errorf("line %d: the key %q is there twice: map keys must be unique", parsed.Content[n].Line, name)
			}
			seen[name] = true
		}
		value, err := b.node(parsed.Content[n+1], depth+1)
		if err != nil {
			return nil, err
		}
		value.spaced = false // An empty line between a key and its value is not kept.
		pairs = append(pairs, &pair{key, value})
	}
	if len(pairs) > 0 {
		pairs[0].key.spaced = false
	}
	return pairs, nil
}

func (b *builder) items(parsed *yaml.Node, depth int) ([]*node, error) {
	items := make([]*node, 0, len(parsed.Content))
	for _, each := range parsed.Content {
		item, err := b.node(each, depth+1)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	if len(items) > 0 {
		items[0].spaced = false
	}
	return items, nil
}

func (b *builder) scalar(parsed *yaml.Node, built *node) {
	built.style = styleOf(parsed.Style)
	isPlain := built.style == plainStyle
	switch {
	case parsed.Tag == "!!str" && parsed.Style&yaml.TaggedStyle != 0, parsed.Tag == "!", !isPlain && parsed.Style&yaml.TaggedStyle == 0:
		built.value = parsed.Value
	default:
		built.value = resolve(parsed.Value)
		built.source = parsed.Value
	}
	if _, isText := built.value.(string); !isText {
		built.style = plainStyle
	}
}

func styleOf(parsed yaml.Style) style {
	switch {
	case parsed&yaml.DoubleQuotedStyle != 0:
		return doubleStyle
	case parsed&yaml.SingleQuotedStyle != 0:
		return singleStyle
	case parsed&yaml.LiteralStyle != 0:
		return literalStyle
	case parsed&yaml.FoldedStyle != 0:
		return foldedStyle
	}
	return plainStyle
}

// keyText is a key as the name of an object's member.
func keyText(key *node) (name string, isName bool) {
	if key.kind == aliasKind {
		key = key.target
	}
	if key.kind != scalarKind {
		return "", false
	}
	switch value := key.value.(type) {
	case string:
		return value, true
	case float64:
		return nunjucks.FormatNumber(value), true
	case bool:
		return fmt.Sprint(value), true
	}
	return "", true
}

// mergeKey is the key whose value's members are added to its object.
const mergeKey = "<<"

// Value returns the document's value. An alias is the same object or list as its target. The members of a
// merge key are those of its object, which is a difference from the npm package: it takes << for a name.
func (d *Document) Value() (Value, error) {
	if err := d.checkAliases(); err != nil {
		return nil, err
	}
	return (&evaluation{values: map[*node]Value{}}).value(d.root)
}

// checkAliases refuses a document whose aliases stand for too much.
func (d *Document) checkAliases() error {
	sizes := map[*node]int{}
	total := 0
	var size func(n *node) int
	size = func(n *node) int {
		if known, ok := sizes[n]; ok {
			return known
		}
		sizes[n] = maxAliased + 1 // A node that contains itself.
		sum := 1
		switch n.kind {
		case aliasKind:
			sum = size(n.target)
			total = min(total+sum, maxAliased+1)
		case mappingKind:
			for _, each := range n.pairs {
				sum += size(each.key) + size(each.value)
			}
		case sequenceKind:
			for _, each := range n.items {
				sum += size(each)
			}
		case scalarKind:
		}
		sizes[n] = min(sum, maxAliased+1)
		return sizes[n]
	}
	size(d.root)
	if total > maxAliased {
		return fmt.Errorf("the aliases stand for more than %d values, or for something that contains itself", maxAliased)
	}
	return nil
}

// evaluation makes the values of a document.
type evaluation struct{ values map[*node]Value }

func (e *evaluation) value(n *node) (Value, error) {
	if known, ok := e.values[n]; ok {
		return known, nil
	}
	var value Value
	var err error
	switch n.kind {
	case aliasKind:
		return e.value(n.target)
	case mappingKind:
		value, err = e.object(n)
	case sequenceKind:
		list := &nunjucks.Array{Items: make([]Value, len(n.items))}
		for i, item := range n.items {
			if list.Items[i], err = e.value(item); err != nil {
				return nil, err
			}
		}
		value = list
	case scalarKind:
		value = n.value
	}
	if err != nil {
		return nil, err
	}
	e.values[n] = value
	return value, nil
}

func (e *evaluation) object(n *node) (Value, error) {
	object := nunjucks.NewObject()
	merged := nunjucks.NewObject()
	for _, each := range n.pairs {
		name, isName := keyText(each.key)
		if !isName {
			return nil, errors.New("a key that is an object or a list has no name")
		}
		value, err := e.value(each.value)
		if err != nil {
			return nil, err
		}
		if name == mergeKey && each.key.style == plainStyle && addMerged(merged, value) {
			continue
		}
		object.Set(name, value)
	}
	if merged.Len() == 0 {
		return object, nil
	}
	for name, value := range object.All() {
		merged.Set(name, value)
	}
	return merged, nil
}

// addMerged adds the members of the value of a merge key, which is an object or a list of them. The first of a
// name counts.
func addMerged(to *nunjucks.Object, from Value) bool {
	switch from := from.(type) {
	case *nunjucks.Object:
		for name, value := range from.All() {
			if _, exists := to.Get(name); !exists {
				to.Set(name, value)
			}
		}
		return true
	case *nunjucks.Array:
		for _, item := range from.Items {
			if _, isObject := item.(*nunjucks.Object); !isObject {
				return false
			}
		}
		for _, item := range from.Items {
			addMerged(to, item)
		}
		return true
	}
	return false
}
