package markdown

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

const attrList = `\{\:?[ ]*([^\}\n ][^\n]*)[ ]*\}`

//nolint:gochecknoglobals // Immutable.
var (
	headingAttrs = regexp.MustCompile(`[ ]+` + attrList + `[ ]*\n?$`)
	blockAttrs   = regexp.MustCompile(`\n[ ]*` + attrList + `[ ]*\n?$`)
	inlineAttrs  = regexp.MustCompile(`^` + attrList)
)

// parseAttrs reads `#id .class key="value" word`. The key of a class is ".". The remainder begins with a brace that closes the list before
// its end.
func parseAttrs(list string) (attrs []tree.Attr, remainder string) {
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

func readAttr(list string, i, end int) (attr tree.Attr, next int) {
	word := list[i:end]

	if end < len(list) && list[end] == '=' {
		rest := list[end+1:]

		for _, quote := range []string{`"`, "'"} {
			if !strings.HasPrefix(rest, quote) {
				continue
			}

			if k := strings.Index(rest[1:], quote); k >= 0 && !strings.Contains(rest[1:1+k], "\n") {
				return tree.Attr{Key: word, Value: strings.Trim(rest[1:1+k], quote)}, end + 1 + k + 2
			}
		}

		if stop := attrWord(list, end+1); stop > end+1 {
			return tree.Attr{Key: word, Value: list[end+1 : stop]}, stop
		}
	}

	switch word[0] {
	case '.':
		return tree.Attr{Key: ".", Value: word[1:]}, end
	case '#':
		return tree.Attr{Key: "id", Value: word[1:]}, end
	}

	return tree.Attr{Key: word, Value: word}, end
}

// assignAttrs gives an element the attributes of a list. If strict, a list with a remainder is none.
func assignAttrs(e *tree.Element, list string, strict bool) (remainder string) {
	attrs, remainder := parseAttrs(list)
	if strict && remainder != "" {
		return remainder
	}

	for _, attr := range attrs {
		switch class := e.Get("class"); {
		case attr.Key != ".":
			e.Set(attrName(attr.Key), attr.Value)
		case class != "":
			e.Set("class", class+" "+attr.Value)
		default:
			e.Set("class", attr.Value)
		}
	}

	return remainder
}

// attrName replaces what the name of an attribute cannot have.
func attrName(key string) string {
	plain := true

	for i := range len(key) {
		if !isLetter(key[i]) && !isDigit(key[i]) && strings.IndexByte("_:-.", key[i]) < 0 {
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

// applyAttrLists gives elements the attributes that are written behind them, "{#id .class}".
func (p *page) applyAttrLists(root *tree.Element) {
	root.All(func(e *tree.Element) bool {
		if !tree.IsBlock(e.Tag) {
			if strings.HasPrefix(e.Tail, "{") {
				if m := inlineAttrs.FindStringSubmatchIndex(e.Tail); m != nil {
					e.Tail = e.Tail[m[1]:] + assignAttrs(e, submatch(e.Tail, m, 1), false)
				}
			}

			return true
		}

		pattern := blockAttrs
		if isHeading(e.Tag) || e.Tag == "dt" || e.Tag == "td" || e.Tag == "th" {
			pattern = headingAttrs
		}

		text := attrText(e)
		if text == nil || strings.IndexByte(*text, '{') < 0 {
			return true
		}

		if m := pattern.FindStringSubmatchIndex(*text); m != nil && assignAttrs(e, submatch(*text, m, 1), true) == "" {
			*text = (*text)[:m[0]]
			if isHeading(e.Tag) {
				*text = trimRight(strings.TrimRight(*text, "#"))
			}
		}

		return true
	})
}

// attrText is the text of an element at whose end its attributes are: before the first list in it if it is an item.
func attrText(e *tree.Element) *string {
	n := len(e.Children)
	if n == 0 {
		return &e.Text
	}

	if e.Tag != "li" {
		if e.Last().Tail != "" {
			return &e.Last().Tail
		}

		return &e.Text
	}

	for i, child := range e.Children {
		if child.Tag == "ul" || child.Tag == "ol" {
			n = i

			break
		}
	}

	switch {
	case n == len(e.Children) && e.Last().Tail != "":
		return &e.Last().Tail
	case n < len(e.Children) && n > 0 && e.Children[n-1].Tail != "":
		return &e.Children[n-1].Tail
	}

	return &e.Text
}

func isHeading(tag string) bool {
	return len(tag) == 2 && (tag[0] == 'h' || tag[0] == 'H') && tag[1] >= '1' && tag[1] <= '6'
}
