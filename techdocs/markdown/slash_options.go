package markdown

import (
	"strings"
	"unicode"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

func (b *block) validate(options map[string]any) bool {
	switch {
	case b.kind.argument == "forbidden" && b.argument != "", b.kind.argument == "required" && b.argument == "":
		return false
	}

	b.options = map[string]any{}

	for name, value := range options {
		if name == "attrs" {
			attrs, ok := htmlAttributes(value)
			if !ok {
				return false
			}

			b.attrs = attrs

			continue
		}

		convert, ok := b.kind.options[name]
		if !ok {
			return false
		}

		if b.options[name], ok = convert(value); !ok {
			return false
		}
	}

	return b.kind.accept == nil || b.kind.accept(b)
}

func anyBool(value any) (any, bool) {
	b, ok := value.(bool)

	return b, ok
}

func identifier(value any) (any, bool) {
	text, ok := value.(string)

	return text, ok && isIdentifier(text)
}

// isIdentifier says that a text is an identifier of CSS.
func isIdentifier(text string) bool {
	rest := text
	if !strings.HasPrefix(text, "--") {
		rest = strings.TrimPrefix(text, "-")
		if rest == "" || isDigit(rest[0]) || rest[0] == '-' {
			return false
		}
	}

	for _, r := range rest {
		if r <= 0x9f && !isLetter(byte(min(r, unicode.MaxASCII))) && (r < '0' || r > '9') && r != '-' && r != '_' {
			return false
		}
	}

	return true
}

// htmlAttributes reads the option attrs.
func htmlAttributes(value any) ([]tree.Attr, bool) {
	mapping, ok := value.(map[string]any)
	if !ok {
		return nil, false
	}

	var attrs []tree.Attr

	for _, key := range sortedKeys(mapping) {
		text, ok := mapping[key].(string)
		if !ok || !isIdentifier(key) {
			return nil, false
		}

		name := key

		switch strings.ToLower(key) {
		case "class":
			name = "class"
			text = strings.Join(strings.Fields(text), " ")

			for class := range strings.FieldsSeq(text) {
				if !isIdentifier(class) {
					return nil, false
				}
			}
		case "id":
			name = "id"

			if !isIdentifier(text) {
				return nil, false
			}
		}

		attrs = append(attrs, tree.Attr{Key: name, Value: text})
	}

	return attrs, true
}
