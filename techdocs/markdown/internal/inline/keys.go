package inline

import (
	_ "embed"
	"html"
	"strings"
	"sync"
	"unicode"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// keys.txt has the keys of pymdownx.keys (MIT, copyright (c) 2017 Isaac Muse): the key, its name, and its aliases, with tabs between.
// tools/techdocs-tables makes it.
//
//go:embed keys.txt
var keysTable string

type keyTable struct{ names, aliases map[string]string }

var knownKeys = sync.OnceValue(func() keyTable {
	table := keyTable{map[string]string{}, map[string]string{}}

	for line := range strings.Lines(keysTable) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if fields[1] != "" {
			table.names[fields[0]] = fields[1]
		}

		for _, alias := range fields[2:] {
			table.aliases[alias] = fields[0]
		}
	}

	return table
})

// keyMaker has the options of pymdownx.keys.
type keyMaker struct {
	separator, class string
	strict, camel    bool
	own              Options
}

func keyOptions(b *builder) (*keyMaker, bool, error) {
	options, on := b.options("pymdownx.keys")

	return &keyMaker{
		separator: options.text("separator", "+"), class: options.text("class", "keys"), strict: options.flag("strict", false),
		camel: options.flag("camel_case", false), own: Options{"pymdownx.keys", options.table("key_map")},
	}, on, options.known("separator", "strict", "class", "camel_case", "key_map")
}

// quotedKeys finds ++"text"+key++. Keys without quotation marks come later, so that addresses may have them.
func quotedKeys(b *builder) error {
	k, on, err := keyOptions(b)
	if err != nil || !on {
		return err
	}

	b.escape("+")
	b.add(&pattern{trigger: "+", find: k.findQuoted})

	return nil
}

// keys finds ++ctrl+alt++.
func keys(b *builder) error {
	k, on, err := keyOptions(b)
	if err == nil && on {
		b.add(&pattern{trigger: "+", find: k.find})
	}

	return err
}

func (k *keyMaker) findQuoted(r *reader, data string, pos, floor int) (match, bool) {
	for pos < len(data) {
		start := indexAnyFrom(data, "\\+", pos)
		if start < 0 {
			break
		}

		length := runLength(data, start, data[start])
		escaped := before(data, start, floor) == '\\'
		pos = start + length

		if data[start] == '\\' {
			if !escaped && length%2 == 0 && at(data, pos) == '+' {
				return match{start: start, end: pos, found: found{text: strings.Repeat(escapedBackslash, length/2)}}, true
			}

			continue
		}

		for ; length >= 2; length-- {
			if escaped {
				escaped = false
				start++

				continue
			}

			parts, end := keySequence(r, data, start+2)
			if element := k.element(parts, true); end >= 0 && element != nil {
				return match{start: start, end: end, found: found{element: element}}, true
			} else if end >= 0 {
				pos = end

				break
			}

			start++
		}
	}

	return match{}, false
}

// keySequence reads keys with a plus between, up to two pluses. The end is -1 if there is no such sequence.
func keySequence(r *reader, data string, pos int) (parts []string, end int) {
	for r.work > 0 {
		length := keyLength(data, pos)
		if length == 0 {
			break
		}

		parts = append(parts, data[pos:pos+length])
		pos += length
		r.work -= length

		if strings.HasPrefix(data[pos:], "++") {
			return parts, pos + 2
		}

		if at(data, pos) != '+' {
			break
		}

		pos++
	}

	return nil, -1
}

func keyLength(data string, pos int) int {
	end := pos

	if quote := at(data, pos); quote == '"' || quote == '\'' {
		for end = pos + 1; end < len(data) && data[end] != byte(quote); end++ {
			if data[end] == '\\' {
				end++
			}
		}

		if end >= len(data) || end == pos+1 {
			return 0
		}

		return end + 1 - pos
	}

	for end < len(data) && (data[end] == '-' || isWord(at(data, end))) {
		end += width(data, end)
	}

	return end - pos
}

func (k *keyMaker) find(r *reader, data string, pos, _ int) (match, bool) {
	for {
		start := indexFrom(data, "++", pos)
		if start < 0 {
			return match{}, false
		}

		pos = start + 1

		parts, end := keySequence(r, data, start+2)
		if end < 0 {
			continue
		}

		if element := k.element(parts, false); element != nil {
			return match{start: start, end: end, found: found{element: element}}, true
		}

		pos = end
	}
}

// element shows keys. It is nil if one of them is not known, or if none has quotation marks although one must.
func (k *keyMaker) element(parts []string, needQuotes bool) *tree.Element {
	tag := "span"
	if k.strict {
		tag = "kbd"
	}

	element := tree.New(tag, "class", k.class)
	quoted := false

	for i, part := range parts {
		var class, name string

		if part[0] == '"' || part[0] == '\'' {
			name = strip(html.UnescapeString(unbackslash(part[1 : len(part)-1])))
			quoted = true
		} else if class, name = k.key(part); name == "" {
			return nil
		}

		if i > 0 && k.separator != "" {
			element.Add("span").SetFinal(k.separator)
		}

		key := element.Add("kbd")
		key.SetFinal(name)

		if class != "" {
			key.Set("class", "key-"+class)
		}
	}

	if quoted != needQuotes {
		return nil
	}

	return element
}

// unbackslash removes backslashes before other characters.
func unbackslash(text string) string {
	var out strings.Builder

	for pos := 0; pos < len(text); pos++ {
		if text[pos] == '\\' && pos+1 < len(text) {
			pos++
		}

		out.WriteByte(text[pos])
	}

	return out.String()
}

// key finds a key by its name or alias.
func (k *keyMaker) key(part string) (class, name string) {
	if k.camel {
		part = kebab(part)
	}

	known := knownKeys()
	if canonical, ok := known.aliases[part]; ok {
		part = canonical
	}

	if own := k.own.text(part, ""); own != "" {
		return part, own
	}

	return part, known.names[part]
}

// kebab makes page-down of PageDown.
func kebab(text string) string {
	var (
		out  strings.Builder
		last rune
	)

	for _, char := range text {
		if unicode.IsUpper(char) {
			if last != 0 && last != '-' {
				out.WriteByte('-')
			}

			out.WriteRune(unicode.ToLower(char))
		} else {
			out.WriteRune(char)
		}

		last = char
	}

	return out.String()
}
