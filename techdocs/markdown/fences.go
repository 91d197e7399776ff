package markdown

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/techdocs/markdown/internal/highlight"
	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// A fence is a fenced block of code while it is read. It may be in lists and quotes: the prefix of its lines is white space and ">".
type fence struct {
	// first and last are the lines that open and close the fence, prefix that of the first one.
	first, last, prefix string
	// mark is the fence itself.
	mark   string
	quotes int
	code   []string
	blanks int
	start  int

	header fenceHeader
}

// A fenceHeader is what the first line of a fence says.
type fenceHeader struct {
	language string
	options  map[string]string
	classes  []string
	id       string
	attrs    []tree.Attr
	format   fenceFormat
}

// A fenceFormat writes the HTML of a fence. It returns false if it cannot.
type fenceFormat func(p *page, f *fence, end int) (string, bool)

// A fenceKind is how fences of one language are written. The validator sorts what the header says into options and attributes.
type fenceKind struct {
	language string
	any      bool
	validate func(key, value string) (isOption bool)
	format   fenceFormat
}

// A savedFence is the source of a fence that became a mark, in case it turns out to be part of indented code.
type savedFence struct {
	source string
	indent int
}

// fences replaces fenced code by marks.
func (p *page) fences(lines []string) []string {
	out := make([]string, 0, len(lines))

	var open *fence

	for i, line := range lines {
		out = append(out, line)

		if open == nil {
			open = p.openFence(line, i)

			continue
		}

		switch open.read(line, p.conv.separateQuotes) {
		case fenceContinues:
		case fenceBroken:
			// The line that broke it is not looked at again, as in the original.
			open = nil
		case fenceClosed:
			if html, ok := open.header.format(p, open, i+1); ok {
				out = append(out[:len(out)-(i-open.start)-1], open.prefix+p.storeFence(open, html))
			}

			open = nil
		}
	}

	return out
}

// tabMark stands for a tab in code while the others are replaced by spaces, if tabs of code are to be kept.
const tabMark = "\x05"

// keepTabs puts marks in the place of the tabs in fenced code.
func (p *page) keepTabs(text string) string {
	lines := strings.Split(text, "\n")

	var open *fence

	for i, line := range lines {
		if open == nil {
			open = p.openFence(line, i)

			continue
		}

		switch open.read(line, p.conv.separateQuotes) {
		case fenceContinues:
			continue
		case fenceClosed:
			for j := open.start + 1; j < i; j++ {
				n := min(len(open.prefix), len(lines[j]))
				lines[j] = lines[j][:n] + strings.ReplaceAll(lines[j][n:], "\t", tabMark)
			}
		case fenceBroken:
		}

		open = nil
	}

	return strings.Join(lines, "\n")
}

// expandMarks puts spaces in the place of marks of tabs that turned out not to be in fenced code.
func expandMarks(text string) string { return strings.ReplaceAll(text, tabMark, spaces(tabLength)) }

func (p *page) storeFence(f *fence, html string) string {
	mark := p.stash.Store(html)
	p.savedFences[mark] = savedFence{
		source: expandMarks(f.first + "\n" + strings.Join(f.code, "\n") + "\n" + f.last),
		indent: len(f.prefix),
	}

	return mark
}

// restoreFences puts the source of fences back into a block that turned out to be indented code.
func (p *page) restoreFences(block string) string {
	if len(p.savedFences) == 0 || !strings.Contains(block, tree.StashPrefix) {
		return block
	}

	lines := strings.Split(block, "\n")

	var out []string

	for _, line := range lines {
		prefix := len(line) - len(strings.TrimLeft(line, "> "))
		saved, ok := p.savedFences[line[prefix:]]

		if !ok {
			out = append(out, line)

			continue
		}

		delete(p.savedFences, line[prefix:])

		for source := range strings.SplitSeq(saved.source, "\n") {
			out = append(out, source[min(max(saved.indent-prefix, 0), len(source)):])
		}
	}

	return strings.Join(out, "\n")
}

func (p *page) openFence(line string, number int) *fence {
	prefix := len(line) - len(strings.TrimLeft(line, "> \t"))
	rest := line[prefix:]

	if !strings.HasPrefix(rest, "```") && !strings.HasPrefix(rest, "~~~") {
		return nil
	}

	mark := rest[:len(rest)-len(strings.TrimLeft(rest, rest[:1]))]
	header, ok := p.conv.fenceHeader(rest[len(mark):])

	if !ok {
		return nil
	}

	return &fence{
		first:  line,
		prefix: line[:prefix],
		mark:   mark,
		quotes: strings.Count(line[:prefix], ">"),
		start:  number,
		header: header,
	}
}

type fenceState int

const (
	fenceContinues fenceState = iota
	fenceBroken
	fenceClosed
)

// read looks at the next line of an open fence.
func (f *fence) read(line string, sameQuotes bool) fenceState {
	n := 0
	for n < len(line) && n < len(f.prefix) && (line[n] == '>' || line[n] == ' ') {
		n++
	}

	prefix, content := line[:n], line[n:]
	quotes := strings.Count(prefix, ">")

	switch {
	case f.quotes > 0:
		return f.readQuoted(line, prefix, content, quotes, sameQuotes)
	case quotes > 0:
		return fenceBroken
	case isBlank(line):
		f.blanks++
		f.code = append(f.code, line)
	case n != len(f.prefix) && content != "":
		return fenceBroken
	case f.closes(content):
		f.last = line

		return fenceClosed
	default:
		f.blanks = 0
		f.code = append(f.code, line)
	}

	return fenceContinues
}

func (f *fence) readQuoted(line, prefix, content string, quotes int, sameQuotes bool) fenceState {
	switch {
	case quotes > f.quotes, sameQuotes && quotes != f.quotes:
		return fenceBroken
	case content == "":
		f.code = append(f.code, line)
		f.blanks++
	case len(prefix) < len(f.prefix), f.blanks > 0 && quotes < f.quotes:
		return fenceBroken
	case f.closes(content):
		f.last = line

		return fenceClosed
	default:
		f.blanks = 0
		f.code = append(f.code, line)
	}

	return fenceContinues
}

func (f *fence) closes(content string) bool {
	rest, ok := strings.CutPrefix(content, f.mark)

	return ok && strings.Trim(rest, " \t") == ""
}

// source is the code without the prefixes of its lines.
func (f *fence) source() string {
	lines := make([]string, len(f.code))
	for i, line := range f.code {
		lines[i] = line[min(len(f.prefix), len(line)):]
	}

	return strings.ReplaceAll(strings.Join(lines, "\n"), tabMark, "\t")
}

//nolint:gochecknoglobals // Immutable.
var (
	fenceLanguage = regexp.MustCompile(`^[ \t]*\.?([\p{L}\p{N}_#.+-]+)`)
	fenceOption   = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9_]*)(?:="(.*?)"|='(.*?)')?`)
	// A quotation mark that no space follows is a part of the value.
	optionsHeader = regexp.MustCompile(
		`^(?:[ \t]*[a-zA-Z][a-zA-Z0-9_]*[\t ]|[ \t]*[a-zA-Z][a-zA-Z0-9_]*=".*"[\t ]|[ \t]*[a-zA-Z][a-zA-Z0-9_]*='.*'[\t ])*$`)
	highlightedLines = regexp.MustCompile(`^\d+(?:-\d+)?(?:[ \t]+\d+(?:-\d+)?)*$`)
	lineNumbers      = regexp.MustCompile(`^([\d]+)(?:[ \t]+([\d]+))?(?:[ \t]+([\d]+))?`)
)

// fenceHeader reads what follows the mark of a fence. It returns false if it is not what a fence can have.
func (c *Converter) fenceHeader(rest string) (fenceHeader, bool) {
	header := fenceHeader{}

	if m := fenceLanguage.FindStringSubmatchIndex(rest); m != nil && (m[1] == len(rest) || rest[m[1]] == ' ' || rest[m[1]] == '\t') {
		header.language = rest[m[2]:m[3]]
		rest = rest[m[1]:]
	}

	rest = strings.Trim(rest, " \t")

	switch {
	case len(rest) > len("{}") && rest[0] == '{' && rest[len(rest)-1] == '}':
		return c.attributeHeader(header, rest[1:len(rest)-1])
	case rest == "", rest == "{}":
		return c.optionHeader(header, "")
	case optionsHeader.MatchString(rest + " "):
		return c.optionHeader(header, rest)
	case c.relaxedHeaders:
		return c.choose(header, nil, true)
	}

	return header, false
}

func (c *Converter) optionHeader(header fenceHeader, options string) (fenceHeader, bool) {
	var values []tree.Attr

	for _, m := range fenceOption.FindAllStringSubmatchIndex(options, -1) {
		key := submatch(options, m, 1)
		value := key

		if m[1] > m[3] {
			value = submatch(options, m, 2) + submatch(options, m, 3)
		}

		values = setAttr(values, key, value)
	}

	found, ok := c.choose(header, values, false)
	if !ok && c.relaxedHeaders {
		return c.choose(header, nil, true)
	}

	return found, ok
}

func (c *Converter) attributeHeader(header fenceHeader, list string) (fenceHeader, bool) {
	attrs, _ := tree.ParseAttrs(list)

	var values []tree.Attr

	for _, attr := range attrs {
		switch attr.Key {
		case "id":
			header.id = attr.Value
		case ".":
			header.classes = append(header.classes, attr.Value)
		default:
			values = setAttr(values, attr.Key, attr.Value)
		}
	}

	if header.language == "" && len(header.classes) > 0 {
		header.language = header.classes[0]
		header.classes = header.classes[1:]
	}

	found, ok := c.choose(header, values, true)
	if !ok && c.relaxedHeaders {
		return c.choose(header, nil, true)
	}

	return found, ok
}

// choose finds the last kind of fence that takes the language, and options without attributes unless those are allowed.
func (c *Converter) choose(header fenceHeader, values []tree.Attr, attributes bool) (fenceHeader, bool) {
	for _, kind := range slices.Backward(c.fenceKinds) {
		if !kind.any && kind.language != header.language {
			continue
		}

		options, attrs := map[string]string{}, []tree.Attr(nil)

		for _, value := range values {
			if kind.validate(value.Key, value.Value) {
				options[value.Key] = value.Value
			} else {
				attrs = append(attrs, value)
			}
		}

		if len(attrs) > 0 && !attributes {
			continue
		}

		header.options, header.format = options, kind.format

		if attributes && c.attrLists {
			header.attrs = attrs
		}

		return header, true
	}

	return header, false
}

func setAttr(attrs []tree.Attr, key, value string) []tree.Attr {
	for i := range attrs {
		if attrs[i].Key == key {
			attrs[i].Value = value

			return attrs
		}
	}

	return append(attrs, tree.Attr{Key: key, Value: value})
}

// highlightOption says whether a key of a header is an option of highlighted code.
func highlightOption(key, value string) bool {
	switch key {
	case "hl_lines":
		return highlightedLines.MatchString(value)
	case "linenums":
		return lineNumbers.MatchString(value)
	case "title":
		return true
	}

	return false
}

func noOption(string, string) bool { return false }

// highlightFence writes a fence as highlighted code.
func highlightFence(p *page, f *fence, end int) (string, bool) {
	const none = -1

	request := highlight.Request{
		Source: f.source(), Language: f.header.language, LineStart: none, LineStep: none, LineSpecial: none,
		Classes: f.header.classes, ID: f.header.id, Attrs: f.header.attrs, Block: p.codeBlocks,
	}
	p.codeBlocks++

	if lines, ok := f.header.options["hl_lines"]; ok {
		request.HighlightLines = parseLines(lines, end-f.start-2)
	}

	if numbers, ok := f.header.options["linenums"]; ok {
		m := lineNumbers.FindStringSubmatch(numbers)
		request.LineStart = number(m[1], none)
		request.LineStep = number(m[2], none)
		request.LineSpecial = number(m[3], none)

		if request.LineStep <= 1 {
			request.LineStep = none
		}
	}

	request.Title, request.HasTitle = f.header.options["title"]

	return p.conv.highlighter.Block(request), true
}

// parseLines reads "1 3-5". Lines beyond the last one are one line.
func parseLines(text string, last int) []int {
	clamp := func(word string) int {
		n := number(word, last+1)

		return min(max(n, 0), last+1)
	}

	var lines []int

	for word := range strings.FieldsSeq(text) {
		from, to, isRange := strings.Cut(word, "-")
		if !isRange {
			if n := clamp(from); n >= 1 && n <= last {
				lines = append(lines, n)
			}

			continue
		}

		for n := clamp(from); n <= clamp(to); n++ {
			lines = append(lines, n)
		}
	}

	return lines
}

func number(digits string, missing int) int {
	const most = 1 << 30

	if digits == "" {
		return missing
	}

	n, err := strconv.Atoi(digits)
	if err != nil || n > most {
		return most
	}

	return n
}

// plainFence writes a fence as an element with the escaped code, for a program in the browser.
func plainFence(class, open, before, after string) fenceFormat {
	return func(_ *page, f *fence, _ int) (string, bool) {
		var out strings.Builder

		out.WriteString(open)

		if f.header.id != "" {
			out.WriteString(` id="` + f.header.id + `"`)
		}

		classes := f.header.classes
		if class != "" {
			classes = append([]string{class}, classes...)
		}

		if len(classes) > 0 {
			out.WriteString(` class="` + strings.Join(classes, " ") + `"`)
		}

		for _, attr := range f.header.attrs {
			out.WriteString(" " + attr.Key + `="` + attr.Value + `"`)
		}

		out.WriteString(before + escapeCode(f.source()) + after)

		return out.String(), true
	}
}

func codeFence(class string) fenceFormat {
	return plainFence(class, "<pre", "><code>", "</code></pre>")
}

func divFence(class string) fenceFormat { return plainFence(class, "<div", ">", "</div>") }
