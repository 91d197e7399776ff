package markdown

import (
	"regexp"
	"strings"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

//nolint:gochecknoglobals // Immutable.
var (
	footnotePattern     = regexp.MustCompile(`(?m)^[ ]{0,3}\[\^([^\]]*)\]:[ ]*(.*)$`)
	abbreviationPattern = regexp.MustCompile(`(?m)^[*]\[([^\\]*?)\][ ]?:[ ]*\n?[ ]*(.*)$`)
)

// definitionList reads terms, and ": what they mean" on the lines behind them.
func (c *Converter) definitionList(p *page, parent *tree.Element, blocks *queue) bool {
	block := blocks.next()
	if !strings.Contains(block, ": ") || p.depth > maxDepth-10 {
		return false
	}

	start, definition, end := findDefinition(block)
	if start < 0 {
		return false
	}

	var terms []string

	for line := range strings.SplitSeq(block[:start], "\n") {
		if term := strings.TrimSpace(line); term != "" {
			terms = append(terms, term)
		}
	}

	last := parent.Last()
	if len(terms) == 0 && last == nil {
		return false
	}

	blocks.pop()

	text, rest := block[end:], ""
	if indent := indentOf(text); indent >= c.definitionIndent || indent == len(text) || text[indent] == ':' {
		text, rest = detab(text, c.definitionIndent)
	}

	if text != "" {
		definition += "\n" + text
	}

	s := inTightList

	if len(terms) == 0 && last.Tag == "p" {
		s = inLooseList
		terms = strings.Split(last.Text, "\n")
		parent.Remove(last)
		last = parent.Last()
	}

	list := last
	if list == nil || list.Tag != "dl" {
		list = parent.Add("dl")
	} else if before := list.Last(); len(terms) == 0 && before != nil && before.Tag == "dd" && len(before.Children) > 0 {
		s = inLooseList
	}

	for _, term := range terms {
		list.Add("dt").SetText(term)
	}

	p.within(s, func() { p.parseOne(list.Add("dd"), definition) })

	if rest != "" {
		blocks.push(rest)
	}

	return true
}

// findDefinition finds the first line of the form ": text": where it and the line break before it begin, the text, and where the line ends
// with its line break. The start is -1 if there is none.
func findDefinition(block string) (start int, text string, end int) {
	const most = 3

	for line := 0; line <= len(block); {
		stop, next := lineEnd(block, line)

		if indent := indentOf(block[line:stop]); indent <= most && strings.HasPrefix(block[line+indent:stop], ": ") {
			text = block[line+indent+1 : stop]

			return max(line-1, 0), text[min(indentOf(text), most):], min(next, len(block))
		}

		line = next
	}

	return -1, "", 0
}

// footnoteDefinition reads "[^name]: text", with the indented blocks behind it.
func footnoteDefinition(p *page, _ *tree.Element, blocks *queue) bool {
	block := blocks.next()
	if !strings.Contains(block, "[^") {
		return false
	}

	m := footnotePattern.FindStringSubmatchIndex(block)
	if m == nil {
		return false
	}

	blocks.pop()

	text := submatch(block, m, 2)
	rest := strings.TrimLeft(block[m[1]:], "\n")

	var parts []string

	if next := footnotePattern.FindStringIndex(rest); next != nil {
		before := strings.TrimRight(rest[:next[0]], "\n")
		parts = append(parts, strings.TrimLeft(text+"\n"+looseDetab(before, tabLength), "\n"))
		blocks.push(rest[next[0]:])
	} else {
		parts = append(parts, strings.Trim(text+"\n"+looseDetab(rest, tabLength), "\n"))
		parts = append(parts, footnoteBlocks(blocks)...)
	}

	p.footnotes.define(submatch(block, m, 1), trimRight(strings.Join(parts, "\n\n")))

	if before := block[:m[0]]; !isBlank(before) {
		blocks.push(strings.TrimRight(before, "\n"))
	}

	return true
}

// footnoteBlocks takes the indented blocks that belong to a footnote.
func footnoteBlocks(blocks *queue) []string {
	var parts []string

	for len(*blocks) > 0 && strings.HasPrefix(blocks.next(), spaces(tabLength)) {
		block := blocks.pop()

		m := footnotePattern.FindStringIndex(block)
		if m == nil {
			parts = append(parts, looseDetab(block, tabLength))

			continue
		}

		parts = append(parts, looseDetab(strings.TrimRight(block[:m[0]], "\n"), tabLength))
		blocks.push(block[m[0]:])

		break
	}

	return parts
}

// abbreviation reads "*[HTML]: Hyper Text Markup Language". A text of two quotes removes it.
func abbreviation(p *page, _ *tree.Element, blocks *queue) bool {
	block := blocks.next()
	if !strings.Contains(block, "*[") {
		return false
	}

	m := abbreviationPattern.FindStringSubmatchIndex(block)
	if m == nil {
		return false
	}

	short, title := strings.TrimSpace(submatch(block, m, 1)), strings.TrimSpace(submatch(block, m, 2))
	if short == "" || title == "" {
		return false
	}

	if title == "''" || title == `""` {
		if _, ok := p.abbreviations[short]; !ok {
			p.fail(p.lineOf("*["+submatch(block, m, 1)+"]"), "the abbreviation "+short+" is removed, but it was not defined before; remove the line, or define it first")
		}

		delete(p.abbreviations, short)
	} else {
		p.abbreviations[short] = title
	}

	takeOut(blocks, m[0], m[1])

	return true
}
