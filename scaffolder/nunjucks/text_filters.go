package nunjucks

import (
	"math"
	"regexp"
	"strings"
)

// The filters of text.

// plain calls a method of strings and returns its result as a string. It fails for a value without that
// method.
func (r *run) plain(v Value, method string, args ...Value) string {
	return r.text(r.invoke(v, method, args...))
}

func (r *run) capitalize(v Value) string {
	lower := r.plain(orEmpty(v), "toLowerCase")
	length := textLength(lower)
	head := min(1, length)
	return r.concatenate(r.upperCase(r.textSlice(lower, 0, head)), r.textSlice(lower, head, length))
}

func filterCapitalize(r *run, args []Value) Value {
	return r.copySafeness(args[0], r.capitalize(args[0]))
}

func filterTitle(r *run, args []Value) Value {
	words := r.list(r.invoke(orEmpty(args[0]), "split", " "))
	for i, word := range words.Items {
		words.Items[i] = r.capitalize(word)
	}
	return r.copySafeness(args[0], r.join(words, " "))
}

func filterCenter(r *run, args []Value) Value {
	value, width := orEmpty(args[0]), argument(args, 1)
	if !truthy(width) {
		width = 80.0
	}
	if r.greaterOrEqual(r.member(value, "length"), width) {
		return value
	}
	spaces := r.number(width) - r.length(value)
	before := r.spaces(spaces/2 - math.Mod(spaces, 2))
	after := r.spaces(spaces / 2)
	return r.copySafeness(value, r.concatenate(r.concatenate(before, r.text(value)), after))
}

// spaces returns as many spaces as a loop that counts up to n writes.
func (r *run) spaces(n float64) string {
	if math.IsNaN(n) || n <= 0 {
		return ""
	}
	return repeatText(r, " ", toInteger(math.Ceil(n)))
}

func filterIndent(r *run, args []Value) Value {
	value := orEmpty(args[0])
	if value == "" {
		return ""
	}
	indentation := r.spaces(r.orDefaultNumber(argument(args, 1), 4))
	lines := r.list(r.invoke(value, "split", "\n"))
	for i, line := range lines.Items {
		if i > 0 || truthy(argument(args, 2)) {
			lines.Items[i] = r.concatenate(indentation, r.text(line))
		}
	}
	return r.copySafeness(value, r.join(lines, "\n"))
}

func filterLower(r *run, args []Value) Value { return r.invoke(orEmpty(args[0]), "toLowerCase") }
func filterUpper(r *run, args []Value) Value { return r.invoke(orEmpty(args[0]), "toUpperCase") }

var htmlEscaper = strings.NewReplacer("&", "&amp;", `"`, "&quot;", "'", "&#39;", "<", "&lt;", ">", "&gt;", `\`, "&#92;")

// orBlank returns the text of a value, empty for null and undefined.
func (r *run) orBlank(v Value) string {
	if isNullish(v) {
		return ""
	}
	return r.text(v)
}

func filterForceEscape(r *run, args []Value) Value {
	text := r.orBlank(args[0])
	// The replacer allocates the text twice.
	r.allocate(2 * escapedBytes(text))
	return r.newSafe(htmlEscaper.Replace(text))
}

func filterEscape(r *run, args []Value) Value {
	if _, safe := args[0].(*safeString); safe {
		return args[0]
	}
	return filterForceEscape(r, args)
}

func filterSafe(r *run, args []Value) Value {
	if _, safe := args[0].(*safeString); safe {
		return args[0]
	}
	return r.newSafe(r.orBlank(args[0]))
}

func filterString(r *run, args []Value) Value {
	if _, safe := args[0].(*safeString); safe {
		return args[0]
	}
	return r.text(r.require(args[0], "text"))
}

// escapedBytes is the length of a text after escaping.
func escapedBytes(text string) int {
	size := len(text)
	for i := range len(text) {
		switch text[i] {
		case '&', '\'', '\\':
			size += 4
		case '"':
			size += 5
		case '<', '>':
			size += 3
		}
	}
	return size
}

// longText is the length from which on the clock is checked for each match, because a search takes long.
const longText = 64 << 10

// eachMatchOf calls visit with each match of a pattern without lookbehind or lookahead, and with the text
// between it and the previous match. It returns the text after the last match.
func (r *run) eachMatchOf(pattern *regexp.Regexp, text string, visit func(between, match string)) (rest string) {
	for {
		if r.step(); len(text) > longText {
			r.checkClock()
		}
		found := pattern.FindStringIndex(text)
		if found == nil {
			r.work(len(text) >> 4)
			return text
		}
		r.work(found[1] >> 4)
		visit(text[:found[0]], text[found[0]:found[1]])
		text = text[found[1]:]
	}
}

// replaceMatches replaces each match with a text. If trimmed is not empty, it instead trims those characters
// from both sides of the match.
func (r *run) replaceMatches(pattern *regexp.Regexp, text, replacement, trimmed string) string {
	var out []byte
	rest := r.eachMatchOf(pattern, text, func(between, match string) {
		out = r.appendText(out, between)
		if trimmed != "" {
			replacement = strings.Trim(match, trimmed)
		}
		out = r.appendText(out, replacement)
	})
	if len(rest) == len(text) {
		return text
	}
	return r.textOf(r.appendText(out, rest))
}

// stringOnly returns the text of a string or safe string. It fails for any other value, because that lacks
// the method that nunjucks calls.
func (r *run) stringOnly(v Value) string {
	switch v := v.(type) {
	case string:
		r.work(len(v) >> 6)
		return v
	case *safeString:
		return v.text
	}
	r.fail("expected a string, found %s", typeName(v))
	return ""
}

func filterNl2br(r *run, args []Value) Value {
	if isNullish(args[0]) {
		return ""
	}
	text := r.stringOnly(args[0])
	r.allocate(2*len(text) + strings.Count(text, "\n")*len("<br />") + 2*stringBytes)
	return r.copySafeness(args[0], strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "<br />\n"))
}

func filterTrim(r *run, args []Value) Value {
	r.allocate(stringBytes)
	return r.copySafeness(args[0], trimSpace(r.stringOnly(args[0])))
}

func filterReplace(r *run, args []Value) Value {
	value, old, replacement, limit := args[0], argument(args, 1), argument(args, 2), argument(args, 3)
	var pattern, text string
	switch old := old.(type) {
	case *regex:
		return r.invoke(value, "replace", old, replacement)
	case float64:
		pattern = formatNumber(old)
	case string:
		pattern = old
	default:
		return value
	}
	switch value := value.(type) {
	case float64:
		text = formatNumber(value)
	case string:
		text = value
	case *safeString:
		text = value.text
	default:
		return value
	}
	return r.replaceText(value, text, pattern, replacement, limit)
}

// replaceText replaces the first limit occurrences of old, all when limit is undefined or -1. An empty old
// puts the replacement around every character.
func (r *run) replaceText(value Value, text, old string, replacement, limit Value) Value {
	if isUndefined(limit) {
		limit = -1.0
	}
	if old == "" {
		around := r.text(r.primitive(replacement))
		joined := r.text(arrayJoin(r, &Array{r.textSplit(text)}, []Value{replacement}))
		return r.copySafeness(value, r.concatenate(r.concatenate(around, joined), around))
	}
	if limit == 0.0 || !strings.Contains(text, old) {
		if _, number := value.(float64); number {
			return text
		}
		return value
	}
	with := r.text(r.primitive(replacement))
	var out []byte
	for count := 0.0; ; count++ {
		at := strings.Index(text, old)
		if at < 0 || limit != -1.0 && !r.less(count, limit) {
			break
		}
		r.step()
		out = r.appendText(out, text[:at])
		out = r.appendText(out, with)
		text = text[at+len(old):]
	}
	return r.copySafeness(value, r.textOf(r.appendText(out, text)))
}

var (
	carriageReturn = regexp.MustCompile(`\r\n`)

	spaceRun = regexp.MustCompile(` +`)
	// lineEdge matches the spaces around a line break of JavaScript's multiline mode.
	lineEdge      = regexp.MustCompile(` *([\n\r\x{2028}\x{2029}]) *`)
	manyNewlines  = regexp.MustCompile(`\n\n\n+`)
	whitespaceRun = regexp.MustCompile(`[` + whitespaceClass + `]+`)
	wordRun       = regexp.MustCompile(`[A-Za-z0-9_]+`)
)

// whitespaceClass is JavaScript's \s for Go's regular expressions.
const whitespaceClass = `\t-\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}`

// withoutTags removes tags and comments from a text.
func (r *run) withoutTags(text string) string {
	var out []byte
	lastTag, lastComment := strings.LastIndexByte(text, '>'), strings.LastIndex(text, "-->")
	kept := 0
	for at := 0; at < lastTag; {
		opening := strings.IndexByte(text[at:], '<')
		if opening < 0 {
			break
		}
		at += opening
		r.step()
		end := at + markupBytes(text[at:], lastComment-at)
		if end == at {
			at++
			continue
		}
		out = r.appendText(out, text[kept:at])
		at, kept = end, end
	}
	if kept == 0 {
		return text
	}
	return r.textOf(r.appendText(out, text[kept:]))
}

// markupBytes returns the length of the tag or comment at the start of a text, 0 for none. lastComment is the
// last offset at which a comment may end.
func markupBytes(text string, lastComment int) int {
	if strings.HasPrefix(text, "<!--") {
		if lastComment < len("<!--") {
			return 0
		}
		return strings.Index(text[len("<!--"):], "-->") + len("<!---->")
	}
	name := strings.TrimPrefix(text[1:], "/")
	letters := 0
	for letters < len(name) && isAlphanumeric(name[letters]) {
		letters++
	}
	if letters == 0 || letters == len(name) || name[0] <= '9' || name[letters] == '_' {
		return 0
	}
	closing := strings.IndexByte(name[letters:], '>')
	if closing < 0 {
		return 0
	}
	return len(text) - len(name) + letters + closing + 1
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

func filterStripTags(r *run, args []Value) Value {
	value := orEmpty(args[0])
	text := trimSpace(r.withoutTags(r.stringOnly(value)))
	if !truthy(argument(args, 1)) {
		return r.copySafeness(value, r.replaceMatches(whitespaceRun, text, " ", ""))
	}
	text = r.replaceMatches(lineEdge, strings.Trim(text, " "), "", " ")
	text = r.replaceMatches(spaceRun, text, " ", "")
	text = r.replaceMatches(carriageReturn, text, "\n", "")
	return r.copySafeness(value, r.replaceMatches(manyNewlines, text, "\n\n", ""))
}

func filterTruncate(r *run, args []Value) Value {
	value := orEmpty(args[0])
	limit := argument(args, 1)
	if !truthy(limit) {
		limit = 255.0
	}
	if r.lessOrEqual(r.member(value, "length"), limit) {
		return value
	}
	var cut Value
	if truthy(argument(args, 2)) {
		cut = r.invoke(value, "substring", 0.0, limit)
	} else {
		end := r.invoke(value, "lastIndexOf", " ", limit)
		if end == -1.0 {
			end = limit
		}
		cut = r.invoke(value, "substring", 0.0, end)
	}
	ending := argument(args, 3)
	if isNullish(ending) {
		ending = "..."
	}
	return r.copySafeness(args[0], r.text(r.add(cut, ending)))
}

func filterWordCount(r *run, args []Value) Value {
	value := orEmpty(args[0])
	if !truthy(value) {
		return nil
	}
	words := 0
	r.eachMatchOf(wordRun, r.stringOnly(value), func(string, string) { words++ })
	if words == 0 {
		return nil
	}
	return integer(words)
}

var (
	urlScheme   = regexp.MustCompile(`^https?://[^\n\r\x{2028}\x{2029}]*$`)
	emailText   = regexp.MustCompile("^[A-Za-z0-9_.!#$%&'*+\\-/=?^`{|}~]+@[A-Za-z0-9\\-]+(\\.[A-Za-z0-9\\-]+)+$")
	knownDomain = regexp.MustCompile(`\.(?:org|net|com)(?::|/|$)`)
	wordOrSpace = regexp.MustCompile(`[` + whitespaceClass + `]+|[^` + whitespaceClass + `]+`)
)

// linkBytes is an upper bound for the length of a link's tags.
const linkBytes = 64

// filterURLize turns the words of a text that look like addresses into links.
func filterURLize(r *run, args []Value) Value {
	limit := argument(args, 1)
	attribute := ""
	if argument(args, 2) == true {
		attribute = ` rel="nofollow"`
	}
	text := r.stringOnly(args[0])
	var out []byte
	r.eachMatchOf(wordOrSpace, text, func(_, word string) {
		out = r.appendText(out, r.linkWord(word, limit, attribute))
	})
	return r.textOf(out)
}

func (r *run) linkWord(word string, limit Value, attribute string) string {
	address := withoutPunctuation(word)
	if n, ok := limit.(float64); ok && math.IsNaN(n) {
		limit = Undefined
	}
	short := r.plain(address, "substr", 0.0, limit)
	link := func(prefix string) string {
		r.allocate(len(prefix) + len(address) + len(attribute) + len(short) + linkBytes)
		return `<a href="` + prefix + address + `"` + attribute + `>` + short + `</a>`
	}
	switch {
	case urlScheme.MatchString(address):
		return link("")
	case strings.HasPrefix(address, "www."):
		return link("http://")
	case emailText.MatchString(address):
		r.allocate(2*len(address) + linkBytes)
		return `<a href="mailto:` + address + `">` + address + `</a>`
	case knownDomain.MatchString(address):
		return link("http://")
	}
	return word
}

// withoutPunctuation removes one opening mark before a word and one closing mark after it.
func withoutPunctuation(word string) string {
	for _, opening := range []string{"(", "<", "&lt;"} {
		if rest, ok := strings.CutPrefix(word, opening); ok {
			word = rest
			break
		}
	}
	for _, closing := range []string{".", ",", ")", "&gt;"} {
		if rest, ok := strings.CutSuffix(word, closing); ok {
			return rest
		}
	}
	return word
}
