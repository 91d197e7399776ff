package markdown

import (
	"regexp"
	"strings"

	"github.com/portico-dev/portico/techdocs/markdown/internal/inline"
	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// tabLength is the width of an indentation in everything but lists.
const tabLength = 4

// empty reads blocks that are empty or begin with an empty line.
func empty(p *page, parent *tree.Element, blocks *queue) bool {
	block := blocks.next()
	if block != "" && block[0] != '\n' {
		return false
	}

	blocks.pop()

	filler := "\n\n"

	if block != "" {
		filler = "\n"

		if rest := block[1:]; rest != "" {
			blocks.push(rest)
		}
	}

	if last := parent.Last(); isCode(last) {
		last.Children[0].SetFinal(last.Children[0].Text + filler)
	}

	return true
}

// indentedCode reads code that is indented by four spaces. If a fence was found in it before, it is restored: it is part of the code.
func indentedCode(p *page, parent *tree.Element, blocks *queue) bool {
	if !strings.HasPrefix(blocks.next(), spaces(tabLength)) || p.conv.noIndentedCode {
		return false
	}

	indented, rest := detab(p.restoreFences(blocks.pop()), tabLength)
	indented = escapeCode(trimRight(indented))

	if last := parent.Last(); isCode(last) {
		code := last.Children[0]
		code.SetFinal(code.Text + "\n" + indented + "\n")
	} else {
		parent.Add("pre").Add("code").SetFinal(indented + "\n")
	}

	if rest != "" {
		blocks.push(rest)
	}

	return true
}

//nolint:gochecknoglobals // Immutable.
var codeEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func escapeCode(text string) string { return codeEscaper.Replace(text) }

// hashHeading reads a heading "## like this" on any line of the block.
func hashHeading(p *page, parent *tree.Element, blocks *queue) bool {
	block := blocks.next()
	heading, ok := findHeading(block, p.conv.saneHeaders)

	if !ok {
		return false
	}

	blocks.pop()

	if before := block[:heading.start]; before != "" {
		p.parseOne(parent, before)
	}

	parent.Add("h" + string(rune('0'+heading.level))).SetText(strings.TrimSpace(heading.text))

	if after := block[heading.end:]; after != "" {
		if p.in(inLooseList) {
			after = looseDetab(after, tabLength)
		}

		blocks.push(after)
	}

	return true
}

type heading struct {
	level      int
	text       string
	start, end int
}

const maxHeading = 6

func findHeading(block string, sane bool) (heading, bool) {
	if strings.IndexByte(block, '#') < 0 {
		return heading{}, false
	}

	for start := 0; start <= len(block); {
		end, next := lineEnd(block, start)
		if start < end && block[start] == '#' {
			if found, ok := readHeading(block, start, sane); ok {
				return found, true
			}
		}

		// A heading may begin after a line break only, so a line that is none is skipped.
		start = next
	}

	return heading{}, false
}

// readHeading reads the heading that begins at start, if it is one: an escaped line break at its end makes it none.
func readHeading(block string, start int, sane bool) (heading, bool) {
	level := 0
	for level < maxHeading && start+level < len(block) && block[start+level] == '#' {
		level++
	}

	i := start + level
	if sane && (i >= len(block) || block[i] != ' ') {
		return heading{}, false
	}

	for text := i; ; {
		hashes := i
		for hashes < len(block) && block[hashes] == '#' {
			hashes++
		}

		if hashes == len(block) || block[hashes] == '\n' {
			found := heading{level: level, text: block[text:i], start: max(start-1, 0), end: min(hashes+1, len(block))}

			return found, true
		}

		if hashes > i {
			i = hashes

			continue
		}

		if block[i] == '\\' {
			i++
			if i == len(block) || block[i] == '\n' {
				return heading{}, false
			}
		}

		i++
	}
}

// underlinedHeading reads a heading whose second line is of "=" or "-".
func underlinedHeading(_ *page, parent *tree.Element, blocks *queue) bool {
	block := blocks.next()

	end, next := lineEnd(block, 0)
	if next > len(block) {
		return false
	}

	lineStop, rest := lineEnd(block, next)
	underline := strings.TrimRight(block[next:lineStop], " ")

	if underline == "" || strings.Trim(underline, "=") != "" && strings.Trim(underline, "-") != "" {
		return false
	}

	blocks.pop()

	tag := "h1"
	if underline[0] == '-' {
		tag = "h2"
	}

	parent.Add(tag).SetText(strings.TrimSpace(block[:end]))

	if rest <= len(block) {
		blocks.push(block[rest:])
	}

	return true
}

// rule reads a horizontal rule on any line of the block.
func rule(p *page, parent *tree.Element, blocks *queue) bool {
	block := blocks.next()
	for start := 0; start <= len(block); {
		end, next := lineEnd(block, start)
		if !isRule(block[start:end]) {
			start = next

			continue
		}

		blocks.pop()

		if before := strings.TrimRight(block[:start], "\n"); before != "" {
			p.parseOne(parent, before)
		}

		parent.Add("hr")

		if after := strings.TrimLeft(block[end:], "\n"); after != "" {
			blocks.push(after)
		}

		return true
	}

	return false
}

func isRule(line string) bool {
	const least, indent, gap = 3, 3, 2

	n := indentOf(line)
	if n > indent || n == len(line) {
		return false
	}

	mark := line[n]
	if mark != '-' && mark != '_' && mark != '*' {
		return false
	}

	count, blanks := 0, 0

	for _, c := range []byte(strings.TrimRight(line[n:], " ")) {
		switch c {
		case mark:
			if blanks > gap {
				return false
			}

			count++

			blanks = 0
		case ' ':
			blanks++
		default:
			return false
		}
	}

	return count >= least
}

//nolint:gochecknoglobals // Immutable.
var referencePattern = regexp.MustCompile(
	`(?m)^[ ]{0,3}\[([^\[\]]*)\]:[ ]*\n?[ ]*([^\s]+)[ ]*(?:\n[ ]*)?(?:"(.*)"[ ]*|'(.*)'[ ]*|\((.*)\)[ ]*)?$`)

// reference reads the definition of a link, "[name]: address "title"".
func reference(p *page, _ *tree.Element, blocks *queue) bool {
	block := blocks.next()
	if !strings.Contains(block, "]:") {
		return false
	}

	m := referencePattern.FindStringSubmatchIndex(block)
	if m == nil {
		return false
	}

	title := ""

	for _, group := range []int{3, 4, 5} {
		if text := submatch(block, m, group); text != "" {
			title = text
		}
	}

	name := strings.ToLower(strings.TrimSpace(submatch(block, m, 1)))
	p.inline.References[name] = inline.Reference{
		URL:   strings.TrimRight(strings.TrimLeft(submatch(block, m, 2), "<"), ">"),
		Title: title,
	}
	takeOut(blocks, m[0], m[1])

	return true
}

func submatch(text string, m []int, group int) string {
	if m[2*group] < 0 {
		return ""
	}

	return text[m[2*group]:m[2*group+1]]
}

// takeOut removes a part of the next block. What is before and after it become blocks.
func takeOut(blocks *queue, start, end int) {
	block := blocks.pop()
	if after := block[end:]; !isBlank(after) {
		blocks.push(strings.TrimLeft(after, "\n"))
	}

	if before := block[:start]; !isBlank(before) {
		blocks.push(strings.TrimRight(before, "\n"))
	}
}

// paragraph reads what nothing else wanted.
func paragraph(p *page, parent *tree.Element, blocks *queue) bool {
	block := blocks.pop()
	if isBlank(block) {
		return true
	}

	switch last := parent.Last(); {
	case !p.in(inTightList):
		parent.Add("p").SetText(trimLeft(block))
	case last != nil:
		last.Tail, last.TailFinal = last.Tail+"\n"+block, false
	case parent.Text != "":
		parent.SetText(parent.Text + "\n" + block)
	default:
		parent.SetText(trimLeft(block))
	}

	return true
}
