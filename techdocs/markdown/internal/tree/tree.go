// Package tree is the document between the parser of blocks and the HTML: elements that have text before their first child, and text after
// their end, as in ElementTree, which the language was written for. Both texts may be marked as final, so that nothing within them is
// read as markup any more.
package tree

import (
	"slices"
	"strings"
)

// An Element is one HTML element.
type Element struct {
	// Tag is the name of the element. It may have capital letters if it comes from raw HTML.
	Tag   string
	Attrs []Attr
	// Text is before the first child, and Tail after the end of the element, in its parent.
	Text, Tail string
	// TextFinal and TailFinal say that the text is not read as markup (Python-Markdown's AtomicString).
	TextFinal, TailFinal bool
	Children             []*Element
}

// Attr is one attribute.
type Attr struct{ Key, Value string }

// New makes an element with attributes given as key and value in turn.
func New(tag string, attrs ...string) *Element {
	element := &Element{Tag: tag}
	for i := 0; i+1 < len(attrs); i += 2 {
		element.Attrs = append(element.Attrs, Attr{attrs[i], attrs[i+1]})
	}

	return element
}

// Add appends a new element to the children of e.
func (e *Element) Add(tag string, attrs ...string) *Element {
	child := New(tag, attrs...)
	e.Children = append(e.Children, child)

	return child
}

// Append adds elements after the last child.
func (e *Element) Append(children ...*Element) { e.Children = append(e.Children, children...) }

// Insert puts elements before the child with index i.
func (e *Element) Insert(i int, children ...*Element) {
	e.Children = slices.Insert(e.Children, i, children...)
}

// Remove takes a child, with its tail, out of the children.
func (e *Element) Remove(child *Element) {
	if i := e.Index(child); i >= 0 {
		e.Children = slices.Delete(e.Children, i, i+1)
	}
}

// Index is the position of a child, or -1.
func (e *Element) Index(child *Element) int { return slices.Index(e.Children, child) }

// Last is the last child, or nil. It is nil for a nil element, too.
func (e *Element) Last() *Element {
	if e == nil || len(e.Children) == 0 {
		return nil
	}

	return e.Children[len(e.Children)-1]
}

// Get is the value of an attribute, or "".
func (e *Element) Get(key string) string {
	value, _ := e.Lookup(key)

	return value
}

// Lookup is the value of an attribute, and whether it is there.
func (e *Element) Lookup(key string) (string, bool) {
	for _, attr := range e.Attrs {
		if attr.Key == key {
			return attr.Value, true
		}
	}

	return "", false
}

// Set gives an attribute a value.
func (e *Element) Set(key, value string) {
	for i := range e.Attrs {
		if e.Attrs[i].Key == key {
			e.Attrs[i].Value = value

			return
		}
	}

	e.Attrs = append(e.Attrs, Attr{key, value})
}

// Unset removes an attribute.
func (e *Element) Unset(key string) {
	e.Attrs = slices.DeleteFunc(e.Attrs, func(attr Attr) bool { return attr.Key == key })
}

// SetText gives the element a text that is read as markup.
func (e *Element) SetText(text string) { e.Text, e.TextFinal = text, false }

// SetFinal gives the element a text that is not read as markup.
func (e *Element) SetFinal(text string) { e.Text, e.TextFinal = text, true }

// All calls visit with the element and all its descendants, in the order of the document, until visit returns false. Visit may
// change the children of the element that it is called with, and they are visited then.
func (e *Element) All(visit func(*Element) bool) bool {
	if !visit(e) {
		return false
	}

	for _, child := range e.Children {
		if !child.All(visit) {
			return false
		}
	}

	return true
}

// InnerText is the text of the element and of its descendants, without the tail.
func (e *Element) InnerText() string {
	var text strings.Builder

	e.innerText(&text)

	return text.String()
}

func (e *Element) innerText(text *strings.Builder) {
	text.WriteString(e.Text)

	for _, child := range e.Children {
		child.innerText(text)
		text.WriteString(child.Tail)
	}
}

// Clone is a deep copy.
func (e *Element) Clone() *Element {
	clone := *e
	clone.Attrs = slices.Clone(e.Attrs)
	clone.Children = make([]*Element, len(e.Children))

	for i, child := range e.Children {
		clone.Children[i] = child.Clone()
	}

	return &clone
}
