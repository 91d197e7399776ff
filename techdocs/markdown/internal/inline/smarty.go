package inline

import "strings"

// smarty finds quotation marks, dashes and dots, and replaces them by better ones.
func smarty(b *builder) error {
	options, on := b.options("smarty")
	if !on {
		return nil
	}

	err := options.known("smart_quotes", "smart_angled_quotes", "smart_dashes", "smart_ellipses", "substitutions")
	if err != nil {
		return err
	}

	entity := func(name, preset string) string {
		return Options{values: options.table("substitutions")}.text(name, preset)
	}

	b.escape(`"'`)

	var patterns []*pattern

	if options.flag("smart_dashes", true) {
		patterns = append(patterns, dashes("---", entity("mdash", "&mdash;")), dashes("--", entity("ndash", "&ndash;")))
	}

	if options.flag("smart_angled_quotes", false) {
		patterns = append(patterns, replacement("<<", entity("left-angle-quote", "&laquo;")), replacement(">>", entity("right-angle-quote", "&raquo;")))
	}

	if options.flag("smart_quotes", true) {
		patterns = append(patterns, quotes(
			entity("left-single-quote", "&lsquo;"), entity("right-single-quote", "&rsquo;"),
			entity("left-double-quote", "&ldquo;"), entity("right-double-quote", "&rdquo;"),
		)...)
	}

	if options.flag("smart_ellipses", true) {
		patterns = append(patterns, dashes("...", entity("ellipsis", "&hellip;")))
	}

	b.parser.smarty = patterns

	return nil
}

func replacement(text, html string) *pattern {
	return textPattern(text[:1], text, func(r *reader) found { return found{text: r.doc.Stash.Store(html)} })
}

// dashes finds a run of exactly this text.
func dashes(text, html string) *pattern {
	char := text[0]

	return &pattern{trigger: text[:1], find: func(r *reader, data string, pos, floor int) (match, bool) {
		for {
			start := indexByteFrom(data, char, pos)
			if start < 0 {
				return match{}, false
			}

			pos = start + runLength(data, start, char)
			if pos-start == len(text) && before(data, start, floor) != rune(char) {
				return match{start: start, end: pos, found: found{text: r.doc.Stash.Store(html)}}, true
			}
		}
	}}
}

// A quote is a rule for a quotation mark (or two of them) with conditions on what is around it. What is before it and belongs to the match
// stays.
type quote struct {
	text  string
	html  string
	fits  func(data string, start, end, floor int) bool
	lead  bool // white space or a dash is before it, in the same match
	trail bool // what follows, white space or an s, is in the same match
}

// quotes are the rules in their order.
func quotes(lsquo, rsquo, ldquo, rdquo string) []*pattern {
	word := func(data string, _, end, _ int) bool { return isWord(at(data, end)) }
	closes := func(data string, start, _, floor int) bool { return isCloser(before(data, start, floor)) }
	always := func(string, int, int, int) bool { return true }
	initial := func(data string, start, end, _ int) bool {
		next := at(data, end)

		return start == 0 && next != none && next < 0x80 && strings.ContainsRune("!\"#$%'()*+,-./:;<=>?@[\\]^_`{|}~", next) &&
			isWord(next) == isWord(at(data, end+1))
	}

	return quotePatterns([]quote{
		{text: "'", html: rsquo, fits: initial},
		{text: `"`, html: rdquo, fits: initial},
		{text: `"'`, html: ldquo + lsquo, fits: word},
		{text: `'"`, html: lsquo + ldquo, fits: word},
		{text: `'"`, html: rsquo + rdquo, fits: closes},
		{text: `"'`, html: rdquo + rsquo, fits: closes},
		{text: "'", html: rsquo, fits: func(data string, start, end, floor int) bool {
			return !isWord(before(data, start, floor)) && isDecimal(at(data, end)) && isDecimal(at(data, end+1)) && at(data, end+2) == 's'
		}},
		{text: "'", html: lsquo, fits: word, lead: true},
		{text: "'", html: rsquo, fits: func(data string, start, end, floor int) bool {
			next := at(data, end)

			return isCloser(before(data, start, floor)) && !isSpace(next) && !isDecimal(next) && !(next == 's' && !isWord(at(data, end+1)))
		}},
		{text: "'", html: rsquo, trail: true, fits: func(data string, _, end, _ int) bool {
			next := at(data, end)

			return isSpace(next) || next == 's' && !isWord(at(data, end+1))
		}},
		{text: "'", html: lsquo, fits: always},
		{text: `"`, html: ldquo, fits: word, lead: true},
		{text: `"`, html: rdquo, fits: func(data string, _, end, _ int) bool { return isSpace(at(data, end)) }},
		{text: `"`, html: rdquo, fits: closes},
		{text: `"`, html: ldquo, fits: always},
	})
}

// isCloser says that a quotation mark after the character closes. The marks of what was replaced are no such characters.
func isCloser(char rune) bool {
	return char != none && !strings.ContainsRune(" \t\r\n[{(-\x02\x03", char)
}

func quotePatterns(rules []quote) []*pattern {
	patterns := make([]*pattern, 0, len(rules))
	for _, rule := range rules {
		patterns = append(patterns, &pattern{trigger: rule.text[:1], find: rule.find})
	}

	return patterns
}

// leads are what an opening quotation mark may follow.
var leads = []string{"&nbsp;", "--", "–", "—", "&mdash;", "&ndash;", "&#8211;", "&#8212;"}

func (q quote) find(r *reader, data string, pos, floor int) (match, bool) {
	from := pos

	for {
		start := indexFrom(data, q.text, pos)
		if start < 0 {
			return match{}, false
		}

		end := start + len(q.text)
		pos = start + 1

		if !q.fits(data, start, end, floor) {
			continue
		}

		lead, trail := "", ""

		if q.lead {
			if lead = leadBefore(data[from:start]); lead == "" {
				continue
			}
		}

		if q.trail {
			trail = data[end : end+width(data, end)]
		}

		return match{start: start - len(lead), end: end + len(trail), found: found{text: lead + r.doc.Stash.Store(q.html) + trail}}, true
	}
}

// leadBefore is what is before an opening quotation mark, at the end of text, or "".
func leadBefore(text string) string {
	if text == "" {
		return ""
	}

	if last := before(text, len(text), 0); isSpace(last) {
		return text[len(text)-len(string(last)):]
	}

	for _, lead := range leads {
		if strings.HasSuffix(text, lead) {
			return lead
		}
	}

	return ""
}
