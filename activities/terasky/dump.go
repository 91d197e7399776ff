package terasky

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// dump writes a value as the npm package js-yaml does, in blocks with two spaces for each level. Texts are folded at the
// width; 0 is never. Package yamltext writes as another npm package.
func dump(value nunjucks.Value, width int) string {
	return dumper{width}.node(value, 0, true) + "\n"
}

type dumper struct{ width int }

// lineStart begins a line of a level.
func lineStart(level int) string { return "\n" + strings.Repeat("  ", level) }

// node writes a value. A compact one begins in the line in which it is.
func (d dumper) node(value nunjucks.Value, level int, compact bool) string {
	switch value := value.(type) {
	case *nunjucks.Object:
		return d.mapping(value, level, compact)
	case *nunjucks.Array:
		return d.sequence(value, level, compact)
	case string:
		return d.text(value, level, false)
	case bool:
		return fmt.Sprint(value)
	case float64:
		return number(value)
	}
	return "null"
}

func (d dumper) mapping(object *nunjucks.Object, level int, compact bool) string {
	var out strings.Builder
	for key, member := range object.All() {
		if member == nunjucks.Undefined {
			continue
		}
		if !compact || out.Len() > 0 {
			out.WriteString(lineStart(level))
		}
		out.WriteString(d.text(key, level+1, true) + ":" + spaced(d.node(member, level+1, false)))
	}
	if out.Len() == 0 {
		return "{}"
	}
	return out.String()
}

func (d dumper) sequence(list *nunjucks.Array, level int, compact bool) string {
	var out strings.Builder
	for _, item := range list.Items {
		if !compact || out.Len() > 0 {
			out.WriteString(lineStart(level))
		}
		out.WriteString("-" + spaced(d.node(item, level+1, true)))
	}
	if out.Len() == 0 {
		return "[]"
	}
	return out.String()
}

// spaced is what follows a colon or a dash.
func spaced(text string) string {
	if strings.HasPrefix(text, "\n") {
		return text
	}
	return " " + text
}

// number is a number as JavaScript writes it, and a fraction with a point before its exponent.
func number(value float64) string {
	switch {
	case math.IsNaN(value):
		return ".nan"
	case math.IsInf(value, 1):
		return ".inf"
	case math.IsInf(value, -1):
		return "-.inf"
	}
	encoded, err := nunjucks.EncodeJSON(value)
	if err != nil {
		return "null"
	}
	mantissa, exponent, has := strings.Cut(string(encoded), "e")
	if has && !strings.Contains(mantissa, ".") && value != math.Trunc(value) {
		return mantissa + ".e" + exponent
	}
	return string(encoded)
}

// old are the texts that YAML 1.1 reads as booleans, and sexagesimal its numbers of base 60.
var (
	old = []string{"y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no", "No", "NO", "off", "Off", "OFF"}
	// ambiguous finds texts that are read as something else: null, booleans, numbers, times, and the key for merging.
	ambiguous = regexp.MustCompile(`^(?:~|null|Null|NULL|true|True|TRUE|false|False|FALSE|<<` +
		`|[-+]?(?:0b[01]+|0x[0-9a-fA-F]+|0o[0-7]+)` +
		`|[-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)` +
		`|[0-9]{4}-[0-9]{2}-[0-9]{2}` +
		`|[0-9]{4}-[0-9][0-9]?-[0-9][0-9]?(?:[Tt]|[ \t]+)[0-9][0-9]?:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9][0-9]?(?::[0-9]{2})?))?)$`)
	sexagesimal = regexp.MustCompile(`^[-+]?[0-9_]+(?::[0-9_]+)+(?:\.[0-9_]*)?$`)
)

// text writes a string in the style that js-yaml chooses. A key is on one line.
func (d dumper) text(value string, level int, isKey bool) string {
	quoted := "'" + strings.ReplaceAll(value, "'", "''") + "'"
	if value == "" || slices.Contains(old, value) || sexagesimal.MatchString(value) {
		return quoted
	}
	for _, r := range value {
		if !isPrintable(r) && (r != '\n' || isKey) {
			return doubleQuoted(value)
		}
	}
	indent := 2 * max(1, level)
	width := max(min(d.width, 40), d.width-indent)
	hasLong := !isKey && d.width > 0 && slices.ContainsFunc(strings.Split(value, "\n"), func(line string) bool {
		return len([]rune(line)) > width && !strings.HasPrefix(line, " ")
	})
	switch {
	case hasLong:
		return ">" + blockHeader(value) + indented(folded(value, width), indent)
	case strings.Contains(value, "\n"):
		return "|" + blockHeader(value) + indented(value, indent)
	case isPlain(value) && !ambiguous.MatchString(value):
		return value
	}
	return quoted
}

func isPrintable(r rune) bool {
	switch {
	case r >= 0x20 && r <= 0x7e, r >= 0x10000:
		return true
	case r >= 0xa1 && r <= 0xd7ff:
		return r != 0x2028 && r != 0x2029
	}
	return r >= 0xe000 && r <= 0xfffd && r != 0xfeff
}

// isPlain reports whether a text of one line needs no quotes.
func isPlain(value string) bool {
	runes := []rune(value)
	first, last := runes[0], runes[len(runes)-1]
	if strings.ContainsRune(" -?:,[]{}#&*!|=>'\"%@`", first) || last == ' ' || last == ':' {
		return false
	}
	for i, r := range runes {
		var before rune
		if i > 0 {
			before = runes[i-1]
		}
		if r == '#' && (before == 0 || before == ' ') || r == ' ' && before == ':' {
			return false
		}
	}
	return true
}

// blockHeader says how a block begins and ends.
func blockHeader(value string) string {
	indicator := ""
	if strings.HasPrefix(strings.TrimLeft(value, "\n"), " ") {
		indicator = "2"
	}
	switch {
	case value == "\n" || strings.HasSuffix(value, "\n\n"):
		return indicator + "+\n"
	case strings.HasSuffix(value, "\n"):
		return indicator + "\n"
	}
	return indicator + "-\n"
}

// indented indents the lines of a block. Its last line break is that of the block.
func indented(value string, spaces int) string {
	lines := strings.SplitAfter(value, "\n")
	for i, line := range lines {
		if line != "" && line != "\n" {
			lines[i] = strings.Repeat(" ", spaces) + line
		}
	}
	return strings.TrimSuffix(strings.Join(lines, ""), "\n")
}

var paragraphs = regexp.MustCompile(`(\n+)([^\n]*)`)

// folded breaks the lines of a text at the width. A break of the text becomes two, unless a line beside it begins with a
// space.
func folded(value string, width int) string {
	first, _, _ := strings.Cut(value, "\n")
	var out strings.Builder
	out.WriteString(foldedLine(first, width))
	wasIndented := strings.HasPrefix(value, "\n") || strings.HasPrefix(value, " ")
	for _, match := range paragraphs.FindAllStringSubmatch(value[len(first):], -1) {
		isIndented := strings.HasPrefix(match[2], " ")
		out.WriteString(match[1])
		if !wasIndented && !isIndented && match[2] != "" {
			out.WriteString("\n")
		}
		out.WriteString(foldedLine(match[2], width))
		wasIndented = isIndented
	}
	return out.String()
}

// foldedLine breaks a line at the last single space before the width.
func foldedLine(line string, width int) string {
	if line == "" || line[0] == ' ' {
		return line
	}
	runes := []rune(line)
	var out []string
	start, current := 0, 0
	for next := range runes {
		if runes[next] != ' ' || next+1 == len(runes) || runes[next+1] == ' ' {
			continue
		}
		if next-start > width {
			end := next
			if current > start {
				end = current
			}
			out = append(out, string(runes[start:end]))
			start = end + 1
		}
		current = next
	}
	if len(runes)-start > width && current > start {
		return strings.Join(append(out, string(runes[start:current]), string(runes[current+1:])), "\n")
	}
	return strings.Join(append(out, string(runes[start:])), "\n")
}

// escapes are those of YAML with a letter of their own.
var escapes = map[rune]string{0: `\0`, 7: `\a`, 8: `\b`, 9: `\t`, 10: `\n`, 11: `\v`, 12: `\f`, 13: `\r`, 27: `\e`, '"': `\"`, '\\': `\\`,
	0x85: `\N`, 0xa0: `\_`, 0x2028: `\L`, 0x2029: `\P`}

func doubleQuoted(value string) string {
	var out strings.Builder
	for _, r := range value {
		escape, has := escapes[r]
		switch {
		case has:
			out.WriteString(escape)
		case isPrintable(r):
			out.WriteRune(r)
		case r <= 0xff:
			fmt.Fprintf(&out, `\x%02X`, r)
		case r <= 0xffff:
			fmt.Fprintf(&out, `\u%04X`, r)
		default:
			fmt.Fprintf(&out, `\U%08X`, r)
		}
	}
	return `"` + out.String() + `"`
}
