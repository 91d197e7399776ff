package yamltext

import (
	"context"
	"errors"
	"slices"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// Merge merges a value into the document: members of objects one by one, scalars and lists in place of those
// that are there. With joinLists the items of a list come after those that are there, each scalar once. The
// document's comments and styles stay.
func (d *Document) Merge(ctx context.Context, value Value, joinLists bool) error {
	added, err := newNodes(ctx, value)
	if err != nil {
		return err
	}
	if d.root.kind == scalarKind && d.root.value == nil {
		d.replaceRoot(added)
		return nil
	}
	if d.root.kind != mappingKind || added.kind != mappingKind {
		return errors.New("only an object can be merged into an object")
	}
	mergeInto(d.root, added, func(lower, upper []*node) []*node {
		if !joinLists {
			return upper
		}
		return joinDistinct(lower, upper)
	})
	return nil
}

// replaceRoot puts a node in the place of the root, whose comments stay.
func (d *Document) replaceRoot(with *node) {
	with.before, with.after, with.below = d.root.before, d.root.after, d.root.below
	d.root = with
}

// mergeInto merges mappings. lists says what becomes of two lists.
func mergeInto(lower, upper *node, lists func(lower, upper []*node) []*node) {
	for _, added := range upper.pairs {
		there := lower.member(added.key)
		if there == nil {
			lower.pairs = append(lower.pairs, added)
			continue
		}
		switch value := there.value.resolved(); {
		case value.kind == mappingKind && added.value.kind == mappingKind:
			mergeInto(value, added.value, lists)
		case value.kind == sequenceKind && added.value.kind == sequenceKind:
			value.items = lists(value.items, added.value.items)
		case value.kind == scalarKind && added.value.kind == scalarKind:
			value.value, value.source = added.value.value, ""
			value.style = keptStyle(value.style, added.value.value)
		default:
			added.value.before, added.value.after = there.value.before, there.value.after
			there.value = added.value
		}
	}
}

// keptStyle is the style of a scalar that has a new value: quotes stay, if it is a string still.
func keptStyle(before style, value Value) style {
	if _, isText := value.(string); isText && (before == singleStyle || before == doubleStyle) {
		return before
	}
	return ""
}

// resolved is the target of an alias, and any other node itself.
func (n *node) resolved() *node {
	if n.kind == aliasKind {
		return n.target
	}
	return n
}

// member finds the member of a mapping that has the same name as a key.
func (n *node) member(key *node) *pair {
	name, isName := keyText(key)
	if !isName {
		return nil
	}
	for _, each := range n.pairs {
		if other, isName := keyText(each.key); isName && other == name {
			return each
		}
	}
	return nil
}

// joinDistinct joins lists without the scalars that are there already.
func joinDistinct(lower, upper []*node) []*node {
	joined := slices.Clip(lower)
	for _, item := range upper {
		isThere := func(other *node) bool {
			return other.kind == scalarKind && item.kind == scalarKind && other.value == item.value
		}
		if !slices.ContainsFunc(joined, isThere) {
			joined = append(joined, item)
		}
	}
	return joined
}

// Lists says what Overlay does with two lists.
type Lists string

const (
	// AppendLists puts the items of the upper list after those of the lower one, PrependLists before them.
	AppendLists  Lists = "concat"
	PrependLists Lists = "prepend"
	// ReplaceLists drops the lower list.
	ReplaceLists Lists = "replace"
	// UniteLists appends the items that are not written alike in the lower list.
	UniteLists Lists = "unique"
)

// Overlay merges another document into the document. A value of the other one takes the place of one that is
// there, with its comments. A document without content changes nothing.
func (d *Document) Overlay(ctx context.Context, upper *Document, lists Lists) error {
	isEmpty := func(root *node) bool { return root.kind == scalarKind && root.value == nil }
	if isEmpty(upper.root) {
		return nil
	}
	if isEmpty(d.root) {
		d.replaceRoot(upper.root)
		return nil
	}
	o := overlay{ctx: ctx, lists: lists}
	merged := o.merge(d.root, upper.root)
	if merged != d.root {
		d.replaceRoot(merged)
	}
	return o.err
}

// overlay is one merge of two documents.
type overlay struct {
	ctx   context.Context //nolint:containedctx // it lives as long as one call
	lists Lists
	err   error
}

func (o *overlay) merge(lower, upper *node) *node {
	switch {
	case lower.kind == mappingKind && upper.kind == mappingKind:
		for _, added := range upper.pairs {
			if there := lower.member(added.key); there != nil {
				there.value = o.merge(there.value, added.value)
			} else {
				lower.pairs = append(lower.pairs, added)
			}
		}
		return lower
	case lower.kind == sequenceKind && upper.kind == sequenceKind:
		lower.items = o.join(lower.items, upper.items)
		return lower
	}
	return upper
}

func (o *overlay) join(lower, upper []*node) []*node {
	switch o.lists {
	case PrependLists:
		return slices.Concat(upper, lower)
	case ReplaceLists:
		return upper
	case UniteLists:
		return o.unite(lower, upper)
	case AppendLists:
	}
	return slices.Concat(lower, upper)
}

func (o *overlay) unite(lower, upper []*node) []*node {
	seen := map[string]bool{}
	for _, item := range lower {
		seen[o.text(item)] = true
	}
	for _, item := range upper {
		if text := o.text(item); !seen[text] {
			seen[text] = true
			lower = append(lower, item)
		}
	}
	return lower
}

// text is an item as it is written by itself.
func (o *overlay) text(item *node) string {
	alone := *item
	alone.before, alone.after, alone.below, alone.spaced = "", "", "", false
	text, err := (&Document{root: &alone}).Write(o.ctx, Options{})
	o.err = errors.Join(o.err, err)
	return text
}

// Get returns the value of a member of the document, nunjucks.Undefined when there is none.
func (d *Document) Get(name string) (Value, error) {
	there := d.root.member(&node{value: name})
	if there == nil {
		return nunjucks.Undefined, nil
	}
	return (&Document{root: there.value}).Value()
}
