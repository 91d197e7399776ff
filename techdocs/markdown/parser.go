package markdown

import (
	"slices"
	"strings"
	"unicode"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// A queue has the blocks that are still to be read, the next one last.
type queue []string

func newQueue(blocks ...string) *queue {
	q := queue(slices.Clone(blocks))
	slices.Reverse(q)

	return &q
}

func (q *queue) next() string { return (*q)[len(*q)-1] }

func (q *queue) pop() string {
	block := q.next()
	*q = (*q)[:len(*q)-1]

	return block
}

func (q *queue) push(block string) { *q = append(*q, block) }

// A state says what the parser is in.
type state int

const (
	inNothing state = iota
	inTightList
	inLooseList
	// inIndented is set while the content of a list item is read, whose indentation has been removed.
	inIndented
	inQuote
	inBlocks
)

// A processor reads the next block of the queue, if it is of its kind, and adds what it says to the parent. It may put back what it has
// not read. It returns false if the block is not of its kind; the block may have been changed.
type processor func(p *page, parent *tree.Element, blocks *queue) bool

const (
	// maxDepth bounds how deep blocks are in each other.
	maxDepth = 500
	// maxWork bounds how many bytes are offered to processors for one page, over and over.
	maxWork = 1 << 30
	// workOfElement is added for each block, so that many small ones count, too.
	workOfElement = 64
)

// parseText reads blocks that are separated by blank lines.
func (p *page) parseText(parent *tree.Element, text string) {
	p.parse(parent, newQueue(strings.Split(text, "\n\n")...))
}

// parseOne reads a text as one block.
func (p *page) parseOne(parent *tree.Element, block string) { p.parse(parent, newQueue(block)) }

func (p *page) parse(parent *tree.Element, blocks *queue) {
	if p.depth++; p.depth > maxDepth {
		p.tooDeep()
	}

	defer func() { p.depth-- }()

	for len(*blocks) > 0 && p.failure == nil {
		if p.work += len(blocks.next()) + workOfElement; p.work > maxWork {
			p.fail(0, "the page takes too long: it has a block of very many lines; separate its parts by blank lines")

			return
		}

		if p.work > p.nextCheck {
			p.checkContext()
		}

		for _, try := range p.processors {
			if try(p, parent, blocks) {
				break
			}
		}
	}
}

func (p *page) tooDeep() {
	p.fail(0, "lists, quotes and the like are nested too deep")
}

// within reads blocks in a state.
func (p *page) within(s state, read func()) {
	p.states = append(p.states, s)

	read()

	p.states = p.states[:len(p.states)-1]
}

func (p *page) in(s state) bool { return len(p.states) > 0 && p.states[len(p.states)-1] == s }

// detab removes n spaces from the start of the first lines, as far as they have them or are blank. The rest begins with the first other
// line.
func detab(text string, n int) (indented, rest string) {
	var out strings.Builder

	lines := 0
	indent := spaces(n)

	for start := 0; start <= len(text); {
		end, next := lineEnd(text, start)
		line := text[start:end]

		switch {
		case strings.HasPrefix(line, indent):
			line = line[n:]
		case isBlank(line):
			line = ""
		default:
			return out.String(), text[start:]
		}

		if lines > 0 {
			out.WriteByte('\n')
		}

		out.WriteString(line)

		lines++
		start = next
	}

	return out.String(), ""
}

// looseDetab removes n spaces from each line that has them.
func looseDetab(text string, n int) string {
	if n == 0 {
		return text
	}

	indent := spaces(n)
	if !strings.HasPrefix(text, indent) && !strings.Contains(text, "\n"+indent) {
		return text
	}

	var out strings.Builder

	for start := 0; start <= len(text); {
		end, next := lineEnd(text, start)

		if start > 0 {
			out.WriteByte('\n')
		}

		out.WriteString(strings.TrimPrefix(text[start:end], indent))

		start = next
	}

	return out.String()
}

// lineEnd is where the line that begins at start ends, and where the next one begins: beyond the text if it is the last one.
func lineEnd(text string, start int) (end, next int) {
	if i := strings.IndexByte(text[start:], '\n'); i >= 0 {
		return start + i, start + i + 1
	}

	return len(text), len(text) + 1
}

const manySpaces = "                                                                                                                                "

func spaces(n int) string {
	if n <= len(manySpaces) {
		return manySpaces[:n]
	}

	return strings.Repeat(" ", n)
}

func isBlank(text string) bool { return strings.TrimSpace(text) == "" }

func indentOf(line string) int {
	n := 0
	for n < len(line) && line[n] == ' ' {
		n++
	}

	return n
}

// wrapText moves the text of an item into a paragraph that is its first child.
func wrapText(item *tree.Element) {
	if item.Text == "" {
		return
	}

	paragraph := tree.New("p")
	paragraph.Text, paragraph.TextFinal = item.Text, item.TextFinal
	item.SetText("")
	item.Insert(0, paragraph)
}

func isCode(e *tree.Element) bool {
	return e != nil && e.Tag == "pre" && len(e.Children) > 0 && e.Children[0].Tag == "code"
}

func trimLeft(text string) string { return strings.TrimLeftFunc(text, isSpace) }

func trimRight(text string) string { return strings.TrimRightFunc(text, isSpace) }

// isSpace is what Python calls white space.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }
