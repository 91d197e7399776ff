package yamltext

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/dlclark/regexp2"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

var (
	// needsDouble finds control characters, which only double-quoted strings can hold.
	needsDouble = regexp.MustCompile(`[\x00-\x08\x0b-\x1f\x7f-\x{9f}]`)
	// documentMarker finds lines that would begin or end a document.
	documentMarker = regexp.MustCompile(`(?m)^(%|---|\.\.\.)`)
	flowIndicator  = regexp.MustCompile(`[\[\]{},]`)
	// notPlain finds what a plain string cannot begin with, have or end with.
	notPlain = regexp.MustCompile("^[\n\t ,\\[\\]{}#&*!|>'\"%@`]|^[?-]$|^[?-][ \t]|[\n:][ \t]|[ \t]\n|[\n\t ]#|[\n\t :]$")
	// spaceAtBreak finds white space at a line break, which single-quoted strings would lose.
	spaceAtBreak = regexp.MustCompile("[ \t]\n|\n[ \t]")
	blankEnd     = regexp.MustCompile("\n[\t ]+$")
	breaks       = regexp.MustCompile("\n+")
	// moreIndented finds the lines of a folded block that must stay as they are.
	moreIndented = newMoreIndented()
)

func newMoreIndented() *regexp2.Regexp {
	compiled := regexp2.MustCompile("(?:^|\n)([\t ].*)(?:([\n\t ]*)\n(?![\n\t ]))?", regexp2.ECMAScript)
	compiled.MatchTimeout = time.Second
	return compiled
}

// length is JavaScript's length of a string.
func length(text string) int {
	n := 0
	for _, r := range text {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}

// text writes a string in a style, or in the default one of the options.
func (w *writer) text(value string, wanted style, at place) string {
	if needsDouble.MatchString(value) {
		wanted = doubleStyle
	}
	if wanted == "" {
		wanted = style(w.options.DefaultStringType)
		if at.isKey && w.options.DefaultKeyType != "" {
			wanted = style(w.options.DefaultKeyType)
		}
		if wanted == "" || wanted == plainStyle {
			return w.plain(value, "", at)
		}
		return w.styled(value, wanted, "", at)
	}
	return w.styled(value, wanted, wanted, at)
}

// styled writes a string in a style. own is the style of the node, which a default is not.
func (w *writer) styled(value string, wanted, own style, at place) string {
	switch wanted {
	case foldedStyle, literalStyle:
		if at.isKey || at.inFlow() {
			return w.quoted(value, at)
		}
		return w.block(value, own, at)
	case doubleStyle:
		return w.double(value, at)
	case singleStyle:
		return w.single(value, at)
	case plainStyle:
		return w.plain(value, own, at)
	}
	panic(failure{fmt.Errorf("unsupported default string type %s", wanted)})
}

// textIndent is the indentation of the further lines of a text.
func textIndent(value string, at place) string {
	if at.indent == "" && documentMarker.MatchString(value) {
		return "  "
	}
	return at.indent
}

// double writes a double-quoted string.
func (w *writer) double(value string, at place) string {
	encoded, err := nunjucks.EncodeJSON(value)
	if err != nil {
		panic(failure{err})
	}
	quoted := string(encoded)
	if w.options.DoubleQuotedAsJSON {
		return quoted
	}
	indent := textIndent(value, at)
	mayBreak := !at.isKey && length(quoted) >= orDefault(w.options.DoubleQuotedMinMultiLineLength, 40, maxWidth)
	text := escapeDouble(quoted, indent, mayBreak)
	if at.isKey {
		return text
	}
	return w.fold(text, indent, foldQuoted, at.column, nil)
}

// shortEscapes are YAML's escapes of some characters.
var shortEscapes = map[string]string{
	"0000": `\0`, "0007": `\a`, "000b": `\v`, "001b": `\e`, "0085": `\N`, "00a0": `\_`, "2028": `\L`, "2029": `\P`,
}

// escapeDouble turns a JSON string into a double-quoted one of YAML. With mayBreak its line breaks are breaks.
func escapeDouble(quoted, indent string, mayBreak bool) string {
	var out strings.Builder
	at := func(i int) byte {
		if i < len(quoted) {
			return quoted[i]
		}
		return 0
	}
	for i := 0; i < len(quoted); i++ {
		c := quoted[i]
		if c == ' ' && at(i+1) == '\\' && at(i+2) == 'n' {
			// A space before a break must be escaped, or folding would drop it.
			out.WriteString(`\ `)
			i++
			c = '\\'
		}
		if c != '\\' {
			out.WriteByte(c)
			continue
		}
		switch at(i + 1) {
		case 'u':
			out.WriteString(unicodeEscape(quoted[i+2 : i+6]))
			i += 5
		case 'n':
			if !mayBreak || at(i+2) == '"' {
				out.WriteString(`\n`)
				i++
				continue
			}
			i = writeBreaks(&out, quoted, i, indent)
		default:
			out.WriteString(quoted[i : i+2])
			i++
		}
	}
	return out.String()
}

// writeBreaks writes the line breaks whose escapes begin at a place, and returns the place of their end.
func writeBreaks(out *strings.Builder, quoted string, i int, indent string) int {
	out.WriteString("\n\n") // Folding drops the first break.
	for strings.HasPrefix(quoted[i+2:], `\n`) && !strings.HasPrefix(quoted[i+4:], `"`) {
		out.WriteByte('\n')
		i += 2
	}
	out.WriteString(indent)
	if strings.HasPrefix(quoted[i+2:], " ") {
		out.WriteByte('\\')
	}
	return i + 1
}

func unicodeEscape(code string) string {
	if short, ok := shortEscapes[code]; ok {
		return short
	}
	if strings.HasPrefix(code, "00") {
		return `\x` + code[2:]
	}
	return `\u` + code
}

// single writes a single-quoted string, if it can be one.
func (w *writer) single(value string, at place) string {
	isForbidden := w.options.SingleQuote != nil && !*w.options.SingleQuote
	if isForbidden || at.isKey && strings.Contains(value, "\n") || spaceAtBreak.MatchString(value) {
		return w.double(value, at)
	}
	indent := textIndent(value, at)
	text := "'" + breaks.ReplaceAllStringFunc(strings.ReplaceAll(value, "'", "''"), func(run string) string { return run + "\n" + indent }) + "'"
	if at.isKey {
		return text
	}
	return w.fold(text, indent, foldFlow, at.column, nil)
}

// quoted writes a string in the quotes that suit it.
func (w *writer) quoted(value string, at place) string {
	preferred := w.options.SingleQuote
	hasDouble, hasSingle := strings.Contains(value, `"`), strings.Contains(value, "'")
	switch {
	case preferred != nil && !*preferred:
		return w.double(value, at)
	case hasDouble && !hasSingle:
		return w.single(value, at)
	case hasSingle && !hasDouble:
		return w.double(value, at)
	case preferred != nil:
		return w.single(value, at)
	}
	return w.double(value, at)
}

// plain writes a string without quotes, if that reads as the same string.
func (w *writer) plain(value string, own style, at place) string {
	hasBreak := strings.Contains(value, "\n")
	if at.isKey && hasBreak || at.inFlow() && flowIndicator.MatchString(value) {
		return w.quoted(value, at)
	}
	if notPlain.MatchString(value) {
		if at.isKey || at.inFlow() || !hasBreak {
			return w.quoted(value, at)
		}
		return w.block(value, own, at)
	}
	if !at.isKey && !at.inFlow() && hasBreak && own != plainStyle {
		return w.block(value, own, at)
	}
	if documentMarker.MatchString(value) {
		if at.indent == "" {
			at.forceBlock = true
			return w.block(value, own, at)
		}
		if at.isKey && at.indent == w.step {
			return w.quoted(value, at)
		}
	}
	text := breaks.ReplaceAllStringFunc(value, func(run string) string { return run + "\n" + at.indent })
	if !isString(text) {
		return w.quoted(value, at)
	}
	if at.isKey {
		return text
	}
	return w.fold(text, at.indent, foldFlow, at.column, nil)
}

// exceeds reports whether a line of a text is longer than the width.
func exceeds(value string, width, indent int) bool {
	if width <= 0 {
		return false
	}
	for line := range strings.SplitSeq(value, "\n") {
		if length(line) > width-indent {
			return true
		}
	}
	return false
}

// block writes a string as a block scalar, if it can be one.
func (w *writer) block(value string, own style, at place) string {
	const maxMark = 9
	if w.options.BlockQuote == noBlocks || blankEnd.MatchString(value) || at.step > maxMark && strings.HasPrefix(strings.TrimLeft(value, "\n"), " ") {
		return w.quoted(value, at)
	}
	indent := at.indent
	if indent == "" && (at.forceBlock || documentMarker.MatchString(value)) {
		indent = "  "
	}
	isLiteral := w.isLiteral(value, own, len(indent))
	if value == "" {
		if isLiteral {
			return "|\n"
		}
		return ">\n"
	}
	content := strings.TrimRight(value, "\n\t ")
	end := value[len(content):]
	header := chomping(value, end)
	if end = strings.TrimSuffix(end, "\n"); end != "" {
		inner := strings.TrimRight(end, "\n")
		end = breaks.ReplaceAllStringFunc(inner, func(run string) string { return run + indent }) + end[len(inner):]
	}
	start, content, isIndented := splitStart(content)
	if isIndented {
		header = indentMark(indent, at.step) + header
	}
	start = breaks.ReplaceAllStringFunc(start, func(run string) string { return run + indent })
	if !isLiteral {
		overflows := false
		body := w.fold(start+foldable(content, indent)+end, indent, foldBlock, len(indent), &overflows)
		if !overflows || w.options.BlockQuote == foldedBlocks || own == foldedStyle {
			return ">" + header + "\n" + indent + body
		}
	}
	content = breaks.ReplaceAllStringFunc(content, func(run string) string { return run + indent })
	return "|" + header + "\n" + indent + start + content + end
}

// indentMark is how much a block scalar that begins with a space is indented. At the top that is counted from
// -1. The npm package always writes 2, with which other indentations read as another text.
func indentMark(indent string, step int) string {
	switch {
	case indent == "":
		return "1"
	case step == 0:
		return "2"
	}
	return strconv.Itoa(step)
}

func (w *writer) isLiteral(value string, own style, indent int) bool {
	switch {
	case w.options.BlockQuote == literalBlocks:
		return true
	case w.options.BlockQuote == foldedBlocks || own == foldedStyle:
		return false
	}
	return own == literalStyle || !exceeds(value, w.width, indent)
}

// chomping says what a block scalar does with the line breaks at its end.
func chomping(value, end string) string {
	switch at := strings.IndexByte(end, '\n'); {
	case at < 0:
		return "-"
	case value == end || at != len(end)-1:
		return "+"
	}
	return ""
}

// splitStart splits the empty lines at the beginning off a text, and reports whether a space is among them or
// follows.
func splitStart(content string) (start, rest string, isIndented bool) {
	leading := len(content) - len(strings.TrimLeft(content, "\n "))
	isIndented = strings.Contains(content[:leading], " ")
	if last := strings.LastIndexByte(content[:leading], '\n'); last < leading {
		leading = last + 1
	}
	return content[:leading], content[leading:], isIndented
}

// foldable prepares a text for a folded block: each break is doubled, except around lines that are indented.
func foldable(content, indent string) string {
	doubled := breaks.ReplaceAllString(content, "\n$0")
	kept, err := moreIndented.Replace(doubled, "$1$2", -1, -1)
	if err != nil {
		panic(failure{fmt.Errorf("folding a text: %w", err)})
	}
	return breaks.ReplaceAllStringFunc(kept, func(run string) string { return run + indent })
}

// lowSurrogates are the second halves of characters of two units, from here on.
const lowSurrogates = 0xdc00

// foldMode says where a text may be folded.
type foldMode int

const (
	foldFlow foldMode = iota
	foldBlock
	foldQuoted
)

// fold breaks the lines of a text that exceed the width. The first begins at a column, 0 for the indentation.
// overflows is set when a line still exceeds it.
func (w *writer) fold(text, indent string, mode foldMode, column int, overflows *bool) string {
	if w.width <= 0 {
		return text
	}
	least := w.content
	if w.width < least {
		least = 0
	}
	step := max(1+least, 1+w.width-len(indent))
	if len(text) <= step {
		return text
	}
	f := &folder{text: utf16.Encode([]rune(text)), indent: len(indent), mode: mode, step: step, end: w.width - len(indent), escapeStart: -1, escapeEnd: -1}
	if len(f.text) <= step {
		return text
	}
	if column > w.width-max(2, least) && mode != foldBlock {
		f.folds = append(f.folds, 0)
	} else if column > 0 {
		f.end = w.width - column
	}
	if !f.scan() {
		return text
	}
	if overflows != nil {
		*overflows = f.overflows
	}
	return f.join(text, indent)
}

// folder finds the places at which a text is folded.
type folder struct {
	text                   []uint16
	indent                 int
	mode                   foldMode
	step, end              int
	folds                  []int
	escaped                map[int]bool
	overflows              bool
	split                  int
	escapeStart, escapeEnd int
}

func (f *folder) at(i int) uint16 {
	if i >= 0 && i < len(f.text) {
		return f.text[i]
	}
	return 0
}

func isBlank(c uint16) bool { return c == ' ' || c == '\n' || c == '\t' }

// scan finds the folds. It returns false when the width is too small for an escape.
func (f *folder) scan() bool {
	i := -1
	if f.mode == foldBlock {
		if i = f.skipIndented(i); i != -1 {
			f.end = i + f.step
		}
	}
	var previous uint16
	for i++; i < len(f.text); i++ {
		c := f.text[i]
		if f.mode == foldQuoted && c == '\\' {
			i = f.skipEscape(i)
		}
		if c == '\n' {
			if f.mode == foldBlock {
				i = f.skipIndented(i)
			}
			f.end = i + f.indent + f.step
			f.split = 0
			previous = c
			continue
		}
		if next := f.at(i + 1); c == ' ' && previous != 0 && !isBlank(previous) && next != 0 && !isBlank(next) {
			f.split = i
		}
		if i >= f.end {
			var ok bool
			if i, c, ok = f.foldAt(i, c, previous); !ok {
				return false
			}
		}
		previous = c
	}
	return true
}

// skipEscape returns the last position of an escape.
func (f *folder) skipEscape(i int) int {
	f.escapeStart = i
	switch f.at(i + 1) {
	case 'x':
		i += 3
	case 'u':
		i += 5
	case 'U':
		i += 9
	default:
		i++
	}
	f.escapeEnd = i
	return i
}

// foldAt folds a line that is too long at its last space, or within a word when the mode allows that.
func (f *folder) foldAt(i int, c, previous uint16) (at int, unit uint16, ok bool) {
	switch {
	case f.split > 0:
		f.folds = append(f.folds, f.split)
		f.end = f.split + f.step
		f.split = 0
		return i, c, true
	case f.mode != foldQuoted:
		f.overflows = true
		return i, c, true
	}
	for previous == ' ' || previous == '\t' {
		previous = c
		i++
		c = f.at(i)
		f.overflows = true
	}
	// The escaped break takes a place; an escape before it stays whole.
	place := f.escapeStart - 1
	if i > f.escapeEnd+1 {
		place = i - 2
	}
	if utf16.IsSurrogate(rune(f.at(place))) && f.at(place) < lowSurrogates {
		place-- // A character of two units stays whole.
	}
	if f.escaped[place] {
		return i, c, false
	}
	if f.escaped == nil {
		f.escaped = map[int]bool{}
	}
	f.folds = append(f.folds, place)
	f.escaped[place] = true
	f.end = place + f.step
	f.split = 0
	return i, c, true
}

// skipIndented returns the last line break of the lines that begin with white space, from the line after i.
func (f *folder) skipIndented(i int) int {
	end := i
	start := i + 1
	c := f.at(start)
	for c == ' ' || c == '\t' {
		if i < start+f.indent {
			i++
			c = f.at(i)
			continue
		}
		for {
			i++
			if c = f.at(i); c == 0 || c == '\n' {
				break
			}
		}
		end = i
		start = i + 1
		c = f.at(start)
	}
	return end
}

func (f *folder) join(text, indent string) string {
	if len(f.folds) == 0 {
		return text
	}
	piece := func(from, to int) string {
		if from >= to || from < 0 {
			return ""
		}
		return string(utf16.Decode(f.text[from:min(to, len(f.text))]))
	}
	var out strings.Builder
	out.WriteString(piece(0, f.folds[0]))
	for n, fold := range f.folds {
		end := len(f.text)
		if n+1 < len(f.folds) {
			end = f.folds[n+1]
		}
		if fold == 0 {
			out.Reset()
			out.WriteString("\n" + indent + piece(0, end))
			continue
		}
		if f.mode == foldQuoted && f.escaped[fold] {
			out.WriteString(piece(fold, fold+1) + `\`)
		}
		out.WriteString("\n" + indent + piece(fold+1, end))
	}
	return out.String()
}
