package markdown

import (
	"html"
	"strings"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// A rawReader takes raw HTML out of the source of a page. A block of it goes to the stash as it is; an element with the attribute
// markdown goes there as an element. It reads tags as forgivingly as Python's parser does, whose oddities decide where a block ends.
type rawReader struct {
	page  *page
	inner bool // The attribute markdown is looked at.

	data string
	// line is where the line of the position begins, counted in data, and pos the position.
	lines lineIndex

	cdata  string // The name of the script or style that is open.
	inRaw  bool
	inTail bool
	stack  []string
	cache  strings.Builder
	out    []string

	// anchors are the ids of tags.
	anchors func(id string)

	// missing has what does not occur any more behind the position.
	missing map[string]bool

	// What is open below an element with the attribute markdown.
	open    []*openElement
	builder *tree.Element
	last    *tree.Element
}

type openElement struct {
	element *tree.Element
	state   string
	started bool
}

// takeRawHTML replaces raw HTML by marks.
func (p *page) takeRawHTML(source string) string {
	if strings.IndexByte(source, '<') < 0 && strings.IndexByte(source, '&') < 0 {
		return source
	}

	r := &rawReader{page: p, inner: p.conv.has("md_in_html"), data: source, missing: map[string]bool{}}
	r.lines.cache = []int{0}
	r.anchors = func(id string) { p.anchors[id] = struct{}{} }
	r.run(false)
	r.run(true)
	r.close()

	return strings.Join(r.out, "")
}

// lineIndex is where the reader is. When it reads the rest of the source again, the offsets that it has seen stay those of the whole
// source, as in the original.
type lineIndex struct {
	number, column int
	cache          []int
}

func (r *rawReader) advance(from, to int) int {
	if n := strings.Count(r.data[from:to], "\n"); n > 0 {
		r.lines.number += n
		r.lines.column = to - (from + strings.LastIndexByte(r.data[from:to], '\n') + 1)
	} else {
		r.lines.column += to - from
	}

	return to
}

func (r *rawReader) lineStart() int {
	for len(r.lines.cache) <= r.lines.number {
		last := r.lines.cache[len(r.lines.cache)-1]
		next := len(r.data)

		if last <= len(r.data) {
			if i := strings.IndexByte(r.data[last:], '\n'); i >= 0 {
				next = last + i
			}
		}

		r.lines.cache = append(r.lines.cache, next+1)
	}

	return r.lines.cache[r.lines.number]
}

func (r *rawReader) position() int { return min(r.lineStart()+r.lines.column, len(r.data)) }

func (r *rawReader) atLineStart() bool {
	const most = 3

	if r.lines.column == 0 {
		return true
	}

	start := min(r.lineStart(), len(r.data))

	return r.lines.column <= most && isBlank(r.data[start:min(start+r.lines.column, len(r.data))])
}

// beforeBlank says that the text from i begins with two line breaks with only spaces between.
func (r *rawReader) beforeBlank(i int) bool {
	for range 2 {
		i = min(i, len(r.data))

		for i < len(r.data) && r.data[i] == ' ' {
			i++
		}

		if i == len(r.data) || r.data[i] != '\n' {
			return false
		}

		i++
	}

	return true
}

// run reads data as far as it can. At the end, what is incomplete is text.
func (r *rawReader) run(end bool) {
	i, n := 0, len(r.data)

	for i < n {
		j := r.interesting(i)
		if j < 0 {
			break
		}

		if i < j {
			r.text(r.data[i:j])
		}

		if i = r.advance(i, j); i == n {
			break
		}

		k, stop := r.markup(i, end)
		if k > i {
			i = r.advance(i, k)
		}

		if stop {
			break
		}
	}

	if end && i < n && r.cdata == "" {
		r.text(r.data[i:])
		i = r.advance(i, n)
	}

	r.data = r.data[i:]
}

// interesting is where the next tag or entity begins. In a script, it is the end tag, or -1 if there is none.
func (r *rawReader) interesting(i int) int {
	if r.cdata != "" {
		for j := i; ; j++ {
			k := strings.Index(r.data[j:], "</")
			if k < 0 {
				return -1
			}

			j += k
			if rest := trimLeft(r.data[j+2:]); len(rest) >= len(r.cdata) && strings.EqualFold(rest[:len(r.cdata)], r.cdata) &&
				strings.HasPrefix(trimLeft(rest[len(r.cdata):]), ">") {
				return j
			}
		}
	}

	if k := strings.IndexAny(r.data[i:], "&<"); k >= 0 {
		return i + k
	}

	return len(r.data)
}

// markup reads what begins at i, and returns where it ends. It says stop if nothing behind i can be read now.
func (r *rawReader) markup(i int, end bool) (next int, stop bool) {
	rest := r.data[i:]

	switch {
	case rest[0] == '&':
		return r.entity(i)
	case strings.HasPrefix(rest, "</>"), len(rest) > 1 && isLetter(rest[1]):
		next = r.startTag(i)
	case strings.HasPrefix(rest, "</"):
		next = r.endTag(i)
	case strings.HasPrefix(rest, "<!--"):
		next = r.comment(i)
	case strings.HasPrefix(rest, "<?"):
		next = r.instruction(i)
	case strings.HasPrefix(rest, "<!"):
		next = r.declaration(i)
	case len(rest) > 1:
		r.text("<")

		next = i + 1
	default:
		return i, true
	}

	if next >= 0 {
		return next, false
	}

	if !end {
		return i, true
	}

	switch {
	case r.find(">", i+1) >= 0:
		next = r.find(">", i+1) + 1
	case strings.IndexByte(rest[1:], '<') >= 0:
		next = i + 1 + strings.IndexByte(rest[1:], '<')
	default:
		next = i + 1
	}

	r.text(r.data[i:next])

	return next, false
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

// find is where what occurs first from i on, or -1. It is not looked for again if it was missing once.
func (r *rawReader) find(what string, i int) int {
	if r.missing[what] || i > len(r.data) {
		return -1
	}

	k := strings.Index(r.data[i:], what)
	if k < 0 {
		r.missing[what] = true

		return -1
	}

	return i + k
}

func (r *rawReader) entity(i int) (next int, stop bool) {
	rest := r.data[i:]

	if strings.HasPrefix(rest, "&#") {
		n := numericEntity(rest)
		if n == 0 {
			if strings.IndexByte(rest, ';') >= 0 {
				r.text("&#")

				return i + len("&#"), true
			}

			return i, true
		}

		r.emptyTag(rest[:n]+";", false)

		if rest[n] == ';' {
			n++
		}

		return i + n, false
	}

	n := 1
	for n < len(rest) && (isLetter(rest[n]) || n > 1 && (isDigit(rest[n]) || rest[n] == '-' || rest[n] == '.')) {
		n++
	}

	if n > 1 && n < len(rest) && rest[n] == ';' {
		r.emptyTag(rest[:n+1], false)

		return i + n + 1, false
	}

	if len(rest) > 1 {
		r.text("&")

		return i + 1, false
	}

	return i, true
}

// numericEntity is the length of "&#38" or "&#x26" that text begins with, if something follows that does not belong to it.
func numericEntity(text string) int {
	n, digit := len("&#"), isDigit
	if n < len(text) && text[n]|0x20 == 'x' {
		n, digit = n+1, isHex
	}

	start := n
	for n < len(text) && digit(text[n]) {
		n++
	}

	// What follows a decimal number must not be a hexadecimal digit; the number is not shortened for that.
	if n == start || n == len(text) || isHex(text[n]) {
		return 0
	}

	return n
}

func (r *rawReader) comment(i int) int {
	from := i + len("<!--")
	plain, bang := r.find("-->", from), r.find("--!>", from)

	switch {
	case plain < 0 && bang < 0:
		r.text("<")

		return i + 1
	case plain < 0 || bang >= 0 && bang < plain:
		r.emptyTag("<!--"+r.data[from:bang]+"-->", true)

		return bang + len("--!>")
	}

	r.emptyTag("<!--"+r.data[from:plain]+"-->", true)

	return plain + len("-->")
}

func (r *rawReader) instruction(i int) int {
	if !r.atLineStart() && !r.inTail && len(r.open) == 0 {
		r.text("<?")

		return i + len("<?")
	}

	end := r.find("?>", i+2)
	if end < 0 {
		return -1
	}

	r.emptyTag(r.data[i:end]+"?>", true)

	return end + len("?>")
}

func (r *rawReader) declaration(i int) int {
	rest := r.data[i:]
	if !r.atLineStart() && !r.inTail && len(r.open) == 0 {
		r.text("<!")

		return i + len("<!")
	}

	switch {
	case strings.HasPrefix(rest, "<![CDATA["):
		return r.cdataSection(i)
	case strings.HasPrefix(rest, "<!["):
		end := r.find(">", i+2)
		if end < 0 {
			r.text("<")

			return i + 1
		}

		r.emptyTag(r.data[i:end+1], false)

		return end + 1
	}

	end := r.find(">", i+2)
	if end < 0 {
		return -1
	}

	r.emptyTag(r.data[i:end+1], len(rest) >= 9 && strings.EqualFold(rest[:9], "<!doctype"))

	return end + 1
}

func (r *rawReader) cdataSection(i int) int {
	rest := r.data[i:]

	for j := 3; ; j++ {
		k := strings.IndexByte(rest[j:], ']')
		if k < 0 {
			return -1
		}

		j += k

		if second := trimLeft(rest[j+1:]); strings.HasPrefix(second, "]") {
			if third := trimLeft(second[1:]); strings.HasPrefix(third, ">") {
				r.emptyTag(rest[:j]+"]]>", true)

				return i + len(rest) - len(third) + 1
			}
		}
	}
}

func (r *rawReader) endTag(i int) int {
	rest := r.data[i:]
	if len(rest) < 3 || !isLetter(rest[2]) {
		r.text(rest[:2])

		return i + 2
	}

	closing := r.find(">", i) - i
	if closing < 0 {
		return -1
	}

	n := 2
	for n < len(rest) && (isLetter(rest[n]) || isDigit(rest[n]) || strings.IndexByte("-.:_", rest[n]) >= 0) {
		n++
	}

	if after := trimLeft(rest[n:]); strings.HasPrefix(after, ">") {
		name := strings.ToLower(rest[2:n])
		if r.cdata != "" && name != r.cdata {
			r.text(rest[:closing+1])

			return i + closing + 1
		}

		r.end(name)

		r.cdata = ""

		return i + closing + 1
	}

	if r.cdata != "" {
		r.text(rest[:closing+1])

		return i + closing + 1
	}

	n = 2
	for n < len(rest) && strings.IndexByte("\t\n\r\f />\x00", rest[n]) < 0 {
		n++
	}

	name := strings.ToLower(rest[2:n])
	gt := strings.IndexByte(rest[n:], '>')
	r.end(name)

	return i + n + gt + 1
}

// startTag reads a tag, or "<" if there is none.
func (r *rawReader) startTag(i int) int {
	rest := r.data[i:]
	if strings.HasPrefix(rest, "</>") {
		r.text("</>")

		return i + len("</>")
	}

	n, ok := 0, r.find(">", i) >= 0
	if ok {
		var read int

		n, read, ok = tagLength(rest)
		r.page.spend(read)
	}

	if !ok {
		r.text("<")

		return i + 1
	}

	tag := readTag(rest[:n])
	if !tag.complete {
		r.text(rest[:n])

		return i + n
	}

	for _, attr := range tag.attrs {
		if r.anchors != nil && (attr.Key == "id" || attr.Key == "name" && tag.name == "a") {
			r.anchors(attr.Value)
		}
	}

	if tag.empty {
		r.selfClosing(tag)

		return i + n
	}

	if tag.name == "script" || tag.name == "style" {
		r.cdata = tag.name
	}

	r.start(tag)

	return i + n
}

// tagLength is where a start tag ends, how much was read for it, and false if it does not end properly.
func tagLength(text string) (length, read int, ok bool) {
	j := 2
	for j < len(text) && strings.IndexByte("`\t\n\r\f />\x00", text[j]) < 0 {
		j++
	}

	if k := skipSlashes(text, j); k > j {
		j = k
	}

	for {
		next := attributeEnd(text, j)
		if next == j {
			break
		}

		j = next
	}

	j = skipSpace(text, j)

	switch {
	case j >= len(text):
		return 0, j, false
	case text[j] == '>':
		return j + 1, j, true
	case strings.HasPrefix(text[j:], "/>"):
		return j + len("/>"), j, true
	case text[j] == '/', text[j] == '=', isLetter(text[j]):
		return 0, j, false
	}

	return j, j, true
}

func isTagSpace(c byte) bool {
	return c == ' ' || c >= '\t' && c <= '\r' || c >= 0x1c && c <= 0x1f
}

func skipSpace(text string, i int) int {
	for i < len(text) && isTagSpace(text[i]) {
		i++
	}

	return i
}

func skipSlashes(text string, i int) int {
	for i < len(text) && (isTagSpace(text[i]) || text[i] == '/') {
		i++
	}

	return i
}

// attributeEnd is where the attribute that begins at i ends, with what separates it from the next one, or i if there is none.
func attributeEnd(text string, i int) int {
	if i >= len(text) || i == 0 || !isTagSpace(text[i-1]) && strings.IndexByte(`'"/`, text[i-1]) < 0 {
		return i
	}

	if isTagSpace(text[i]) || strings.IndexByte("`/>", text[i]) >= 0 {
		return i
	}

	j := i + 1
	for j < len(text) && !isTagSpace(text[j]) && strings.IndexByte("/=>", text[j]) < 0 {
		j++
	}

	if _, _, end := attributeValue(text, j, "`>"); end > j {
		j = end

		for {
			k := skipSpace(text, j)
			if k >= len(text) || text[k] != ',' {
				break
			}

			j = k + 1
		}
	}

	return skipSeparators(text, j)
}

// skipSeparators skips white space and slashes that do not end the tag.
func skipSeparators(text string, j int) int {
	for j < len(text) {
		if !isTagSpace(text[j]) && (text[j] != '/' || j+1 < len(text) && text[j+1] == '>') {
			break
		}

		j++
	}

	return j
}

// attributeValue reads "= value" at i: where the value is, and where it ends with its quotes. There is none if end is i.
func attributeValue(text string, i int, stop string) (from, to, end int) {
	j := skipSpace(text, i)

	equals := j
	for j < len(text) && text[j] == '=' {
		j++
	}

	if j == equals {
		return i, i, i
	}

	value := skipSpace(text, j)

	if value < len(text) && (text[value] == '"' || text[value] == '\'') {
		if k := strings.IndexByte(text[value+1:], text[value]); k >= 0 {
			return value, value + k + 2, value + k + 2
		}

		switch {
		case value > j:
			// A quote that is not closed begins the next attribute.
			return value - 1, value - 1, value - 1
		case j-equals > 1:
			value = j - 1
		default:
			return i, i, i
		}
	}

	j = value
	for j < len(text) && !isTagSpace(text[j]) && strings.IndexByte(stop, text[j]) < 0 {
		j++
	}

	return value, j, j
}

// A rawTag is a start tag in raw HTML.
type rawTag struct {
	text, name string
	attrs      []tree.Attr
	// complete says that the tag ends with ">", and empty that it ends with "/>".
	complete, empty bool
}

func readTag(text string) rawTag {
	j := 1
	for j < len(text) && strings.IndexByte("\t\n\r\f />\x00", text[j]) < 0 {
		j++
	}

	tag := rawTag{text: text, name: strings.ToLower(text[1:j])}
	j = skipSeparators(text, j)

	for j < len(text) {
		key, value, next := readAttribute(text, j)
		if next == j {
			break
		}

		tag.attrs = append(tag.attrs, tree.Attr{Key: key, Value: value})
		j = next
	}

	end := strings.TrimFunc(text[j:], isSpace)
	tag.complete, tag.empty = end == ">" || end == "/>", end == "/>"

	return tag
}

func readAttribute(text string, i int) (key, value string, next int) {
	if !isTagSpace(text[i-1]) && strings.IndexByte(`'"/`, text[i-1]) < 0 || isTagSpace(text[i]) || text[i] == '/' || text[i] == '>' {
		return "", "", i
	}

	j := i + 1
	for j < len(text) && !isTagSpace(text[j]) && strings.IndexByte("/=>", text[j]) < 0 {
		j++
	}

	key = strings.ToLower(text[i:j])
	// An attribute without a value has its own name as value.
	value = key

	if from, to, end := attributeValue(text, j, ">"); end > j {
		value = text[from:to]
		if n := len(value); n > 1 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			value = value[1 : n-1]
		}

		value = html.UnescapeString(value)
		j = end
	}

	return key, value, skipSeparators(text, j)
}
