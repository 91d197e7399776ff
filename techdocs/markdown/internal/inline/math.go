package inline

import (
	"strings"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// MathFormat is how formulas are written: for MathJax in a script element, or for others in a wrap.
type MathFormat struct {
	tag, open, close string
	generic, preview bool
}

var mathOptions = []string{
	"tex_inline_wrap", "tex_block_wrap", "smart_dollar", "block_syntax", "inline_syntax", "generic", "preview", "block_tag", "inline_tag",
}

// newMathFormat reads the options of pymdownx.arithmatex for formulas within a line, or for blocks of them.
func newMathFormat(options Options, block bool) MathFormat {
	format := MathFormat{generic: options.flag("generic", false), preview: options.flag("preview", true)}

	wrap := []string{"\\(", "\\)"}
	if block {
		format.tag = options.text("block_tag", "div")
		wrap = options.list("tex_block_wrap", "\\[", "\\]")
	} else {
		format.tag = options.text("inline_tag", "span")
		wrap = options.list("tex_inline_wrap", wrap...)
	}

	if len(wrap) == 2 {
		format.open, format.close = wrap[0], wrap[1]
	}

	return format
}

// MathBlock is how a block of pymdownx.arithmatex with these options is written.
func MathBlock(options map[string]any) MathFormat {
	return newMathFormat(Options{"pymdownx.arithmatex", options}, true)
}

// Element shows a formula.
func (f MathFormat) Element(formula string) *tree.Element {
	element := tree.New(f.tag, "class", "arithmatex")

	if f.generic {
		element.SetFinal(f.open + formula + f.close)

		return element
	}

	preview, kind := "span", "math/tex"
	if f.tag == "div" {
		preview, kind = "div", "math/tex; mode=display"
	}

	if f.preview {
		element.Add(preview, "class", "MathJax_Preview").SetFinal(formula)
	}

	element.Add("script", "type", kind).SetFinal(formula)

	return element
}

// math finds $formula$ and \(formula\).
func math(b *builder) error {
	options, on := b.options("pymdownx.arithmatex")
	if err := options.known(mathOptions...); err != nil || !on {
		return err
	}

	b.escape("$")

	m := &mathFinder{format: newMathFormat(options, false), smart: options.flag("smart_dollar", true)}

	for _, syntax := range options.list("inline_syntax", "dollar", "round") {
		m.dollar = m.dollar || syntax == "dollar"
		m.round = m.round || syntax == "round"
	}

	b.add(&pattern{trigger: "$\\", find: m.find})

	return nil
}

type mathFinder struct {
	format               MathFormat
	smart, dollar, round bool
}

func (m *mathFinder) find(r *reader, data string, pos, floor int) (match, bool) {
	for pos < len(data) {
		start := indexAnyFrom(data, "$\\", pos)
		if start < 0 {
			break
		}

		escaped := before(data, start, floor) == '\\'

		if data[start] == '$' {
			if end := m.dollarEnd(r, data, start); end >= 0 && !escaped && m.dollar {
				return match{start: start, end: end, found: found{element: m.format.Element(data[start+1 : end-1])}}, true
			}

			pos = start + 1

			continue
		}

		length := runLength(data, start, '\\')
		if result, ok := m.backslashes(r, data, start, length); ok && !escaped {
			return result, true
		}

		pos = start + length
	}

	return match{}, false
}

// backslashes reads an even number of them before a formula, or "\(formula\)".
func (m *mathFinder) backslashes(r *reader, data string, start, length int) (match, bool) {
	next := start + length

	var escapes int

	switch {
	case length%2 == 0 && m.dollar && at(data, next) == '$':
		escapes = length
	case length%2 == 1 && length > 1 && m.round && at(data, next) == '(':
		escapes = length - 1
	case length == 1 && m.round && at(data, next) == '(':
		end := roundEnd(r, data, next+1)
		if end < 0 {
			return match{}, false
		}

		return match{start: start, end: end, found: found{element: m.format.Element(data[next+1 : end-2])}}, true
	default:
		return match{}, false
	}

	return match{start: start, end: start + escapes, found: found{text: strings.Repeat(escapedBackslash, escapes/2)}}, true
}

// dollarEnd is the end of the formula whose dollar is at start, or -1.
func (m *mathFinder) dollarEnd(r *reader, data string, start int) int {
	if r.work < 0 || m.smart && isSpace(at(data, start+1)) {
		return -1
	}

	for pos := start + 1; pos < len(data); pos++ {
		switch data[pos] {
		case '\\':
			pos++
		case '\x02', '\x03':
			return -1
		case '$':
			if pos == start+1 || m.smart && isSpace(before(data, pos, 0)) {
				return -1
			}

			return pos + 1
		}
	}

	r.work -= len(data) - start

	return -1
}

// roundEnd is the end of the formula that begins at start, after "\)", or -1.
func roundEnd(r *reader, data string, start int) int {
	for pos := start; pos < len(data) && r.work > 0; pos++ {
		switch data[pos] {
		case '\\':
			if at(data, pos+1) == ')' {
				if pos == start {
					return -1
				}

				return pos + 2
			}

			pos++
		case '\x02', '\x03':
			return -1
		}
	}

	r.work -= len(data) - start

	return -1
}
