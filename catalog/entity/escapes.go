package entity

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// The parser rejects some escapes that are valid in JSON, and so in YAML: halves of surrogate pairs, which
// npm's parser joins, and \/. They are replaced by characters of the private-use planes before parsing, and
// restored in the parsed texts. Outside of double quotes these are not escapes, and the original text is
// restored.
var (
	refusedEscape = regexp.MustCompile(`\\(?:u[dD][89a-fA-F][0-9a-fA-F]{2}|U0000[dD][89a-fA-F][0-9a-fA-F]{2}|/)`)
	hiddenEscape  = regexp.MustCompile(`\\U00(?:0F|10)[0-9a-fA-F]{4}`)
)

const (
	// shortPlane encodes \uD83D, longPlane encodes \U0000D83D and \/.
	shortPlane, longPlane = 0xF0000, 0x100000
	shortPrefix           = `\U000F`
	longPrefix            = `\U0010`
	hiddenSlash           = `\U0010002F`
)

// hideEscapes replaces the escapes that the parser rejects, and reports whether it replaced any.
func hideEscapes(data []byte) (hidden []byte, found bool) {
	if bytes.IndexByte(data, '\\') < 0 || !refusedEscape.Match(data) || hiddenEscape.Match(bytes.ToUpper(data)) {
		return data, false
	}
	return refusedEscape.ReplaceAllFunc(data, func(escape []byte) []byte {
		switch text := string(escape); {
		case text == `\/`:
			return []byte(hiddenSlash)
		case text[1] == 'u':
			return []byte(shortPrefix + text[2:])
		default:
			return []byte(longPrefix + text[len(`\U0000`):])
		}
	}), true
}

// findEscapes restores the replaced escapes in the texts of a document.
func findEscapes(node *yaml.Node) {
	for _, child := range node.Content {
		findEscapes(child)
	}
	if node.Kind != yaml.ScalarNode {
		return
	}
	if node.Style&yaml.DoubleQuotedStyle != 0 {
		node.Value = unhide(node.Value)
	}
	node.Value = hiddenEscape.ReplaceAllStringFunc(node.Value, func(escape string) string {
		switch {
		case escape == hiddenSlash:
			return `\/`
		case strings.HasPrefix(escape, shortPrefix):
			return `\u` + escape[len(shortPrefix):]
		default:
			return `\U0000` + escape[len(longPrefix):]
		}
	})
}

// unhide decodes the escapes of a double-quoted text. An unpaired surrogate becomes U+FFFD, which can be
// stored.
func unhide(text string) string {
	var out strings.Builder
	half := rune(-1)
	flush := func() {
		if half >= 0 {
			out.WriteRune(utf8.RuneError)
		}
		half = -1
	}
	for _, r := range text {
		unit := r & 0xFFFF
		switch {
		case r < shortPlane || !utf16.IsSurrogate(unit) && r != longPlane+'/':
			flush()
			out.WriteRune(r)
		case r == longPlane+'/':
			flush()
			out.WriteByte('/')
		case half >= 0 && utf16.DecodeRune(half, unit) != utf8.RuneError:
			out.WriteRune(utf16.DecodeRune(half, unit))
			half = -1
		default:
			flush()
			half = unit
		}
	}
	flush()
	return out.String()
}

// flowWidth is the length up to which a collection that is a key is written on one line.
const flowWidth = 80

// flowText writes a collection that is the key of a mapping as npm's parser does: as YAML, on one line if it
// is short.
func flowText(node *yaml.Node, indent string) string {
	var parts []string
	opening, closing := "[ ", " ]"
	if node.Kind == yaml.MappingNode {
		opening, closing = "{ ", " }"
		for i := 0; i+1 < len(node.Content); i += 2 {
			pair := flowItem(node.Content[i], indent)
			if kind := node.Content[i].Kind; kind == yaml.MappingNode || kind == yaml.SequenceNode {
				pair = "? " + pair
			}
			if value := node.Content[i+1]; value.Kind != yaml.ScalarNode || value.Value != "" || isText(value) {
				pair += ": " + flowItem(value, indent)
			}
			parts = append(parts, pair)
		}
	} else {
		for _, item := range node.Content {
			parts = append(parts, flowItem(item, indent))
		}
	}
	if len(parts) == 0 {
		return strings.TrimSpace(opening) + strings.TrimSpace(closing)
	}
	width := 2 * (len(parts) + 1)
	for _, part := range parts {
		width += len(part)
	}
	if width <= flowWidth {
		return opening + strings.Join(parts, ", ") + closing
	}
	inner := "\n" + indent + "  "
	return opening[:1] + inner + strings.Join(parts, ","+inner) + "\n" + indent + closing[1:]
}

func flowItem(node *yaml.Node, indent string) string {
	switch {
	case node.Kind == yaml.AliasNode:
		return "*" + node.Value
	case node.Kind != yaml.ScalarNode:
		return flowText(node, indent+"  ")
	case node.Style&yaml.SingleQuotedStyle != 0:
		return "'" + strings.ReplaceAll(node.Value, "'", "''") + "'"
	case isText(node):
		return strconv.Quote(node.Value)
	}
	return node.Value
}
