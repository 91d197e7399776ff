package entity

import (
	"strings"
	"unicode/utf8"
)

// plainReader reads the YAML of which most files consist: block mappings and lists, scalars on one line, and literal
// texts. Its methods return false for anything else, wrong or rare, which the parser of all of YAML then reads. That
// takes ten times as long, and would be a third of what an entity costs on its way into the catalog.
type plainReader struct {
	// rest is what follows the current line.
	rest string
	// line is the number of the current line, from 1, text the line without its indentation and trailing spaces: "" at
	// the end.
	line, indent int
	text         string
}

// maxPlainDepth bounds the nesting, and maxPlainKey the keys, that plainReader reads.
const maxPlainDepth, maxPlainKey = 50, 128

// plainYAML reads one document, and returns the order of its keys and the line on which it begins.
func plainYAML(part []byte) (root map[string]any, order *keyOrder, line int, ok bool) {
	if !isPlainText(part) {
		return nil, nil, 0, false
	}
	r := &plainReader{rest: string(part)}
	r.next()
	if r.text == "---" && r.indent == 0 {
		r.next()
	}
	if line = r.line; r.indent != 0 {
		return nil, nil, 0, false
	}
	root, order, ok = r.mapping(0)
	return root, order, line, ok && r.text == ""
}

// isPlainText reports whether a text has no tabs, no other control characters, no other line breaks than \n, and only
// characters that every reader of YAML accepts.
func isPlainText(text []byte) bool {
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if c < ' ' && c != '\n' || c > '~' {
				return false
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if size == 1 || r < 0xA0 || r > 0xD7FF || r == '\u2028' || r == '\u2029' {
			return false
		}
		i += size
	}
	return true
}

// next goes to the next line that is neither blank nor a comment.
func (r *plainReader) next() {
	for r.rest != "" {
		var text string
		text, r.rest, _ = strings.Cut(r.rest, "\n")
		r.line++
		r.text = strings.TrimLeft(text, " ")
		r.indent = len(text) - len(r.text)
		r.text = strings.TrimRight(r.text, " ")
		if r.text != "" && r.text[0] != '#' {
			return
		}
	}
	r.text, r.indent = "", -1
}

func (r *plainReader) isItem() bool { return strings.HasPrefix(r.text, "- ") }

// block reads the mapping or the list that begins on the current line.
func (r *plainReader) block(depth int) (any, *keyOrder, bool) {
	if depth > maxPlainDepth {
		return nil, nil, false
	}
	if r.isItem() {
		return r.list(depth)
	}
	object, order, ok := r.mapping(depth)
	return object, order, ok
}

func (r *plainReader) mapping(depth int) (map[string]any, *keyOrder, bool) {
	indent := r.indent
	object, order := map[string]any{}, &keyOrder{}
	for r.text != "" && r.indent == indent {
		key, after, ok := plainKey(r.text)
		if !ok {
			return nil, nil, false
		}
		if _, twice := object[key]; twice {
			return nil, nil, false
		}
		value, below, ok := r.member(after, indent, depth)
		if !ok {
			return nil, nil, false
		}
		object[key] = value
		order.set(key, below)
	}
	return object, order, r.indent < indent && len(object) > 0
}

// member reads the value of a key, of which the first line is after it.
func (r *plainReader) member(after string, indent, depth int) (any, *keyOrder, bool) {
	switch after {
	case "":
		r.next()
		if r.indent > indent || r.indent == indent && r.isItem() {
			return r.block(depth + 1)
		}
		return nil, nil, true
	case "|", "|-":
		text, ok := r.literal(indent)
		if after == "|" {
			text += "\n"
		}
		r.next()
		return text, nil, ok
	default:
		value, below, ok := plainScalar(after)
		r.next()
		return value, below, ok
	}
}

func (r *plainReader) list(depth int) (any, *keyOrder, bool) {
	indent := r.indent
	items, order := []any{}, &keyOrder{}
	for r.indent == indent && r.isItem() {
		text := strings.TrimLeft(r.text[1:], " ")
		var item any
		var below *keyOrder
		var ok bool
		if _, _, isMapping := plainKey(text); isMapping {
			r.indent += len(r.text) - len(text)
			r.text = text
			item, below, ok = r.block(depth + 1)
		} else {
			item, below, ok = plainScalar(text)
			r.next()
		}
		if !ok {
			return nil, nil, false
		}
		items, order.values = append(items, item), append(order.values, below)
	}
	return items, order, r.indent <= indent
}

// literal reads the lines of a text that are indented by more than its key, without the line break at its end.
func (r *plainReader) literal(indent int) (string, bool) {
	var out strings.Builder
	within, breaks := -1, 0
	for r.rest != "" {
		text, rest, _ := strings.Cut(r.rest, "\n")
		begins := len(text) - len(strings.TrimLeft(text, " "))
		isBlank := begins == len(text)
		switch {
		case within < 0 && (isBlank || begins <= indent), isBlank && begins > within:
			return "", false // the indentation cannot be seen from the first line, or spaces are part of the text
		case within < 0:
			within = begins
		case !isBlank && begins < within:
			return out.String(), text[begins] != '#'
		}
		r.rest = rest
		r.line++
		if isBlank {
			breaks++
			continue
		}
		for ; breaks > 0; breaks-- {
			out.WriteByte('\n')
		}
		out.WriteString(text[within:])
		breaks = 1
	}
	return out.String(), within >= 0
}

// plainKey splits a line of a mapping. Its keys are words without quotes.
func plainKey(text string) (key, after string, ok bool) {
	at := strings.IndexByte(text, ':')
	if at < 1 || at > maxPlainKey || !isLetter(text[0]) || at+1 < len(text) && text[at+1] != ' ' {
		return "", "", false
	}
	key = text[:at]
	for i := range len(key) {
		if c := key[i]; !isLetter(c) && !isDigit(c) && strings.IndexByte("_-./", c) < 0 {
			return "", "", false
		}
	}
	if _, isText := resolvePlain(key).(string); !isText {
		return "", "", false
	}
	return key, strings.TrimLeft(text[at+1:], " "), true
}

// plainScalar is the value that a text on one line stands for.
func plainScalar(text string) (any, *keyOrder, bool) {
	last := text[len(text)-1]
	switch first := text[0]; {
	case text == "~":
		return nil, nil, true
	case text == "[]":
		return []any{}, &keyOrder{}, true
	case text == "{}":
		return map[string]any{}, &keyOrder{}, true
	case first == '"' || first == '\'':
		inner := strings.TrimSuffix(text[1:], string(first))
		isWhole := len(inner) == len(text)-2 && strings.IndexByte(inner, first) < 0
		return inner, nil, isWhole && (first == '\'' || strings.IndexByte(inner, '\\') < 0)
	case first < utf8.RuneSelf && !isLetter(first) && !isDigit(first) && strings.IndexByte("_/.(+$", first) < 0 &&
		(first != '-' || len(text) < 2 || !isDigit(text[1])):
		return nil, nil, false
	case last == ':' || strings.Contains(text, ": ") || strings.Contains(text, " #"):
		return nil, nil, false
	}
	value := resolvePlain(text)
	return value, nil, value != 0.0 || text[0] != '-' // -0 is another number in JSON than 0
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
