package markdown

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// Characters that bracket the marks of critic until white space is normalised, which removes those of the other marks.
const (
	soh = "\x01"
	eot = "\x04"
)

// frontMatter takes what a page begins with out of its text: YAML between two lines of dashes, or lines like "Key: value".
func frontMatter(text string) (rest string, meta map[string]any) {
	if block, rest, ok := yamlBlock(text); ok {
		if meta := yamlMapping(block); meta != nil {
			return strings.TrimLeft(rest, "\n"), meta
		}

		// What is no mapping is part of the page.
		return text, map[string]any{}
	}

	return labels(text)
}

// yamlBlock finds YAML that a text begins with.
func yamlBlock(text string) (block, rest string, ok bool) {
	end, next := lineEnd(text, 0)
	if !isFence(text[:end], "---") || next > len(text) {
		return "", "", false
	}

	for line := next; ; {
		i := strings.IndexByte(text[line:], '\n')
		if i < 0 {
			return "", "", false
		}

		line += i + 1

		if end, after := lineEnd(text, line); after <= len(text) && (isFence(text[line:end], "---") || isFence(text[line:end], "...")) {
			return text[next:line], text[after:], true
		}
	}
}

func isFence(line, fence string) bool { return strings.TrimRight(line, " \t") == fence }

func yamlMapping(block string) map[string]any {
	value, err := decodeYAML(block)
	if err != nil {
		return nil
	}

	meta, _ := value.(map[string]any)

	return meta
}

//nolint:gochecknoglobals // Immutable.
var (
	label     = regexp.MustCompile(`^[ ]{0,3}([A-Za-z0-9_-]+):\s*(.*)`)
	labelMore = regexp.MustCompile(`^(?:[ ]{4}|\t)\s*(.*)`)
)

// labels takes lines like "Key: value" from the start of a text. The first line of many a page looks like that by chance.
func labels(text string) (rest string, meta map[string]any) {
	values := map[string][]string{}
	key := ""
	at := 0

	for at <= len(text) {
		end, next := lineEnd(text, at)
		line := text[at:end]

		if isBlank(line) {
			at = next

			break
		}

		m := label.FindStringSubmatch(line)

		switch more := labelMore.FindStringSubmatch(line); {
		case m != nil:
			key = strings.ToLower(m[1])
			values[key] = append(values[key], strings.TrimSpace(m[2]))
		case more != nil && key != "":
			values[key] = append(values[key], strings.TrimSpace(more[1]))
		default:
			next = -1
		}

		if next < 0 {
			break
		}

		at = next
	}

	meta = map[string]any{}
	for key, parts := range values {
		meta[key] = strings.Join(parts, " ")
	}

	return strings.TrimLeft(text[min(at, len(text)):], "\n"), meta
}

//nolint:gochecknoglobals // Immutable.
var (
	codeFencesOfAlerts = regexp.MustCompile("(?ms)^```.*?^```")
	alert              = regexp.MustCompile(`(?im)^> {0,3}\[!(note|tip|important|caution|warning)\] *(.*)\r?\n((?:>.*\r?\n)+)`)
	longAlert          = regexp.MustCompile(`(?im)^>>> {0,3}\[!(note|tip|important|caution|warning)\] *(.*)\r?\n((?:.*\r?\n)+)>>>`)
)

// alerts makes admonitions of "> [!NOTE]", as GitHub and GitLab have them.
func alerts(text string) string {
	if !strings.Contains(text, "[!") {
		return text
	}

	text = replaceAlerts(text, alert, func(line string) string {
		line = strings.TrimPrefix(line, ">")

		return "    " + strings.TrimPrefix(line, " ")
	})

	if !strings.Contains(text, ">>>") {
		return text
	}

	return replaceAlerts(text, longAlert, func(line string) string { return "    " + line })
}

func replaceAlerts(text string, pattern *regexp.Regexp, convert func(line string) string) string {
	code := codeFencesOfAlerts.FindAllStringIndex(text, -1)

	var out strings.Builder

	last := 0

	for _, m := range pattern.FindAllStringSubmatchIndex(text, -1) {
		for len(code) > 0 && code[0][1] <= m[1] {
			code = code[1:]
		}

		if len(code) > 0 && code[0][0] < m[0] {
			continue
		}

		kind := strings.ToLower(submatch(text, m, 1))
		title := strings.TrimSpace(submatch(text, m, 2))

		if title == "" {
			title = capitalize(kind)
		}

		switch kind {
		case "caution":
			kind = "danger"
		case "important":
			kind = "warning"
		}

		lines := strings.Split(strings.TrimFunc(submatch(text, m, 3), isSpace), "\n")
		for i, line := range lines {
			lines[i] = convert(line)
		}

		out.WriteString(text[last:m[0]] + "!!! " + kind + ` "` + title + "\"\n" + strings.Join(lines, "\n") + "\n")
		last = m[1]
	}

	return out.String() + text[last:]
}

// normalize makes all line breaks and white space alike.
func normalize(text string) string {
	text = remover.Replace(text)
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n") + "\n\n"
	text = expandTabs(text, tabLength)

	if !strings.Contains(text, "\n ") {
		return text
	}

	// A first line of spaces is left as it is.
	first := indentOf(text)

	return text[:first] + withoutBlankLines(text[first:])
}

// withoutBlankLines removes the spaces of the lines after the first one that have nothing else.
func withoutBlankLines(text string) string {
	var out strings.Builder

	for start := 0; ; {
		i := indexFrom(text, "\n ", start)
		if i < 0 {
			if out.Len() == 0 && start == 0 {
				return text
			}

			out.WriteString(text[start:])

			return out.String()
		}

		if out.Len() == 0 {
			out.Grow(len(text))
		}

		end := i + 1 + indentOf(text[i+1:])

		out.WriteString(text[start : i+1])

		if end == len(text) || text[end] != '\n' {
			out.WriteString(text[i+1 : end])
		}

		start = end
	}
}

func indexFrom(text, what string, start int) int {
	i := strings.Index(text[start:], what)
	if i < 0 {
		return -1
	}

	return start + i
}

//nolint:gochecknoglobals // Immutable.
var (
	remover       = strings.NewReplacer(tree.STX, "", tree.ETX, "")
	edgesRemover  = strings.NewReplacer(soh, "", eot, "")
	edgesRestorer = strings.NewReplacer(soh, tree.STX, eot, tree.ETX)
)

func expandTabs(text string, width int) string {
	if strings.IndexByte(text, '\t') < 0 {
		return text
	}

	var out strings.Builder

	column := 0

	for _, r := range text {
		switch r {
		case '\t':
			n := width - column%width
			out.WriteString(spaces(n))

			column += n

			continue
		case '\n':
			column = -1
		}

		out.WriteRune(r)

		column++
	}

	return out.String()
}

// criticMarks are the kinds of marks of edits: what opens and closes them, and their element.
//
//nolint:gochecknoglobals // A constant table.
var criticMarks = map[string]struct{ closing, element string }{
	"++": {"++}", "ins"}, "--": {"--}", "del"}, "==": {"==}", "mark"}, ">>": {"<<}", ""}, "~~": {"~~}", ""},
}

// critic shows the marks of edits, or carries them out.
func (p *page) critic(text string) string {
	if p.conv.criticMode == "view" || p.conv.preserveTabs {
		text = edgesRemover.Replace(text)
	}

	if p.conv.criticMode == "" || !strings.Contains(text, "{") {
		return text
	}

	var out strings.Builder

	out.Grow(len(text))

	missing := map[string]bool{}

	for {
		i := strings.IndexByte(text, '{')
		if i < 0 {
			break
		}

		out.WriteString(text[:i])
		text = text[i:]

		written, n := p.criticMark(text, missing)
		if n == 0 {
			written, n = "{", 1
		}

		out.WriteString(written)

		text = text[n:]
	}

	return out.String() + text
}

// criticMark reads the mark that text begins with: what to write for it, and its length, which is 0 if there is none.
func (p *page) criticMark(text string, missing map[string]bool) (written string, length int) {
	const open = 3

	if len(text) < open {
		return "", 0
	}

	opening := text[1:open]

	mark, ok := criticMarks[opening]
	if !ok || missing[opening] {
		return "", 0
	}

	middle := 0

	if opening == "~~" {
		middle = strings.Index(text[open:], "~>")
	}

	k := -1
	if middle >= 0 {
		k = strings.Index(text[open+middle:], mark.closing)
		if opening == "~~" {
			k = strings.Index(text[open+middle+len("~>"):], mark.closing)
			if k >= 0 {
				k += len("~>")
			}
		}
	}

	if k < 0 {
		missing[opening] = true

		return "", 0
	}

	content := text[open : open+middle+k]
	length = open + middle + k + len(mark.closing)

	if opening == "~~" {
		return p.criticEdit("del", content[:middle]) + p.criticEdit("ins", content[middle+len("~>"):]), length
	}

	if opening == ">>" {
		if p.conv.criticMode != "view" {
			return "", length
		}

		return p.criticStash(`<span class="critic comment">` + criticEscaper.Replace(content) + "</span>"), length
	}

	return p.criticEdit(mark.element, content), length
}

//nolint:gochecknoglobals // Immutable.
var criticEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "\n", " ")

func (p *page) criticEdit(element, text string) string {
	switch p.conv.criticMode {
	case "view":
	case "accept":
		if element == "del" {
			return ""
		}

		return text
	default:
		if element == "ins" {
			return ""
		}

		return text
	}

	if breaks := strings.ReplaceAll(text, "\r\n", "\n"); element != "mark" && len(breaks) > 1 && strings.Trim(breaks, "\n") == "" {
		mark := p.criticStash("<" + element + ` class="critic break">&nbsp;</` + element + ">")
		if element == "ins" {
			mark = "\n\n" + mark + "\n\n"
		}

		return mark
	}

	return p.criticStash("<"+element+` class="critic">`) + text + p.criticStash("</"+element+">")
}

const criticPrefix = "czjqqkd:"

func (p *page) criticStash(html string) string {
	p.edits = append(p.edits, html)

	return soh + criticPrefix + strconv.Itoa(len(p.edits)-1) + eot
}

//nolint:gochecknoglobals // Immutable.
var (
	editMarks   = regexp.MustCompile(`<p>((?:\x02czjqqkd:[0-9]+\x03)+)</p>|\x02czjqqkd:([0-9]+)\x03`)
	editMark    = regexp.MustCompile(`\x02czjqqkd:([0-9]+)\x03`)
	editClasses = regexp.MustCompile(`((?:ins|del|mark)\s+class=(['"]))([^'"]*)(['"])`)
)

// showEdits puts the elements of edits in the place of their marks.
func (p *page) showEdits(text string) string {
	if len(p.edits) == 0 {
		return text
	}

	one := func(mark string) string {
		if i := number(editMark.FindStringSubmatch(mark)[1], 0); i < len(p.edits) {
			return p.edits[i]
		}

		return mark
	}

	return editMarks.ReplaceAllStringFunc(text, func(match string) string {
		if !strings.HasPrefix(match, "<p>") {
			return one(match)
		}

		content := editMark.ReplaceAllStringFunc(match[len("<p>"):len(match)-len("</p>")], one)

		return editClasses.ReplaceAllStringFunc(content, func(edit string) string {
			m := editClasses.FindStringSubmatch(edit)
			for class := range strings.SplitSeq(m[3], " ") {
				if class == "break" {
					return edit
				}
			}

			return m[1] + m[3] + " block" + m[4]
		})
	})
}

//nolint:gochecknoglobals // Immutable.
var (
	graphvizBraces = regexp.MustCompile(`(?ms)^\{%[ ]* (\w+)\s+([^\s]+)\s*\n(.*?)%\}\s*$`)
	graphvizFence  = regexp.MustCompile("(?ms)^```graphviz[ ]* (\\w+)\\s+([^\\s]+)\\s*\\n(.*?)```\\s*$")
	pictureWrapper = strings.NewReplacer("<svg", "<div><svg", "</svg>", "</svg></div>")
)

// graphviz shows the source of diagrams for Graphviz, which cannot be drawn here, and wraps pictures, as its extension does.
func (p *page) graphviz(text string) string {
	for _, pattern := range []*regexp.Regexp{graphvizBraces, graphvizFence} {
		if !strings.Contains(text, "{%") && !strings.Contains(text, "```graphviz") {
			break
		}

		text = pattern.ReplaceAllStringFunc(text, func(block string) string {
			m := pattern.FindStringSubmatch(block)

			switch m[1] {
			case "dot", "neato", "fdp", "sfdp", "twopi", "circo":
			default:
				return block
			}

			first, _, _ := strings.Cut(block, "\n")
			p.warn(p.lineOf(first), "the diagram "+m[2]+" is shown as source: Graphviz is not run here; draw it before, and show the picture")

			return "\n```dot\n" + m[3] + "```\n"
		})
	}

	if strings.Contains(text, "svg") {
		text = pictureWrapper.Replace(text)
	}

	return text
}
