package markdown

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

const tagAttrs = `(?:\s+[\w\-:]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'` + "`" + `=<>]+))?)*`

//nolint:gochecknoglobals // Immutable.
var strippable = regexp.MustCompile(`(?s)(<!--.*?-->)|(<[\w:.\-]+)(` + tagAttrs + `)(\s*/?>)`)

// newHTMLStripper removes comments and attributes, as pymdownx.striphtml does.
func newHTMLStripper(s selection) func(html string) string {
	const name = "pymdownx.striphtml"

	comments := s.flag(name, "strip_comments", true)

	var patterns []string

	for _, attr := range s.list(name, "strip_attributes") {
		patterns = append(patterns, regexp.QuoteMeta(strings.TrimSpace(fmt.Sprint(attr))))
	}

	if s.flag(name, "strip_js_on_attributes", true) {
		patterns = append(patterns, `on[\w]+`)
	}

	var attrs *regexp.Regexp
	if len(patterns) > 0 {
		attrs = regexp.MustCompile(`\s+(?:` + strings.Join(patterns, "|") + `)\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'` + "`" + `=<>]+)`)
	}

	return func(html string) string {
		var out strings.Builder

		last := 0

		for _, m := range strippable.FindAllStringSubmatchIndex(html, -1) {
			switch {
			case m[2] >= 0 && comments:
				start, end := commentWithSpace(html, m[0], m[1])
				out.WriteString(html[last:max(start, last)])

				last = end
			case m[2] < 0 && attrs != nil:
				out.WriteString(html[last:m[6]] + attrs.ReplaceAllString(submatch(html, m, 3), ""))

				last = m[7]
			}
		}

		return out.String() + html[last:]
	}
}

// commentWithSpace is where a comment begins and ends, with the white space around it if it ends its line.
func commentWithSpace(html string, start, end int) (from, to int) {
	blank := html[end : len(html)-len(trimLeft(html[end:]))]

	i := strings.LastIndexByte(blank, '\n')
	if i < 0 {
		return start, end
	}

	return len(trimRight(html[:start])), end + len(strings.TrimSuffix(blank[:i], "\r"))
}

func endsWithWord(text string) bool {
	if text == "" {
		return false
	}

	r, _ := utf8.DecodeLastRuneInString(text)

	return isWord(r)
}

// metaLines removes what the extension meta takes for metadata: lines like "Key: value" up to a blank one.
func metaLines(text string) string {
	lines := strings.SplitAfter(text, "\n")
	if metaBegin.MatchString(lines[0]) {
		lines = lines[1:]
	}

	key := false

	for len(lines) > 0 {
		line := lines[0]

		switch {
		case isBlank(line), metaEnd.MatchString(line):
			return strings.Join(lines[1:], "")
		case label.MatchString(line):
			key = true
		case !key || !metaMore.MatchString(line):
			return strings.Join(lines, "")
		}

		lines = lines[1:]
	}

	return ""
}

//nolint:gochecknoglobals // Immutable.
var (
	metaBegin = regexp.MustCompile(`^-{3}(\s.*)?`)
	metaEnd   = regexp.MustCompile(`^(-{3}|\.{3})(\s.*)?`)
	metaMore  = regexp.MustCompile(`^[ ]{4,}.*`)
)
