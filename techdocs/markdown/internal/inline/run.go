package inline

import (
	"strconv"
	"strings"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// placeholder begins the mark that stands for something found, until the text is done.
const placeholder = tree.STX + "klzzwxh:"

// A found construct is an element, or a text that is not read again.
type found struct {
	element *tree.Element
	text    string
}

// A match is where a construct is in the text, and what it is.
type match struct {
	start, end int
	found      found
	// skip: there is nothing, and the search goes on at end.
	skip bool
}

// A pattern finds one kind of construct.
type pattern struct {
	// trigger has the characters of which a text with the construct contains one, at least.
	trigger string
	// find returns the first match at or after pos. Characters before floor were replaced by a mark: what looks back must not see them.
	find func(r *reader, data string, pos, floor int) (match, bool)
	// outsideLinks: it does not count within an element a.
	outsideLinks bool
	// again: what is before a match, and was none, may become one when the match is replaced by a mark. So the search begins anew there.
	again bool
}

// A reader reads the texts of one document with one list of patterns.
type reader struct {
	patterns []*pattern
	doc      *Document
	stash    []found
	// inLink says that the text is within an element a.
	inLink bool
	// work is how much may be looked at more than once. When it is used up, constructs that need this are not found any more: it keeps
	// hostile input from taking long, and no page that somebody wrote comes near.
	work int
	scan scan
}

// A scan is what is remembered while one text is read.
type scan struct {
	// rejected is the position of the first thing that looked like the construct, and was none, since the last match. -1: none.
	rejected int
	// brackets has for each opening bracket of the text bracketsOf where it is closed, or -1.
	brackets   []int32
	bracketsOf string
	ticks      tickMemo
}

// workLimit is the work for each document, beside what its size gives.
const workLimit = 4 << 20

func run(patterns []*pattern, root *tree.Element, doc *Document) {
	r := &reader{patterns: patterns, doc: doc, work: workLimit}
	queue := []queued{{element: root}}

	for len(queue) > 0 {
		item := queue[0]
		queue = append(queue[1:], r.children(item)...)
	}
}

type queued struct {
	element *tree.Element
	inLink  bool
}

// children reads the texts of the children of an element, and returns the elements whose children are to be read.
func (r *reader) children(item queued) []queued {
	var (
		next   []queued
		texts  []elementsOf
		parent = item.element
		inLink = item.inLink || isLink(parent)
	)

	for i := 0; ; i++ { // children are added on the way
		if i >= len(parent.Children) {
			break
		}

		child := parent.Children[i]
		below := inLink || isLink(child)

		if child.Text != "" && !child.TextFinal {
			r.inLink = below
			text := r.read(child.Text, 0)
			child.Text = ""

			elements := r.resolve(text, child, true)
			for _, element := range elements {
				next = append(next, queued{element, below})
			}

			if len(elements) > 0 {
				texts = append(texts, elementsOf{child, elements})
			}
		}

		if child.Tail != "" {
			r.inLink = inLink
			elements := r.tail(child)
			parent.Insert(i+1, elements...)
		}

		if len(child.Children) > 0 {
			next = append(next, queued{child, inLink})
		}
	}

	for _, found := range texts {
		found.parent.Insert(0, found.elements...)
	}

	return next
}

// elementsOf are elements that were found in the text of another one.
type elementsOf struct {
	parent   *tree.Element
	elements []*tree.Element
}

func (r *reader) tail(child *tree.Element) []*tree.Element {
	text := child.Tail
	if !child.TailFinal {
		text = r.read(text, 0)
	}

	holder := &tree.Element{TailFinal: child.TailFinal}
	elements := r.resolve(text, holder, false)
	child.Tail = holder.Tail

	return elements
}

func isLink(element *tree.Element) bool { return strings.EqualFold(element.Tag, "a") }

// read replaces the constructs in a text by marks, beginning with the pattern of the given number.
func (r *reader) read(data string, first int) string {
	var present [256]bool
	for i := range len(data) {
		present[data[i]] = true
	}

	r.work += len(data)

	outer := r.scan
	r.scan = scan{}

	for number := first; number < len(r.patterns); number++ {
		p := r.patterns[number]
		if p.outsideLinks && r.inLink || !p.triggered(&present) {
			continue
		}

		data = r.apply(p, data, number)
	}

	r.scan = outer

	return data
}

func (p *pattern) triggered(present *[256]bool) bool {
	for i := range len(p.trigger) {
		if present[p.trigger[i]] {
			return true
		}
	}

	return false
}

// apply replaces all matches of a pattern.
func (r *reader) apply(p *pattern, data string, number int) string {
	var (
		out    strings.Builder
		copied int // data before it is in out
		pos    int
	)

	r.scan.rejected = -1

	for pos <= len(data) {
		m, ok := p.find(r, data, pos, copied)
		if !ok {
			break
		}

		if m.skip {
			pos = m.end

			continue
		}

		rejected := r.scan.rejected
		mark := r.store(m.found, number)

		if p.again && rejected >= 0 && r.work > len(data) {
			r.work -= len(data)
			data = out.String() + data[copied:m.start] + mark + data[m.end:]
			pos = out.Len() + max(rejected-copied, 0)
			copied = 0
			out.Reset()
		} else {
			out.WriteString(data[copied:m.start])
			out.WriteString(mark)
			pos, copied = m.end, m.end
		}

		r.scan.rejected = -1
	}

	if copied == 0 {
		return data
	}

	out.WriteString(data[copied:])

	return out.String()
}

// reject notes that something at pos looks like the construct, and is none.
func (r *reader) reject(pos int) {
	if r.scan.rejected < 0 {
		r.scan.rejected = pos
	}
}

// store reads the texts of a found element, and returns the mark for it.
func (r *reader) store(f found, number int) string {
	if element := f.element; element != nil && !element.TextFinal {
		inLink := r.inLink

		r.texts(element, number, inLink)

		for _, child := range element.Children {
			r.texts(child, number, inLink)
		}

		r.inLink = inLink
	}

	r.stash = append(r.stash, f)

	// Four digits, as in the original: where that takes the end of a mark for a URL, they show.
	digits := strconv.Itoa(len(r.stash) - 1)
	digits = strings.Repeat("0", max(4-len(digits), 0)) + digits

	return placeholder + digits + tree.ETX
}

// texts reads the text of an element with the patterns after its own, and its tail with its own and those after it.
func (r *reader) texts(element *tree.Element, number int, inLink bool) {
	if element.Text != "" && !element.TextFinal {
		r.inLink = inLink || isLink(element)
		element.Text = r.read(element.Text, number+1)
	}

	if element.Tail != "" && !element.TailFinal {
		r.inLink = inLink
		element.Tail = r.read(element.Tail, number)
	}
}

// markAt is the number of the placeholder that data begins with at pos, and its length. The length is 0 if there is none.
func (r *reader) markAt(data string, pos int) (number, length int) {
	digits := pos + len(placeholder)
	if !strings.HasPrefix(data[pos:], placeholder) {
		return 0, 0
	}

	end := strings.Index(data[digits:], tree.ETX)
	if end <= 0 {
		return 0, 0
	}

	number, err := strconv.Atoi(data[digits : digits+end])
	if err != nil || number < 0 || number >= len(r.stash) {
		return 0, 0
	}

	return number, len(placeholder) + end + len(tree.ETX)
}

// resolve puts the text with its marks back together: the text up to the first element is appended to the text (or tail) of parent, and
// the elements are returned, with their tails.
func (r *reader) resolve(data string, parent *tree.Element, isText bool) []*tree.Element {
	var (
		elements []*tree.Element
		text     joined
	)

	if indexFrom(data, placeholder, 0) < 0 && parent.Text == "" && isText {
		parent.Text = data

		return nil
	}

	flush := func() {
		switch {
		case text.isEmpty():
		case len(elements) > 0:
			last := elements[len(elements)-1]
			last.Tail, last.TailFinal = last.Tail+text.String(), false
		case isText:
			parent.Text += text.String()
		default:
			parent.Tail += text.String()
		}

		text = joined{}
	}

	start := 0

	for {
		index := indexFrom(data, placeholder, start)
		if index < 0 {
			break
		}

		number, length := r.markAt(data, index)
		if length == 0 {
			text.add(data[start : index+len(placeholder)])
			start = index + len(placeholder)

			continue
		}

		text.add(data[start:index])
		start = index + length

		if element := r.stash[number].element; element != nil {
			flush()
			r.resolveElement(element)

			elements = append(elements, element)
		} else {
			text.add(r.stash[number].text)
		}
	}

	text.add(data[start:])
	flush()

	return elements
}

// joined is a text of parts. One part is not copied.
type joined struct {
	only  string
	parts strings.Builder
}

func (j *joined) add(part string) {
	switch {
	case part == "":
	case j.only == "" && j.parts.Len() == 0:
		j.only = part
	default:
		if j.parts.Len() == 0 {
			j.parts.WriteString(j.only)
			j.only = ""
		}

		j.parts.WriteString(part)
	}
}

func (j *joined) isEmpty() bool { return j.only == "" && j.parts.Len() == 0 }

func (j *joined) String() string {
	if j.only != "" {
		return j.only
	}

	return j.parts.String()
}

// resolveElement replaces the marks in the texts of an element and of its children.
func (r *reader) resolveElement(element *tree.Element) {
	children := append([]*tree.Element{element}, element.Children...)
	for _, child := range children {
		if hasMark(child.Tail) {
			text := child.Tail
			child.Tail = ""
			elements := r.resolve(text, child, false)

			at := 0
			if child != element {
				at = element.Index(child) + 1
			}

			element.Insert(at, elements...)
		}

		if hasMark(child.Text) {
			text := child.Text
			child.Text = ""
			child.Insert(0, r.resolve(text, child, true)...)
		}
	}
}

func hasMark(text string) bool { return strings.Contains(text, placeholder) }

// unmark replaces the marks in a text by the text that they stand for.
func (r *reader) unmark(text string) string {
	if !hasMark(text) {
		return text
	}

	var out strings.Builder

	for {
		index := strings.Index(text, placeholder)
		if index < 0 {
			break
		}

		out.WriteString(text[:index])

		number, length := r.markAt(text, index)
		if length == 0 {
			out.WriteString(placeholder)
			text = text[index+len(placeholder):]

			continue
		}

		if element := r.stash[number].element; element != nil {
			out.WriteString(element.InnerText())
		} else {
			out.WriteString(r.stash[number].text)
		}

		text = text[index+length:]
	}

	out.WriteString(text)

	return out.String()
}
