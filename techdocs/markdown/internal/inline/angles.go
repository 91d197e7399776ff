package inline

import (
	"strconv"
	"strings"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// angleLinks finds <https://host> and <name@host>.
func angleLinks(b *builder) error {
	magic, _ := b.options("pymdownx.magiclink")
	hide, shorten := magic.flag("hide_protocol", false), magic.flag("repo_url_shortener", false)

	b.add(
		&pattern{trigger: "<", again: true, find: func(r *reader, data string, pos, _ int) (match, bool) {
			return eachAngle(r, data, pos, func(start, end int) (found, bool) {
				address := data[start+1 : end-1]
				if protocolLength(address) == 0 {
					return found{}, false
				}

				return found{element: addressLink(r.unmark(address), address, hide, shorten)}, true
			})
		}},
		&pattern{trigger: "@", again: true, find: func(r *reader, data string, pos, _ int) (match, bool) {
			return eachAngle(r, data, pos, func(start, end int) (found, bool) {
				address := data[start+1 : end-1]
				at := strings.LastIndexByte(address, '@')

				if at <= 0 || at == len(address)-1 || strings.Contains(address, " ") || strings.Contains(address[:at], "!") {
					return found{}, false
				}

				return found{element: mailLink(strings.TrimPrefix(r.unmark(address), "mailto:"))}, true
			})
		}},
	)

	return nil
}

// eachAngle calls try with each <...>, until it is true.
func eachAngle(r *reader, data string, pos int, try func(start, end int) (found, bool)) (match, bool) {
	for {
		start := indexByteFrom(data, '<', pos)
		if start < 0 {
			return match{}, false
		}

		next := strings.IndexAny(data[start+1:], "<>")
		if next < 0 {
			return match{}, false
		}

		pos = start + 1 + next
		if data[pos] == '<' {
			r.reject(start)

			continue
		}

		pos++
		if f, ok := try(start, pos); ok {
			return match{start: start, end: pos, found: f}, true
		}
	}
}

// protocolLength is the length of "http://", "https://", "ftp://" or "ftps://" that text begins with, or 0.
func protocolLength(text string) int {
	for _, protocol := range []string{"http://", "https://", "ftp://", "ftps://"} {
		if len(text) >= len(protocol) && strings.EqualFold(text[:len(protocol)], protocol) {
			return len(protocol)
		}
	}

	return 0
}

// magicMark marks links that are made from a bare address, until they are shortened.
const magicMark = "magiclink"

func addressLink(href, text string, hide, shorten bool) *tree.Element {
	if hide {
		if _, rest, ok := strings.Cut(text, "://"); ok {
			text = rest
		}
	}

	element := tree.New("a", "href", href)
	element.SetFinal(text)

	if shorten {
		element.Set(magicMark, "1")
	}

	return element
}

// mailLink is a link to an address, written as numbers, so that not every robot finds it.
func mailLink(address string) *tree.Element {
	element := tree.New("a", "href", numbered("mailto:"+address))
	element.SetFinal(numbered(address))

	return element
}

func numbered(text string) string {
	var out strings.Builder

	for _, char := range text {
		out.WriteString(tree.Amp)
		out.WriteByte('#')
		out.WriteString(strconv.Itoa(int(char)))
		out.WriteByte(';')
	}

	return out.String()
}

// lineBreaks finds two spaces before the end of a line.
func lineBreaks(b *builder) error {
	b.add(textPattern("\n", "  \n", func(*reader) found { return found{element: &tree.Element{Tag: "br"}} }))

	return nil
}

// newLines finds the breaks of pymdownx.escapeall and nl2br.
func newLines(b *builder) error {
	lineBreak := func(*reader) found { return found{element: &tree.Element{Tag: "br"}} }

	if options, ok := b.options("pymdownx.escapeall"); ok && options.flag("hardbreak", false) {
		b.add(textPattern("\\", "\\\n", lineBreak))
	}

	options, ok := b.options("nl2br")
	if ok {
		b.add(textPattern("\n", "\n", lineBreak))
	}

	return options.known()
}

// textPattern finds a fixed text.
func textPattern(trigger, text string, replace func(*reader) found) *pattern {
	return &pattern{trigger: trigger, find: func(r *reader, data string, pos, _ int) (match, bool) {
		start := indexFrom(data, text, pos)
		if start < 0 {
			return match{}, false
		}

		return match{start: start, end: start + len(text), found: replace(r)}, true
	}}
}

// rawHTML finds tags, comments, processing instructions and CDATA.
func rawHTML(b *builder) error {
	quotes, on := b.options("smarty")
	strict := on && quotes.flag("smart_angled_quotes", false)

	b.add(&pattern{trigger: "<", again: true, find: func(r *reader, data string, pos, _ int) (match, bool) {
		for {
			start := indexByteFrom(data, '<', pos)
			if start < 0 {
				return match{}, false
			}

			if end := rawEnd(data, start); end >= 0 && !(strict && at(data, end) == '>') {
				return match{start: start, end: end, found: found{text: r.doc.Stash.Store(unescape(r.unmarkHTML(data[start:end])))}}, true
			}

			r.reject(start)

			pos = start + 1
		}
	}})

	return nil
}

// rawEnd is the end of the HTML that begins at start, or -1.
func rawEnd(data string, start int) int {
	rest := data[start:]

	for _, form := range []struct{ open, close string }{{"<!--", "-->"}, {"<?", "?>"}, {"<![CDATA[", "]]>"}} {
		if !strings.HasPrefix(rest, form.open) {
			continue
		}

		from := start + len(form.open)
		limit := len(data)

		// The begin of another one ends the search, also if it is the begin of the end.
		if next := indexFrom(data, form.open, from); next >= 0 {
			limit = next + len(form.open) - 1
		}

		end := strings.Index(data[from:limit], form.close)
		if end < 0 {
			return -1
		}

		return from + end + len(form.close)
	}

	return tagEnd(data, start+1)
}

// tagEnd is the end of the tag whose name, or "/" and name, is at pos, or -1.
func tagEnd(data string, pos int) int {
	if at(data, pos) == '/' {
		pos++
	}

	if char := at(data, pos); char == none || char >= 0x80 || !isAlnum(char) || isDigit(char) {
		return -1
	}

	name := strings.IndexAny(data[pos:], "<>@ ")
	if name < 0 {
		return -1
	}

	pos += name
	if data[pos] == ' ' {
		end := strings.IndexAny(data[pos:], "<>")
		if end < 0 {
			return -1
		}

		pos += end
	}

	if data[pos] != '>' {
		return -1
	}

	return pos + 1
}

// unmarkHTML is unmark for raw HTML: elements are HTML in it, and escapes have their backslash again.
func (r *reader) unmarkHTML(text string) string {
	var out strings.Builder

	for {
		index := strings.Index(text, placeholder)
		if index < 0 {
			break
		}

		out.WriteString(text[:index])

		number, length := r.markAt(text, index)
		if length == 0 {
			out.WriteString(placeholder)
			text = text[index+len(placeholder):]

			continue
		}

		if element := r.stash[number].element; element != nil {
			out.WriteString(r.unmarkHTML(element.HTML()))
		} else {
			out.WriteByte('\\')
			out.WriteString(r.stash[number].text)
		}

		text = text[index+length:]
	}

	if out.Len() == 0 {
		return text
	}

	out.WriteString(text)

	return out.String()
}

// unescape replaces the marks of escapes by their characters.
func unescape(text string) string {
	start := strings.Index(text, tree.STX)
	if start < 0 {
		return text
	}

	var out strings.Builder

	for start >= 0 {
		out.WriteString(text[:start])
		text = text[start:]
		digits := 1

		for digits < len(text) && isDigit(rune(text[digits])) {
			digits++
		}

		number, err := strconv.Atoi(text[1:digits])
		if err == nil && strings.HasPrefix(text[digits:], tree.ETX) {
			out.WriteRune(rune(number))

			digits++
		} else {
			out.WriteString(text[:digits])
		}

		text = text[digits:]
		start = strings.Index(text, tree.STX)
	}

	out.WriteString(text)

	return out.String()
}

// entities finds &name; and &#number;. They are left as they are.
func entities(b *builder) error {
	b.add(&pattern{trigger: "&", find: func(r *reader, data string, pos, _ int) (match, bool) {
		for {
			start := indexByteFrom(data, '&', pos)
			if start < 0 {
				return match{}, false
			}

			length := tree.EntityLength(data[start:])
			if length > 0 && !strings.HasPrefix(data[start:], "&#X") {
				return match{start: start, end: start + length, found: found{text: r.doc.Stash.Store(data[start : start+length])}}, true
			}

			pos = start + 1
		}
	}})

	return nil
}
