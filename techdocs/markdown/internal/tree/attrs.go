package tree

import (
	"regexp"
	"strings"
	"unicode"
)

// AttrList is the pattern of a list of attributes: "{#id .class key=value}". Its first group is what is in the braces.
const AttrList = `\{\:?[ ]*([^\}\n ][^\n]*)[ ]*\}`

//nolint:gochecknoglobals // Immutable.
var inlineAttrs = regexp.MustCompile(`^` + AttrList)

// TakeAttrs gives an element the attributes that its tail begins with.
func (e *Element) TakeAttrs() {
	if !strings.HasPrefix(e.Tail, "{") {
		return
	}

	if m := inlineAttrs.FindStringSubmatchIndex(e.Tail); m != nil {
		e.Tail = e.Tail[m[1]:] + AssignAttrs(e, e.Tail[m[2]:m[3]], false)
	}
}

// ParseAttrs reads `#id .class key="value" word`. The key of a class is ".". The remainder begins with a brace that closes the list before
// its end.
func ParseAttrs(list string) (attrs []Attr, remainder string) {
	i := 0

	for i < len(list) {
		if list[i] == ' ' {
			i++

			continue
		}

		end := attrWord(list, i)
		if end == i {
			break
		}

		attr, next := readAttr(list, i, end)
		attrs = append(attrs, attr)
		i = next
	}

	if k := strings.IndexByte(list[i:], '}'); k >= 0 {
		remainder = list[i+k:]
	}

	return attrs, remainder
}

func attrWord(list string, i int) int {
	for i < len(list) && list[i] != ' ' && list[i] != '=' && list[i] != '}' {
		i++
	}

	return i
}

func readAttr(list string, i, end int) (attr Attr, next int) {
	word := list[i:end]

	if end < len(list) && list[end] == '=' {
		rest := list[end+1:]

		for _, quote := range []string{`"`, "'"} {
			if !strings.HasPrefix(rest, quote) {
				continue
			}

			if k := strings.Index(rest[1:], quote); k >= 0 && !strings.Contains(rest[1:1+k], "\n") {
				return Attr{Key: word, Value: strings.Trim(rest[1:1+k], quote)}, end + 1 + k + 2
			}
		}

		if stop := attrWord(list, end+1); stop > end+1 {
			return Attr{Key: word, Value: list[end+1 : stop]}, stop
		}
	}

	switch word[0] {
	case '.':
		return Attr{Key: ".", Value: word[1:]}, end
	case '#':
		return Attr{Key: "id", Value: word[1:]}, end
	}

	return Attr{Key: word, Value: word}, end
}

// AssignAttrs gives an element the attributes of a list. If strict, a list with a remainder is none.
func AssignAttrs(e *Element, list string, strict bool) (remainder string) {
	attrs, remainder := ParseAttrs(list)
	if strict && remainder != "" {
		return remainder
	}

	// The classes are joined at the end: there may be very many.
	classes, changed := []string{}, false
	if class := e.Get("class"); class != "" {
		classes = append(classes, class)
	}

	for _, attr := range attrs {
		switch key := attrName(attr.Key); {
		case attr.Key == ".":
			classes, changed = append(classes, attr.Value), true
		case key == "class":
			classes, changed = []string{attr.Value}, true
		default:
			e.Set(key, attr.Value)
		}
	}

	if changed {
		e.Set("class", strings.Join(classes, " "))
	}

	return remainder
}

// attrName replaces what the name of an attribute cannot have.
func attrName(key string) string {
	plain := true

	for i := range len(key) {
		if !isLetter(key[i]) && !isDecimal(key[i]) && strings.IndexByte("_:-.", key[i]) < 0 {
			plain = false
		}
	}

	if plain {
		return key
	}

	var out strings.Builder

	bad := false

	for _, r := range key {
		if nameRune(r) {
			out.WriteRune(r)
		} else if !bad {
			out.WriteByte('_')
		}

		bad = !nameRune(r)
	}

	return out.String()
}

func nameRune(r rune) bool { return unicode.Is(nameRunes, r) }

//nolint:gochecknoglobals,mnd // A constant table: what XML permits in names.
var nameRunes = &unicode.RangeTable{
	R16: []unicode.Range16{
		{'-', '.', 1}, {'0', ':', 1}, {'A', 'Z', 1}, {'_', '_', 1}, {'a', 'z', 1}, {0xb7, 0xb7, 1}, {0xc0, 0xd6, 1}, {0xd8, 0xf6, 1},
		{0xf8, 0x37d, 1}, {0x37f, 0x1fff, 1}, {0x200c, 0x200d, 1}, {0x203f, 0x2040, 1}, {0x2070, 0x218f, 1}, {0x2c00, 0x2fef, 1},
		{0x3001, 0xd7ff, 1}, {0xf900, 0xfdcf, 1}, {0xfdf0, 0xfffd, 1},
	},
	LatinOffset: 8,
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
