package highlight

import (
	"regexp/syntax"

	"github.com/alecthomas/chroma/v2"
)

// A machine runs programs on a source of ASCII characters.
type machine struct {
	source string
	// back has what is to be tried, or restored, when a way fails.
	back []back
	// borders are those of the groups, -1 for a group that was not met.
	borders []int32
	// left is how many steps it may make before it gives up.
	left int
}

// back is a step to continue with at a position or, if step is negative, the border -1-step of a group as it was.
type back struct{ step, position int32 }

// maxWay bounds the steps for one match. Patterns of which it takes more are left to regexp2, which looks at the time.
const maxWay = 20_000

// isSimple says that a machine can run on a source: programs know neither other characters nor all kinds of white space.
func isSimple(source string) bool {
	for i := range len(source) {
		if c := source[i]; c >= 0x7F || c < ' ' && c != '\n' && c != '\t' {
			return false
		}
	}

	return true
}

// match matches a program at a position, and sets the borders. If it gives up, finished is false.
func (m *machine) match(p *program, position int) (matched, finished bool) {
	m.borders = m.borders[:0]
	for range 2 * p.groups {
		m.borders = append(m.borders, -1)
	}
	m.back, m.left = m.back[:0], maxWay
	end := m.run(p, int32(position))
	m.borders[0], m.borders[1] = int32(position), end

	return end >= 0, m.left > 0
}

// run returns the position after the match, or -1.
func (m *machine) run(p *program, position int32) int32 {
	bottom := len(m.back)
	at := p.start
	for m.left > 0 {
		m.left--
		s := &p.steps[at]
		ok := true
		switch s.do {
		case stepCharacter:
			ok = int(position) < len(m.source) && s.set.has(m.source[position])
			position++
		case stepChoose:
			m.back = append(m.back, back{s.arg, position})
		case stepNext:
		case stepGroup:
			m.back = append(m.back, back{-1 - s.arg, m.borders[s.arg]})
			m.borders[s.arg] = position
		case stepEmpty:
			ok = m.holds(syntax.EmptyOp(s.arg), int(position))
		case stepLook:
			ok = m.looks(&p.looks[s.arg], position)
		case stepDone:
			m.back = m.back[:bottom]

			return position
		case stepFail:
			ok = false
		}
		at = s.out
		if ok {
			continue
		}
		if at, position, ok = m.goBack(bottom); !ok {
			return -1
		}
	}

	return -1
}

// goBack goes to the last choice, and undoes what was noted since.
func (m *machine) goBack(bottom int) (at, position int32, ok bool) {
	for len(m.back) > bottom {
		last := m.back[len(m.back)-1]
		m.back = m.back[:len(m.back)-1]
		if last.step >= 0 {
			return last.step, last.position, true
		}
		m.borders[-1-last.step] = last.position
	}

	return 0, 0, false
}

// looks says whether a look holds. It has no groups that count, so that the borders of the whole match are kept.
func (m *machine) looks(l *look, position int32) bool {
	if position -= int32(l.behind); position < 0 {
		return l.negated
	}

	return m.run(l.program, position) < 0 == l.negated
}

// holds says whether a condition that takes no character holds.
func (m *machine) holds(condition syntax.EmptyOp, position int) bool {
	before, after := byte('\n'), byte('\n') // neither is part of a word, and both end a line
	if position > 0 {
		before = m.source[position-1]
	}
	if position < len(m.source) {
		after = m.source[position]
	}
	isBoundary := isWordByte(before) != isWordByte(after)

	return (condition&syntax.EmptyBeginLine == 0 || before == '\n') &&
		(condition&syntax.EmptyEndLine == 0 || after == '\n') &&
		(condition&syntax.EmptyBeginText == 0 || position == 0) &&
		(condition&syntax.EmptyEndText == 0 || position == len(m.source)) &&
		(condition&syntax.EmptyWordBoundary == 0 || isBoundary) &&
		(condition&syntax.EmptyNoWordBoundary == 0 || !isBoundary)
}

func isWordByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// setGroups sets the texts of the groups of the match. A lexer that keeps them gets others for the next match.
func (m *machine) setGroups(l *chroma.LexerState) {
	l.Groups = make([]string, len(m.borders)/2)
	l.NamedGroups = nil
	for i := range l.Groups {
		if start, end := m.borders[2*i], m.borders[2*i+1]; start >= 0 && end >= start {
			l.Groups[i] = m.source[start:end]
		}
	}
}
