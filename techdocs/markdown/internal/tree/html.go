package tree

import (
	"slices"
	"strings"
)

// HTML is the element with its tail as XHTML-like text: attributes in lexical order, "<br />" for empty elements. An ampersand that begins
// an entity is left as it is.
func (e *Element) HTML() string {
	var out strings.Builder

	e.WriteHTML(&out)

	return out.String()
}

// WriteHTML writes what HTML returns.
func (e *Element) WriteHTML(out *strings.Builder) {
	out.WriteByte('<')
	out.WriteString(e.Tag)
	e.writeAttrs(out)

	empty := IsVoid(e.Tag)
	if empty {
		out.WriteString(" />")
	} else {
		out.WriteByte('>')

		if raw := strings.ToLower(e.Tag); raw == "script" || raw == "style" {
			out.WriteString(e.Text)
		} else {
			writeEscaped(out, e.Text, false)
		}

		for _, child := range e.Children {
			child.WriteHTML(out)
		}

		out.WriteString("</")
		out.WriteString(e.Tag)
		out.WriteByte('>')
	}

	writeEscaped(out, e.Tail, false)
}

func (e *Element) writeAttrs(out *strings.Builder) {
	attrs := e.Attrs
	if len(attrs) > 1 {
		attrs = slices.Clone(attrs)
		slices.SortStableFunc(attrs, func(a, b Attr) int { return strings.Compare(a.Key, b.Key) })
	}

	for _, attr := range attrs {
		out.WriteByte(' ')
		out.WriteString(attr.Key)
		out.WriteString(`="`)
		writeEscaped(out, attr.Value, true)
		out.WriteByte('"')
	}
}

// EscapeText escapes <, > and each & that does not begin an entity.
func EscapeText(text string) string {
	var out strings.Builder

	writeEscaped(&out, text, false)

	return out.String()
}

func writeEscaped(out *strings.Builder, text string, attribute bool) {
	start := 0

	for i := range len(text) {
		var escape string

		switch text[i] {
		case '&':
			if EntityLength(text[i:]) > 0 {
				continue
			}

			escape = "&amp;"
		case '<':
			escape = "&lt;"
		case '>':
			escape = "&gt;"
		case '"':
			if !attribute {
				continue
			}

			escape = "&quot;"
		default:
			continue
		}

		out.WriteString(text[start:i])
		out.WriteString(escape)

		start = i + 1
	}

	out.WriteString(text[start:])
}

// EntityLength is the length of the entity (its form only, not whether it exists) that text begins with: "&amp;", "&#38;", "&#x26;". It is
// 0 if there is none.
func EntityLength(text string) int {
	if len(text) < 3 || text[0] != '&' {
		return 0
	}

	i, digit := 1, isAlphanumeric

	if text[1] == '#' {
		i, digit = 2, isDecimal

		if text[2] == 'x' || text[2] == 'X' {
			i, digit = 3, isHexadecimal
		}
	}

	start := i
	for i < len(text) && digit(text[i]) {
		i++
	}

	if i == start || i == len(text) || text[i] != ';' {
		return 0
	}

	return i + 1
}

func isDecimal(c byte) bool { return c >= '0' && c <= '9' }

func isHexadecimal(c byte) bool { return isDecimal(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

func isAlphanumeric(c byte) bool { return isDecimal(c) || c|0x20 >= 'a' && c|0x20 <= 'z' }

// IsVoid says that an element has no content and no end tag in HTML.
func IsVoid(tag string) bool {
	switch strings.ToLower(tag) {
	case "area", "base", "basefont", "br", "col", "embed", "frame", "hr", "img", "input", "isindex", "link", "meta", "param", "source", "track", "wbr":
		return true
	}

	return false
}

// IsBlock says that an element is not wrapped in a paragraph.
func IsBlock(tag string) bool {
	_, ok := blocks[tag]
	if !ok {
		_, ok = blocks[strings.TrimRight(strings.ToLower(tag), "/")]
	}

	return ok
}

//nolint:gochecknoglobals // A constant table.
var blocks = func() map[string]struct{} {
	set := map[string]struct{}{}

	for tag := range strings.FieldsSeq(`address article aside blockquote details div dl fieldset figcaption figure footer form h1 h2 h3 h4
		h5 h6 header hgroup hr main menu nav ol p pre section table ul canvas colgroup dd body dt group html iframe li legend math map
		noscript output object option progress script style summary tbody td textarea tfoot th thead tr video center`) {
		set[tag] = struct{}{}
	}

	return set
}()
