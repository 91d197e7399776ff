package markdown

import (
	"bytes"
	"slices"
	"strings"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

func (r *rawReader) emit(text string) {
	if text != "" {
		r.out = append(r.out, text)
	}
}

// lastEmitted is what was emitted last.
func (r *rawReader) lastEmitted() string {
	if len(r.out) == 0 {
		return ""
	}

	return r.out[len(r.out)-1]
}

func (r *rawReader) stashCache() {
	r.emit(r.page.stash.Store(r.cache.String()))
	r.cache.Reset()
}

// close ends what is still open.
func (r *rawReader) close() {
	if r.data != "" {
		r.text(r.data)
	}

	if r.cache.Len() > 0 {
		r.stashCache()
	}

	if len(r.open) > 0 {
		r.end(r.open[0].element.Tag)
	}
}

// start handles a start tag.
func (r *rawReader) start(tag rawTag) {
	if !r.inner {
		r.startRaw(tag)

		return
	}

	if tag.name == "hr" && (r.atLineStart() || r.inTail) {
		r.emptyTag(withoutMarkdown(tag), true)

		return
	}

	block := tree.IsBlock(tag.name)
	if block && (r.atLineStart() || r.inTail || len(r.open) > 0 && r.open[len(r.open)-1].started) {
		state := r.stateOf(tag)
		if r.inRaw || state == "off" && len(r.open) == 0 {
			r.startRaw(tag)
		} else {
			r.openElement(tag, state)
		}

		return
	}

	if r.inRaw {
		r.startRaw(tag)

		return
	}

	r.inline(tag.text)

	if tag.name == "script" || tag.name == "style" {
		r.cdata = ""
	}
}

// withoutMarkdown is an empty tag as it is written into the page.
func withoutMarkdown(tag rawTag) string {
	element := tree.New(tag.name)

	found := false

	for _, attr := range tag.attrs {
		if attr.Key == "markdown" {
			found = true
		} else {
			element.Set(attr.Key, attr.Value)
		}
	}

	if !found {
		return tag.text
	}

	return strings.Replace(element.HTML(), " />", ">", 1)
}

// inline handles a tag that is part of a text.
func (r *rawReader) inline(text string) {
	if len(r.open) > 0 && r.open[len(r.open)-1].state == "off" {
		text = r.page.stash.Store(text)
	}

	r.text(text)
}

func (r *rawReader) startRaw(tag rawTag) {
	if tag.name == "hr" {
		r.selfClosing(tag)

		return
	}

	if tree.IsBlock(tag.name) && (r.inTail || r.atLineStart() && !r.inRaw) {
		r.inRaw = true
		r.emit("\n")
	}

	if r.inRaw {
		r.stack = append(r.stack, tag.name)
		r.cache.WriteString(tag.text)

		return
	}

	r.emit(tag.text)

	if tag.name == "script" || tag.name == "style" {
		// It stands alone, presumably in code.
		r.cdata = ""
	}
}

func (r *rawReader) selfClosing(tag rawTag) {
	text := tag.text
	if r.inner && tag.name == "hr" {
		text = withoutMarkdown(tag)
	}

	r.emptyTag(text, tree.IsBlock(tag.name))
}

// end handles an end tag.
func (r *rawReader) end(name string) {
	text := r.endTagText(name)

	switch {
	case r.inRaw || !r.inner:
		r.endRaw(name, text)
	case tree.IsBlock(name) && r.isOpen(name):
		r.closeElement(name, text)
	default:
		r.inline(text)
	}
}

func (r *rawReader) endTagText(name string) string {
	start := r.position()
	if k := strings.IndexByte(r.data[start:], '>'); k >= 0 {
		return r.data[start : start+k+1]
	}

	return "</" + name + ">"
}

func (r *rawReader) endRaw(name, text string) {
	if !r.inRaw {
		r.emit(text)

		return
	}

	r.cache.WriteString(text)

	for i, open := range slices.Backward(r.stack) {
		if open == name {
			r.stack = r.stack[:i]

			break
		}
	}

	if len(r.stack) > 0 {
		return
	}

	if r.beforeBlank(r.position() + len(text)) {
		r.cache.WriteByte('\n')
	} else {
		r.inTail = true
	}

	r.inRaw = false
	r.stashCache()
	r.emit("\n\n")
}

// text handles text, and tags that are part of it.
func (r *rawReader) text(text string) {
	if r.inTail && strings.IndexByte(text, '\n') >= 0 {
		r.inTail = false
	}

	switch {
	case r.inRaw:
		r.cache.WriteString(text)
	case len(r.open) == 0:
		r.emit(text)
	default:
		r.open[len(r.open)-1].started = false
		r.addText(text)
	}
}

// emptyTag handles a tag without end tag, a comment, or an entity.
func (r *rawReader) emptyTag(text string, block bool) {
	switch {
	case r.inRaw || len(r.open) == 0:
		r.emptyRaw(text, block)
	case r.atLineStart() && block:
		r.text("\n" + r.page.stash.Store(text) + "\n\n")
	default:
		r.inline(text)
	}
}

func (r *rawReader) emptyRaw(text string, block bool) {
	switch {
	case r.inRaw || r.inTail:
		r.cache.WriteString(text)
	case r.atLineStart() && block:
		if r.beforeBlank(r.position() + len(text)) {
			text += "\n"
		} else {
			r.inTail = true
		}

		r.separate()
		r.emit(r.page.stash.Store(text))
		r.emit("\n\n")
	default:
		r.emit(text)
	}
}

// separate adds a line break if there is only one.
func (r *rawReader) separate() {
	if last := r.lastEmitted(); strings.HasSuffix(last, "\n") && !strings.HasSuffix(last, "\n\n") {
		r.emit("\n")
	}
}

//nolint:gochecknoglobals // Constant tables.
var (
	spanTags = setOf("address dd dt h1 h2 h3 h4 h5 h6 legend li p summary td th")
	rawTags  = setOf("canvas math option pre script style textarea")
)

func setOf(words string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		set[word] = true
	}

	return set
}

func isBlockContent(tag string) bool {
	return tree.IsBlock(tag) && !spanTags[tag] && !rawTags[tag] && tag != "hr"
}

// stateOf says how the content of an element is read: "block", "span" or "off".
func (r *rawReader) stateOf(tag rawTag) string {
	attr := "0"

	for _, a := range tag.attrs {
		if a.Key == "markdown" {
			attr = a.Value
		}
	}

	if attr == "markdown" {
		attr = "1"
	}

	if len(r.open) > 0 {
		if parent := r.open[len(r.open)-1].state; parent == "off" || parent == "span" && attr != "0" {
			attr = parent
		}
	}

	switch {
	case attr == "1" && isBlockContent(tag.name), attr == "block" && (isBlockContent(tag.name) || spanTags[tag.name]):
		return "block"
	case attr == "1" && spanTags[tag.name], attr == "span" && (isBlockContent(tag.name) || spanTags[tag.name]):
		return "span"
	}

	return "off"
}

func (r *rawReader) isOpen(name string) bool {
	for _, open := range r.open {
		if open.element.Tag == name {
			return true
		}
	}

	return false
}

func (r *rawReader) openElement(tag rawTag, state string) {
	if r.isOpen("p") {
		r.end("p")
	}

	element := tree.New(tag.name)
	for _, attr := range tag.attrs {
		element.Set(attr.Key, attr.Value)
	}

	element.Set("markdown", state)

	if len(r.open) > 0 {
		parent := r.open[len(r.open)-1].element
		parent.Append(element)
	} else {
		r.builder = element
	}

	r.last = nil
	r.open = append(r.open, &openElement{element: element, state: state, started: true})
}

// addText adds to the text of the innermost element, or after its last child.
func (r *rawReader) addText(text string) {
	element := r.open[len(r.open)-1].element
	if last := element.Last(); last != nil {
		last.Tail += text
	} else {
		element.Text += text
	}
}

// closeElement ends an element with the attribute markdown, and what is open in it.
func (r *rawReader) closeElement(name, text string) {
	for len(r.open) > 0 {
		top := r.open[len(r.open)-1]
		r.open = r.open[:len(r.open)-1]

		if top.element.Tag == name {
			break
		}
	}

	if len(r.open) > 0 {
		return
	}

	element := r.builder
	r.builder = nil
	r.separate()
	r.flatten(element)
	r.emit(r.page.stash.StoreElement(element))
	r.emit("\n\n")

	if !r.beforeBlank(r.position() + len(text)) {
		r.inTail = true
	}
}

// flatten replaces the children of an element by marks in its text, so that the text is read as one.
func (r *rawReader) flatten(root *tree.Element) {
	todo := []*tree.Element{root}

	for len(todo) > 0 {
		current := todo[0]
		todo = todo[1:]

		text := []byte(current.Text)

		for _, child := range current.Children {
			tail := child.Tail
			child.Tail = ""

			if tail != "\n" {
				tail = "\n" + strings.TrimRight(tail, "\n")
			}

			if !bytes.HasSuffix(text, []byte("\n\n")) {
				text = append(bytes.TrimRight(text, "\n"), "\n\n"...)
			}

			if child.Get("markdown") == "off" {
				child.All(func(e *tree.Element) bool {
					e.Unset("markdown")

					return true
				})
			} else {
				todo = append(todo, child)
			}

			text = append(text, r.page.stash.StoreElement(child)...)
			text = append(text, tail...)
		}

		current.Text = string(text)
		current.Children = nil
	}
}

// markedElement reads a mark of an element with the attribute markdown.
func markedElement(p *page, parent *tree.Element, blocks *queue) bool {
	number, length := tree.StashMark(blocks.next())
	if length == 0 || number >= p.stash.Len() || p.stash.At(number).Element == nil || p.depth > maxDepth-10 {
		return false
	}

	block := blocks.pop()
	element := p.stash.At(number).Element
	parent.Append(element)
	p.readElement(element)
	p.stash.Put(number, tree.Stashed{})

	if rest := block[length:]; rest != "" {
		blocks.push(rest)
	}

	return true
}

// readElement reads the content of an element as its attribute markdown says.
func (p *page) readElement(element *tree.Element) {
	state := element.Get("markdown")
	element.Unset("markdown")

	switch state {
	case "block":
		if text := element.Text; text != "" {
			element.SetText("")
			p.parseText(element, strings.TrimRight(text, "\n"))
		}
	case "span":
		p.readSpan(element)
	default:
		element.TextFinal = true

		for _, child := range element.Children {
			p.readElement(child)

			child.TailFinal = true
		}
	}
}

// readSpan puts the elements back whose marks are in the text of an element.
func (p *page) readSpan(element *tree.Element) {
	text := element.Text
	element.SetText("")

	add := func(part string) {
		if last := element.Last(); last != nil {
			last.Tail += part
		} else {
			element.Text += part
		}
	}

	for {
		i := strings.Index(text, tree.StashPrefix)
		if i < 0 {
			break
		}

		number, length := tree.StashMark(text[i:])
		if length == 0 || number >= p.stash.Len() || p.stash.At(number).Element == nil {
			add(text[:i+1])
			text = text[i+1:]

			continue
		}

		add(text[:i])

		child := p.stash.At(number).Element
		element.Append(child)
		p.readElement(child)
		p.stash.Put(number, tree.Stashed{})

		text = text[i+length:]
	}

	add(text)
}
