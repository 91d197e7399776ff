package inline

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// links finds links and images, in the order: [text][key], [text](url), ![text](url), ![text][key], [key], ![key].
func links(b *builder) error {
	b.add(
		linkPattern(false, (*reader).referenceLink),
		linkPattern(false, (*reader).inlineLink),
		linkPattern(true, (*reader).inlineLink),
		linkPattern(true, (*reader).referenceLink),
		linkPattern(false, (*reader).shortLink),
		linkPattern(true, (*reader).shortLink),
	)

	return nil
}

// A label is the text in brackets that a link begins with.
type label struct {
	// start is where the link begins, and end where the label ends, after its bracket.
	start, end int
	text       string
	image      bool
}

// linkPattern finds labels, and asks read what they belong to.
func linkPattern(image bool, read func(*reader, string, label) (match, bool)) *pattern {
	return &pattern{trigger: "[", again: true, find: func(r *reader, data string, pos, floor int) (match, bool) {
		for {
			l, open := nextLabel(data, pos, floor, image)
			if open < 0 {
				return match{}, false
			}

			pos = open + 1

			if end := r.closing(data, open); end >= 0 {
				l.text, l.end = data[open+1:end], end+1
				if m, ok := read(r, data, l); ok {
					return m, true
				}
			}

			r.reject(l.start)
		}
	}}
}

// nextLabel finds the next opening bracket.
func nextLabel(data string, pos, floor int, image bool) (l label, open int) {
	for {
		open = indexByteFrom(data, '[', pos)
		if open < 0 {
			return label{}, -1
		}

		marked := before(data, open, floor) == '!'
		if marked == image && (!image || open > pos) {
			l = label{start: open, image: image}
			if image {
				l.start--
			}

			return l, open
		}

		pos = open + 1
	}
}

// closing is the position of the bracket that closes the one at open, or -1.
func (r *reader) closing(data string, open int) int {
	if r.scan.bracketsOf != data || len(r.scan.brackets) != len(data) {
		r.matchBrackets(data)
	}

	return int(r.scan.brackets[open])
}

// matchBrackets finds out for each opening bracket where it is closed.
func (r *reader) matchBrackets(data string) {
	r.scan.brackets = slices.Grow(r.scan.brackets[:0], len(data))[:len(data)]
	r.scan.bracketsOf = data

	var open []int32

	for i := range len(data) {
		switch data[i] {
		case '[':
			r.scan.brackets[i] = -1
			open = append(open, int32(i))
		case ']':
			if len(open) > 0 {
				r.scan.brackets[open[len(open)-1]] = int32(i)
				open = open[:len(open)-1]
			}
		}
	}
}

// inlineLink reads "(url "title")" after a label.
func (r *reader) inlineLink(data string, l label) (match, bool) {
	target, ok := r.target(data, l.end)
	if !ok {
		return match{}, false
	}

	element := linkElement(l, r)
	if l.image {
		element.Attrs = append([]tree.Attr{{Key: "src", Value: target.url}}, element.Attrs...)
	} else {
		element.Set("href", target.url)
	}

	if target.hasTitle {
		element.Set("title", target.title)
	}

	return match{start: l.start, end: target.end, found: found{element: element}}, true
}

// linkElement is an image without src, or a link without href.
func linkElement(l label, r *reader) *tree.Element {
	if l.image {
		return tree.New("img", "alt", r.unmark(l.text))
	}

	element := &tree.Element{Tag: "a"}
	element.SetText(l.text)

	return element
}

// referenceLink reads "[key]" after a label. If key is empty, the label is the key.
func (r *reader) referenceLink(data string, l label) (match, bool) {
	open := l.end
	if open < len(data) && isSpace(at(data, open)) {
		open += width(data, open)
	}

	if open >= len(data) || data[open] != '[' {
		return match{}, false
	}

	end := indexByteFrom(data, ']', open)
	if end < 0 {
		return match{}, false
	}

	key := data[open+1 : end]
	if key == "" {
		key = l.text
	}

	return r.referTo(key, l, end+1), true
}

// shortLink takes the label as the key.
func (r *reader) shortLink(_ string, l label) (match, bool) { return r.referTo(l.text, l, l.end), true }

// referTo makes the link to a reference. If there is none with this key, the search goes on after the link.
func (r *reader) referTo(key string, l label, end int) match {
	if len(r.doc.References) == 0 {
		return match{end: end, skip: true}
	}

	reference, ok := r.doc.References[joinSpaces(strings.ToLower(key))]
	if !ok {
		return match{end: end, skip: true}
	}

	element := linkElement(l, r)
	if l.image {
		element.Set("src", reference.URL)
	} else {
		element.Set("href", reference.URL)
	}

	if reference.Title != "" {
		element.Set("title", reference.Title)
	}

	return match{start: l.start, end: end, found: found{element: element}}
}

// joinSpaces makes one space of each run of white space.
func joinSpaces(text string) string {
	if strings.IndexFunc(text, func(char rune) bool { return char != ' ' && isSpace(char) }) < 0 && !strings.Contains(text, "  ") {
		return text
	}

	var out strings.Builder

	for pos := 0; pos < len(text); {
		if end := spaces(text, pos); end > pos {
			out.WriteByte(' ')

			pos = end

			continue
		}

		size := width(text, pos)
		out.WriteString(text[pos : pos+size])
		pos += size
	}

	return out.String()
}

// A target is what is in the parentheses of a link.
type target struct {
	url, title string
	hasTitle   bool
	end        int
}

// target reads the parentheses of a link at pos.
func (r *reader) target(data string, pos int) (target, bool) {
	if pos >= len(data) || data[pos] != '(' {
		return target{}, false
	}

	pos = spaces(data, pos+1)

	t, ok := angleTarget(data, pos)
	if !ok {
		if r.work < 0 {
			return target{}, false
		}

		s := targetScan{data: data, start: pos}
		t, ok = s.run()

		if !ok {
			r.work -= len(data) - pos
		}
	}

	if !ok {
		return target{}, false
	}

	if t.hasTitle {
		t.title = strings.Map(func(char rune) rune {
			if isSpace(char) {
				return ' '
			}

			return char
		}, dequote(r.unmark(strip(t.title))))
	}

	t.url = strip(r.unmark(t.url))

	return t, true
}

// dequote removes quotation marks around a text.
func dequote(text string) string {
	if text == "" {
		return text
	}

	first, last := text[0], text[len(text)-1]
	if first != last || first != '"' && first != '\'' {
		return text
	}

	if len(text) == 1 {
		return ""
	}

	return text[1 : len(text)-1]
}

// angleTarget reads "<url> "title")".
func angleTarget(data string, pos int) (target, bool) {
	if at(data, pos) != '<' {
		return target{}, false
	}

	end := strings.IndexAny(data[pos+1:], "<>")
	if end < 0 || data[pos+1+end] != '>' {
		return target{}, false
	}

	t := target{url: strip(data[pos+1 : pos+1+end])}
	pos = spaces(data, pos+end+2)

	if quote := at(data, pos); quote == '"' || quote == '\'' {
		closing := indexByteFrom(data, byte(quote), pos+1)
		if closing < 0 {
			return target{}, false
		}

		t.title, t.hasTitle = data[pos+1:closing], true
		pos = spaces(data, closing+1)
	}

	if at(data, pos) != ')' {
		return target{}, false
	}

	t.end = pos + 1

	return t, true
}

// A quotation is a quotation mark that may begin a title: which, and where its text begins and (last seen) ends.
type quotation struct {
	mark       byte
	start, end int
}

func (q quotation) closedBy(last byte) bool { return q.end >= 0 && q.mark == last }

// targetScan follows the parentheses of a target that is not in angle brackets. A title may hold parentheses, and what looks like the
// begin of a title may be none, so that the parentheses count after all.
type targetScan struct {
	data  string
	start int
	// depth counts open parentheses, and spare those that are open if the first quotation mark does not begin a title.
	depth, spare int
	spareEnd     int
	inTitle      bool
	first, other quotation
	last         byte
}

func (s *targetScan) run() (target, bool) {
	s.depth, s.spare, s.spareEnd = 1, 1, -1
	s.first, s.other = quotation{start: -1, end: -1}, quotation{start: -1, end: -1}

	for pos := s.start; pos < len(s.data); pos++ {
		char := s.data[pos]

		switch char {
		case '(':
			s.open()
		case ')':
			s.close(pos)
		case '"', '\'':
			s.quote(char, pos)
		}

		if s.depth == 0 {
			return s.finish(pos), true
		}

		if char != ' ' {
			s.last = char
		}
	}

	if s.spare != 0 {
		return target{}, false
	}

	if s.spareEnd < 0 {
		// The original takes all but the last two characters as the URL, and goes on with the last one.
		return s.butLast(), true
	}

	return target{url: s.data[s.start : s.spareEnd-1], end: s.spareEnd}, true
}

func (s *targetScan) butLast() target {
	_, last := utf8.DecodeLastRuneInString(s.data)
	end := len(s.data) - last
	_, previous := utf8.DecodeLastRuneInString(s.data[:end])

	return target{url: s.data[s.start:max(s.start, end-previous)], end: end}
}

func (s *targetScan) open() {
	switch {
	case !s.inTitle:
		s.depth++
	case s.spare > 0:
		s.spare--
	}
}

func (s *targetScan) close(pos int) {
	switch {
	case s.first.closedBy(s.last) || s.other.closedBy(s.last):
		s.depth = 0
	case !s.inTitle:
		s.depth--
	case s.spare > 0:
		s.spare--
		if s.spare == 0 {
			s.spareEnd = pos + 1
		}
	}
}

func (s *targetScan) quote(char byte, pos int) {
	switch {
	case s.first.mark == 0:
		s.inTitle = true
		s.spare = s.depth
		s.depth = 1
		s.first = quotation{char, pos + 1, -1}
	case char != s.first.mark && s.other.mark == 0:
		s.other = quotation{char, pos + 1, -1}
	case char == s.first.mark:
		s.first.end = pos + 1
	case char == s.other.mark:
		s.other.end = pos + 1
	}
}

// finish takes the title that ends before the parenthesis at pos, if there is one.
func (s *targetScan) finish(pos int) target {
	for _, q := range []quotation{s.first, s.other} {
		if q.closedBy(s.last) {
			return target{url: s.data[s.start : q.start-1], title: s.data[q.start : q.end-1], hasTitle: true, end: pos + 1}
		}
	}

	return target{url: s.data[s.start:pos], end: pos + 1}
}

// footnotes finds [^id].
func footnotes(b *builder) error {
	if !b.any("footnotes", "markdown.extensions.footnotes") {
		return nil
	}

	b.add(&pattern{trigger: "^", find: func(r *reader, data string, pos, _ int) (match, bool) {
		for r.doc.Footnote != nil {
			start := indexFrom(data, "[^", pos)
			if start < 0 {
				break
			}

			end := indexByteFrom(data, ']', start)
			if end < 0 {
				break
			}

			if element := r.doc.Footnote(data[start+2 : end]); element != nil {
				return match{start: start, end: end + 1, found: found{element: element}}, true
			}

			pos = end + 1
		}

		return match{}, false
	}})

	return nil
}
