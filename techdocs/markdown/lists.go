package markdown

import (
	"strings"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// A listKind is how lists of one kind are read.
type listKind struct {
	ordered bool
	// indent is how far an item is indented to be in the item before.
	indent int
	// mixed lists have items of both kinds.
	mixed bool
	// split says that a list ends at a blank line.
	split bool
	// numbered says that a list begins with the number of its first item.
	numbered bool
}

func (k listKind) tag() string {
	if k.ordered {
		return "ol"
	}

	return "ul"
}

func (k listKind) continues(tag string) bool {
	return tag == k.tag() || k.mixed && (tag == "ol" || tag == "ul")
}

// marker is the length of the marker of an item that line begins with after its indentation, and of the spaces after it, 0 if there is
// none.
func marker(line string, ordered, unordered bool) int {
	n := 0

	switch {
	case line == "":
		return 0
	case unordered && (line[0] == '*' || line[0] == '+' || line[0] == '-'):
		n = 1
	case ordered:
		for n < len(line) && line[n] >= '0' && line[n] <= '9' {
			n++
		}

		if n == 0 || n == len(line) || line[n] != '.' {
			return 0
		}

		n++
	default:
		return 0
	}

	blanks := indentOf(line[n:])
	if blanks == 0 {
		return 0
	}

	return n + blanks
}

// item is where the text of the item that line begins with is, or 0 if it begins with none.
func (k listKind) item(line string, ordered, unordered bool) int {
	indent := indentOf(line)
	if indent >= k.indent {
		return 0
	}

	if n := marker(line[indent:], ordered, unordered); n > 0 {
		return indent + n
	}

	return 0
}

// nested says that the line is an item that is indented by one level.
func (k listKind) nested(line string) bool {
	indent := indentOf(line)

	return indent >= k.indent && indent < 2*k.indent && marker(line[indent:], true, true) > 0
}

// items splits a block, whose first line is an item, at its items.
func (k listKind) items(block string) []string {
	var items []string

	begin, nested := 0, false

	for start := 0; start <= len(block); {
		end, next := lineEnd(block, start)
		line := block[start:end]

		if n := k.item(line, k.ordered || k.mixed, !k.ordered || k.mixed); n > 0 {
			if start > 0 {
				items = append(items, block[begin:start-1])
			}

			begin, nested = start+n, strings.HasPrefix(line[n:], spaces(k.indent))
		} else if k.nested(line) && !nested {
			items = append(items, block[begin:start-1])
			begin, nested = start, true
		}

		start = next
	}

	return append(items, block[begin:])
}

// read is the processor of lists of this kind.
func (k listKind) read(p *page, parent *tree.Element, blocks *queue) bool {
	block := blocks.next()
	end, _ := lineEnd(block, 0)

	if k.item(block[:end], k.ordered, !k.ordered) == 0 || p.depth > maxDepth-10 {
		return false
	}

	items := k.items(blocks.pop())
	last := parent.Last()
	list := parent

	switch {
	case last != nil && k.continues(last.Tag) && (!k.split || last.Tag == "ol") && last.Last() != nil:
		list = last
		loosen(list.Last())
		p.within(inLooseList, func() { p.parseOne(list.Add("li"), items[0]) })

		items = items[1:]
	case parent.Tag == "ol" || parent.Tag == "ul":
	default:
		list = parent.Add(k.tag())

		if k.numbered && k.ordered {
			if number := startOf(block); number != "1" {
				list.Set("start", number)
			}
		}
	}

	p.within(inTightList, func() {
		for _, item := range items {
			if strings.HasPrefix(item, spaces(k.indent)) && list.Last() != nil {
				p.parseOne(list.Last(), item)
			} else {
				p.parseOne(list.Add("li"), item)
			}
		}
	})

	return true
}

func startOf(block string) string {
	block = strings.TrimLeft(block, " ")

	return block[:strings.IndexByte(block, '.')]
}

// loosen puts what an item says into paragraphs.
func loosen(item *tree.Element) {
	wrapText(item)

	if last := item.Last(); last != nil && last.Tail != "" {
		item.Add("p").SetText(trimLeft(last.Tail))

		last.Tail = ""
	}
}

// A listContent is how indented blocks that belong to the item before are read.
type listContent struct {
	indent int
	// definitions are items, too.
	definitions bool
}

func (c listContent) isItem(tag string) bool { return tag == "li" || c.definitions && tag == "dd" }

func (c listContent) isList(e *tree.Element) bool {
	return e != nil && (e.Tag == "ul" || e.Tag == "ol" || c.definitions && e.Tag == "dl")
}

func (c listContent) read(p *page, parent *tree.Element, blocks *queue) bool {
	if !strings.HasPrefix(blocks.next(), spaces(c.indent)) || p.in(inIndented) ||
		!c.isItem(parent.Tag) && !c.isList(parent.Last()) || p.depth > maxDepth-10 {
		return false
	}

	block := blocks.pop()
	level, target := c.level(p, parent, block)
	block = looseDetab(block, level*c.indent)

	p.within(inIndented, func() { c.add(p, parent, target, block) })

	return true
}

func (c listContent) add(p *page, parent, target *tree.Element, block string) {
	switch {
	case c.isItem(parent.Tag) && c.isList(parent.Last()):
		p.parseOne(parent.Last(), block)
	case c.isItem(parent.Tag):
		p.parseOne(parent, block)
	case c.isItem(target.Tag):
		p.parseOne(target, block)
	case target.Last() != nil && c.isItem(target.Last().Tag):
		item := target.Last()
		wrapText(item)
		p.parseText(item, block)
	case c.definitions:
		p.parseOne(target.Add("dd"), block)
	default:
		p.parseOne(target.Add("li"), block)
	}
}

// level is how many levels of lists a block is indented by, and the list or item it belongs to.
func (c listContent) level(p *page, parent *tree.Element, block string) (int, *tree.Element) {
	wanted := indentOf(block) / c.indent

	level := 0
	if p.in(inTightList) {
		level = 1
	}

	for wanted > level {
		last := parent.Last()
		if !c.isList(last) && (last == nil || !c.isItem(last.Tag)) {
			break
		}

		if c.isList(last) {
			level++
		}

		parent = last
	}

	return level, parent
}
