package inline

import (
	"strings"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// Emphasis and its like are elements between runs of one character: *em*, **strong**, ^^insert^^, ~sub~, ==mark==. The patterns below say
// the same as the regular expressions of pymdown-extensions, each of which is a sequence: a run that opens, content, perhaps a run that
// ends the inner element and more content, and a run that closes. Content is as short as possible.

// look is a condition on the character before or after a run.
type look uint8

const (
	anything    look = iota
	noSpace          // no white space
	noSpaceSelf      // neither white space nor the character of the run
	noWord           // no letter, digit or underscore
	noSelf           // not the character of the run
	smart            // an underscore, or neither a word character nor that of the run
)

func (l look) fits(char rune, self byte) bool {
	switch l {
	case noSpace:
		return !isSpace(char)
	case noSpaceSelf:
		return !isSpace(char) && char != rune(self)
	case noWord:
		return !isWord(char)
	case noSelf:
		return char != rune(self)
	case smart:
		return char == '_' || !isWord(char) && char != rune(self)
	default:
		return true
	}
}

// content says what may be between runs.
type content uint8

const (
	all        content = iota // everything
	limited                   // runs of the character only between two words or two spaces
	spaced                    // the character only after white space, or alone
	single                    // the character only if not two of it are before
	plain                     // never the character, except alone: once or twice
	runs                      // runs of the character only if longer than one
	solid                     // everything but white space, or the character alone
	solidRuns                 // as runs, without white space
	solidPlain                // as plain, without white space
	never                     // never the character
	nothing                   // everything, or nothing at all
)

func (c content) solid() bool { return c == solid || c == solidRuns || c == solidPlain }

// past is the position after the character (or run of it) at pos, or -1 if content cannot contain it.
func (c content) past(data string, pos int, self byte) int {
	switch c {
	case all, solid, nothing:
		return pos + 1
	case limited:
		end := pos + runLength(data, pos, self)
		left, right := before(data, pos, 0), at(data, end)

		if self == '_' && (left == '_' || right == '_') {
			return -1
		}

		if isWord(left) && isWord(right) || isSpace(left) && isSpace(right) {
			return end
		}
	case spaced:
		if isSpace(before(data, pos, 0)) {
			return pos + 1
		}
	case single:
		if pos < 2 || data[pos-1] != self || data[pos-2] != self {
			return pos + 1
		}
	case runs, solidRuns:
		if length := runLength(data, pos, self); length > 1 {
			return pos + length
		}
	case plain, solidPlain, never:
	}

	return -1
}

// alone are the lengths of runs that may be the whole content, in the order in which they are tried.
func (c content) alone() []int {
	switch c {
	case spaced, solid:
		return []int{1}
	case plain, solidPlain:
		return []int{2, 1}
	case nothing:
		return []int{0}
	default:
		return nil
	}
}

// A fence is a run of the character at the border of a content, with conditions on its neighbours.
type fence struct {
	before look
	length int
	after  look
}

func (u fence) fits(data string, pos, floor int, self byte) bool {
	if len(data)-pos < u.length {
		return false
	}

	for i := range u.length {
		if data[pos+i] != self {
			return false
		}
	}

	return (u.before == anything || u.before.fits(before(data, pos, floor), self)) &&
		(u.after == anything || u.after.fits(at(data, pos+u.length), self))
}

// A pair is one pattern.
type pair struct {
	tags string // "strong", or outer and inner element: "strong,em"
	// late: the inner element is at the end of the outer one, not at its begin.
	late bool
	// deep: all patterns count within, not only those after this one.
	deep    bool
	open    fence
	content content
	middle  fence // length 0: there is none
	second  content
	close   fence
}

// parts are the borders of the contents of a match.
type pairMatch struct {
	start, end  int // content
	start2      int // second content, -1: none
	end2, after int
}

// match tries the pattern at pos.
func (p *pair) match(r *reader, data string, pos, floor int, self byte) (pairMatch, bool) {
	if !p.open.fits(data, pos, floor, self) {
		return pairMatch{}, false
	}

	m := pairMatch{start: pos + p.open.length, start2: -1}

	ok := p.content.ends(r, data, m.start, self, func(end int) bool {
		m.end = end

		if p.middle.length == 0 {
			m.after = end + p.close.length

			return p.close.fits(data, end, 0, self)
		}

		if !p.middle.fits(data, end, 0, self) {
			return false
		}

		m.start2 = end + p.middle.length

		return p.second.ends(r, data, m.start2, self, func(end int) bool {
			m.end2, m.after = end, end+p.close.length

			return p.close.fits(data, end, 0, self)
		})
	})

	return m, ok
}

// ends calls try with the positions where content may end, shortest first, until try is true. At each of them is the character.
func (c content) ends(r *reader, data string, start int, self byte, try func(end int) bool) bool {
	if start >= len(data) {
		return false
	}

	for _, length := range c.alone() {
		if runLength(data, start, self) >= length && start+length < len(data) && try(start+length) {
			return true
		}
	}

	pos := c.first(data, start, self)

	for pos >= 0 && r.work > 0 {
		next := indexByteFrom(data, self, pos)
		if next < 0 {
			r.work -= (len(data) - pos) / 32

			return false
		}

		r.work -= 1 + (next-pos)/32

		if c.solid() && strings.IndexFunc(data[pos:next], isSpace) >= 0 {
			return false
		}

		if try(next) {
			return true
		}

		pos = c.past(data, next, self)
	}

	return false
}

// first is the position after the first character of the content, or -1.
func (c content) first(data string, start int, self byte) int {
	char := at(data, start)

	switch {
	case char == rune(self):
		return c.past(data, start, self)
	case c.solid() && isSpace(char):
		return -1
	}

	return start + width(data, start)
}

// A pairing is the patterns of one character, in the order in which they are tried.
type pairing struct {
	self  byte
	pairs []pair
}

func (g *pairing) pattern() *pattern {
	return &pattern{trigger: string(g.self), again: true, find: g.find}
}

func (g *pairing) find(r *reader, data string, pos, floor int) (match, bool) {
	for {
		start := indexByteFrom(data, g.self, pos)
		if start < 0 {
			return match{}, false
		}

		for number := range g.pairs {
			if m, ok := g.pairs[number].match(r, data, start, floor, g.self); ok {
				return match{start: start, end: m.after, found: found{element: g.element(r, data, m, number, 0)}}, true
			}
		}

		r.reject(start)
		pos = start + 1
	}
}

// element makes the element of a match.
func (g *pairing) element(r *reader, data string, m pairMatch, number, depth int) *tree.Element {
	p := &g.pairs[number]
	outerTag, innerTag, double := strings.Cut(p.tags, ",")
	outer := &tree.Element{Tag: outerTag}

	first, second := data[m.start:m.end], ""
	if m.start2 >= 0 {
		second = data[m.start2:m.end2]
	}

	switch {
	case !double:
		g.within(r, first, outer, nil, number, depth)
	case p.late:
		g.within(r, first, outer, nil, number, depth)
		g.within(r, second, outer.Add(innerTag), nil, number, depth)
	default:
		inner := outer.Add(innerTag)
		g.within(r, first, inner, nil, number, depth)

		if m.start2 >= 0 {
			g.within(r, second, outer, inner, number, depth)
		}
	}

	return outer
}

// maxPairDepth is how deep elements of the same character are within each other.
const maxPairDepth = 100

// within reads content: what is text before the first element goes to the tail of last, or, if that is nil, to the text of parent.
func (g *pairing) within(r *reader, data string, parent, last *tree.Element, number, depth int) {
	offset, pos := 0, 0

	add := func(text string) {
		switch {
		case text == "":
		case last != nil:
			last.Tail = text
		default:
			parent.Text = text
		}
	}

	for depth < maxPairDepth {
		pos = indexByteFrom(data, g.self, pos)
		if pos < 0 {
			break
		}

		matched := false

		for next := range g.pairs {
			if next <= number && !g.pairs[number].deep {
				continue
			}

			m, ok := g.pairs[next].match(r, data, pos, 0, g.self)
			if !ok {
				continue
			}

			add(data[offset:pos])

			last = g.element(r, data, m, next, depth+1)
			parent.Append(last)

			offset, pos, matched = m.after, m.after, true
		}

		if !matched {
			pos++
		}
	}

	add(data[offset:])
}
