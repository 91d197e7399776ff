package inline

import (
	"strconv"
	"strings"

	"github.com/portico-dev/portico/techdocs/markdown/internal/highlight"
	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// escapedBackslash is a backslash that is no escape.
const escapedBackslash = tree.STX + "92" + tree.ETX

// tickMemo has the positions from which on no run of backticks of a length comes any more.
type tickMemo struct {
	data   string
	absent map[int]int
}

// codeSpans finds `code`, and with pymdownx.inlinehilite also `#!python code` and `:::python code`.
func codeSpans(b *builder) error {
	options, highlighted := b.options("pymdownx.inlinehilite")
	if err := options.known("style_plain_text", "css_class", "custom_inline"); err != nil {
		return err
	}

	spans := &spans{highlighted: highlighted, class: options.text("css_class", "")}

	if highlighted {
		var err error
		if spans.highlighter, err = highlight.New(b.extensions["pymdownx.highlight"]); err != nil {
			return err
		}

		spans.setPlain(options)
		spans.setCustom(options)
	}

	b.add(&pattern{trigger: "`", find: spans.find})

	return nil
}

type spans struct {
	highlighted, plain bool
	language, class    string
	highlighter        *highlight.Highlighter
	custom             map[string]customSpan
}

// A customSpan is an entry of custom_inline with a format for formulas, which is the only one there is.
type customSpan struct {
	class  string
	format MathFormat
}

func (s *spans) setCustom(options Options) {
	s.custom = map[string]customSpan{}

	entries, _ := options.values["custom_inline"].([]any)
	for _, entry := range entries {
		table, _ := entry.(map[string]any)
		custom := Options{"custom_inline", table}
		name := custom.text("name", "")

		if format := custom.text("format", ""); strings.Contains(format, "arithmatex") || strings.Contains(format, "math") {
			generic := !strings.Contains(format, "mathjax")
			s.custom[name] = customSpan{custom.text("class", ""), MathFormat{tag: "span", open: "\\(", close: "\\)", generic: generic}}
		}
	}
}

func (s *spans) setPlain(options Options) {
	s.plain = options.flag("style_plain_text", false)
	if language, ok := options.values["style_plain_text"].(string); ok {
		s.language = language
	}
}

func (s *spans) find(r *reader, data string, pos, floor int) (match, bool) {
	for pos < len(data) {
		index := strings.IndexAny(data[pos:], "`\\")
		if index < 0 {
			break
		}

		pos += index
		char := data[pos]
		length := runLength(data, pos, char)
		escaped := before(data, pos, floor) == '\\'

		if char == '\\' {
			if !escaped && length%2 == 0 && at(data, pos+length) == '`' {
				return match{start: pos, end: pos + length, found: found{text: strings.Repeat(escapedBackslash, length/2)}}, true
			}
		} else if m, ok := s.span(r, data, pos, length, escaped); ok {
			return m, true
		}

		pos += length
	}

	return match{}, false
}

// span reads the code that begins with a run of backticks. Of an escaped run, the first one does not count. The run may be longer than
// that at the end of the code: then the code begins with backticks.
func (s *spans) span(r *reader, data string, pos, length int, escaped bool) (match, bool) {
	after := pos + length

	if escaped {
		pos++
		length--
	}

	for ; length > 0; length-- {
		if m, ok := s.closed(r, data, pos, length, after); ok {
			return m, true
		}
	}

	return match{}, false
}

func (s *spans) closed(r *reader, data string, pos, length, after int) (match, bool) {
	start := pos + length

	if s.highlighted {
		language, code, least := header(data, start)
		for ; code >= least && code > start; code-- {
			if end := r.ticksFrom(data, max(after, code+1), length); end >= 0 {
				return match{start: pos, end: end + length, found: s.format(r, data[code:end], language)}, true
			}
		}
	}

	end := r.ticksFrom(data, max(after, start+1), length)
	if end < 0 {
		return match{}, false
	}

	return match{start: pos, end: end + length, found: s.format(r, data[start:end], "")}, true
}

// header reads "#!python " or ":::python ". The code begins at a position from least to code, which are 0 if there is no header.
func header(data string, start int) (language string, code, least int) {
	pos := start + runLength(data, start, ':')
	if pos-start < 3 {
		if !strings.HasPrefix(data[start:], "#!") {
			return "", 0, 0
		}

		pos = start + 2
	}

	name := pos
	for pos < len(data) && (isWord(at(data, pos)) || strings.IndexByte("#.+-", data[pos]) >= 0) {
		pos += width(data, pos)
	}

	code = spaces(data, pos)
	if code == pos {
		return "", 0, 0
	}

	return data[name:pos], code, pos + 1
}

// ticksFrom finds a run of exactly length backticks at or after pos. What was not found once is not looked for again.
func (r *reader) ticksFrom(data string, pos, length int) int {
	if r.scan.ticks.data != data {
		r.scan.ticks = tickMemo{data, nil}
	}

	if from, ok := r.scan.ticks.absent[length]; ok && pos >= from {
		return -1
	}

	from := pos

	for pos < len(data) {
		index := indexByteFrom(data, '`', pos)
		if index < 0 {
			break
		}

		found := runLength(data, index, '`')
		if found == length && data[index-1] != '`' {
			return index
		}

		pos = index + found
	}

	if r.scan.ticks.absent == nil {
		r.scan.ticks.absent = map[int]int{}
	}

	r.scan.ticks.absent[length] = from

	return -1
}

func (s *spans) format(r *reader, code, language string) found {
	code = strip(code)

	if !s.highlighted {
		element := &tree.Element{Tag: "code"}
		element.SetFinal(escapeHTML(code))

		return found{element: element}
	}

	if custom, ok := s.custom[language]; ok {
		element := custom.format.Element(code)
		if custom.format.generic {
			element.Set("class", custom.class)
		}

		return found{element: element}
	}

	if language == "" && !s.plain {
		element := &tree.Element{Tag: "code"}
		element.SetText(r.doc.Stash.Store(escapeHTML(code)))

		return found{element: element}
	}

	html, class := s.highlighter.Inline(code, language, s.language, s.class)

	element := &tree.Element{Tag: "code"}
	if class != "" {
		element.Set("class", class)
	}

	element.SetText(r.doc.Stash.Store(html))

	return found{element: element}
}

func escapeMark(char rune) string { return tree.STX + strconv.Itoa(int(char)) + tree.ETX }

// backslashes finds escapes.
func backslashes(b *builder) error {
	options, all := b.options("pymdownx.escapeall")
	if err := options.known("hardbreak", "nbsp"); err != nil {
		return err
	}

	if !all {
		b.add(&pattern{trigger: "\\", find: func(_ *reader, data string, pos, _ int) (match, bool) {
			return findEscape(&b.parser.escaped, data, pos)
		}})

		return nil
	}

	breaks, nbsp := options.flag("hardbreak", false), options.flag("nbsp", false)

	b.add(&pattern{trigger: "\\", find: func(r *reader, data string, pos, _ int) (match, bool) {
		return findAnyEscape(r, data, pos, breaks, nbsp)
	}})

	return nil
}

func findEscape(escaped *[128]bool, data string, pos int) (match, bool) {
	for {
		index := indexByteFrom(data, '\\', pos)
		if index < 0 || index+1 >= len(data) {
			return match{}, false
		}

		char := data[index+1]
		if char < 128 && escaped[char] {
			return match{start: index, end: index + 2, found: found{text: escapeMark(rune(char))}}, true
		}

		pos = index + 1 + width(data, index+1)
	}
}

func findAnyEscape(r *reader, data string, pos int, breaks, nbsp bool) (match, bool) {
	for {
		index := indexByteFrom(data, '\\', pos)
		if index < 0 || index+1 >= len(data) {
			return match{}, false
		}

		char := at(data, index+1)
		end := index + 1 + width(data, index+1)

		if char == '\n' && breaks {
			pos = index + 1

			continue
		}

		var text string

		switch {
		case char == '<' || char == '>' || char == '&':
			text = r.doc.Stash.Store(escapeHTML(string(char)))
		case char == ' ' && nbsp:
			text = r.doc.Stash.Store("&nbsp;")
		case char == '\x02' || char == '\x03':
			text = string(char)
		default:
			text = escapeMark(char)
		}

		return match{start: index, end: end, found: found{text: text}}, true
	}
}
