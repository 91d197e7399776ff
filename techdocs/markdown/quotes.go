package markdown

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// quote reads a block of lines that begin with ">". Lines without it after the first one belong to the quote, too.
func quote(p *page, parent *tree.Element, blocks *queue) bool {
	block := blocks.next()
	start := findQuote(block)

	if start < 0 || p.depth > maxDepth-10 {
		return false
	}

	blocks.pop()
	p.parseOne(parent, block[:start])

	lines := strings.Split(block[start:], "\n")
	quote := tree.New("blockquote")

	if p.conv.callouts {
		lines = startCallout(quote, lines)
	}

	for i, line := range lines {
		lines[i] = unquoteLine(line)
	}

	if last := parent.Last(); last != nil && last.Tag == "blockquote" && !p.conv.separateQuotes {
		quote = last
	} else {
		parent.Append(quote)
	}

	p.within(inQuote, func() { p.parseText(quote, strings.Join(lines, "\n")) })

	return true
}

// findQuote is where the first line that is quoted begins, with the line break before it, or -1.
func findQuote(block string) int {
	if strings.IndexByte(block, '>') < 0 {
		return -1
	}

	for start := 0; start <= len(block); {
		end, next := lineEnd(block, start)
		if _, ok := quoted(block[start:end]); ok {
			return max(start-1, 0)
		}

		start = next
	}

	return -1
}

func quoted(line string) (content string, ok bool) {
	n := indentOf(line)
	if n >= tabLength || n == len(line) || line[n] != '>' {
		return "", false
	}

	return strings.TrimPrefix(line[n+1:], " "), true
}

func unquoteLine(line string) string {
	content, ok := quoted(line)

	switch {
	case strings.TrimSpace(line) == ">":
		return ""
	case ok:
		return content
	}

	return line
}

var calloutStart = regexp.MustCompile(`^> *\[!([\p{L}\p{N}_-]+(?: *\| *[\p{L}\p{N}_-]+)*)\]([-+])?(.*)`)

// While a callout is read, it is a quote with its classes in one of these attributes: that of a box, or of one that the reader can open, or
// that is open.
const (
	calloutBox    = "data-alert"
	calloutClosed = "data-alert-closed"
	calloutOpen   = "data-alert-open"
)

// startCallout notes that a quote whose first line is "> [!note] Title" is a callout of pymdownx.quotes, and makes the title a paragraph.
func startCallout(quote *tree.Element, lines []string) []string {
	first := 0
	for first < len(lines)-1 && (lines[first] == "" || strings.TrimSpace(lines[first]) == ">") {
		first++
	}

	m := calloutStart.FindStringSubmatch(lines[first])
	if m == nil {
		return lines
	}

	classes := strings.Split(m[1], "|")
	for i, class := range classes {
		classes[i] = strings.TrimSpace(class)
	}

	title := strings.TrimSpace(m[3])
	if title == "" {
		title = titleCase(classes[0])
	}

	classes[0] = strings.ToLower(classes[0])
	quote.Set(map[string]string{"": calloutBox, "-": calloutClosed, "+": calloutOpen}[m[2]], strings.Join(classes, " "))

	return append(append(lines[:first:first], title, ""), lines[first+1:]...)
}

// titleCase begins each word of letters with a capital.
func titleCase(text string) string {
	letter := false

	return strings.Map(func(r rune) rune {
		after := letter
		letter = unicode.IsLetter(r)

		if after {
			return unicode.ToLower(r)
		}

		return unicode.ToTitle(r)
	}, text)
}

// finishCallouts turns callouts into admonitions and details. Their first paragraph is the title.
func finishCallouts(root *tree.Element) {
	root.All(func(e *tree.Element) bool {
		for _, kind := range []string{calloutBox, calloutClosed, calloutOpen} {
			if classes, ok := e.Lookup(kind); ok && e.Tag == "blockquote" {
				e.Unset(kind)
				finishCallout(e, kind, classes)
			}
		}

		return true
	})
}

func finishCallout(e *tree.Element, kind, classes string) {
	e.Tag = "details"

	if kind == calloutBox {
		e.Tag, classes = "div", "admonition "+classes
	}

	if kind == calloutOpen {
		e.Set("open", "open")
	}

	addClasses(e, classes)

	if len(e.Children) == 0 || e.Children[0].Tag != "p" {
		return
	}

	if title := e.Children[0]; kind == calloutBox {
		addClasses(title, "admonition-title")
	} else {
		title.Tag = "summary"
	}
}

func addClasses(e *tree.Element, classes string) {
	e.Set("class", strings.Join(strings.Fields(e.Get("class")+" "+classes), " "))
}
