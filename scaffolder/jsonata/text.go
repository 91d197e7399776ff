package jsonata

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

var textFunctions = map[string]definition{
	"string":          {"<x-b?:s>", 1, orUndefined(func(c *call) Value { return c.stringOf(c.argument(0), c.argument(1) == true) })},
	"substring":       {"<s-nn?:s>", 3, orUndefined(substring)},
	"substringBefore": {"<s-s:s>", 2, orUndefined(func(c *call) Value { return before(c.text(0), c.text(1)) })},
	"substringAfter":  {"<s-s:s>", 2, orUndefined(func(c *call) Value { return after(c.text(0), c.text(1)) })},
	"lowercase":       {"<s-:s>", 1, orUndefined(func(c *call) Value { return c.evaluator.text(cases.Lower(language.Und).String(c.text(0))) })},
	"uppercase":       {"<s-:s>", 1, orUndefined(func(c *call) Value { return c.evaluator.text(cases.Upper(language.Und).String(c.text(0))) })},
	"length":          {"<s-:n>", 1, orUndefined(func(c *call) Value { return float64(utf8.RuneCountInString(c.text(0))) })},
	"trim":            {"<s-:s>", 1, orUndefined(trim)},
	"pad":             {"<s-ns?:s>", 3, orUndefined(pad)},
	"match":           {"<s-f<s:o>n?:a<o>>", 3, orUndefined(match)},
	"contains":        {"<s-(sf):b>", 2, orUndefined(contains)},
	"replace":         {"<s-(sf)(sf)n?:s>", 4, orUndefined(replace)},
	"split":           {"<s-(sf)n?:a<s>>", 3, orUndefined(split)},
	"join":            {"<a<s>s?:s>", 2, orUndefined(join)},
}

// stringOr is a value as text, and another text for undefined.
func (e *evaluator) stringOr(v Value, other string) string {
	if isUndefined(v) {
		return other
	}
	return e.stringOf(v, false)
}

// stringOf is a value as text: JSON, except for strings. Numbers have 15 digits at most.
func (e *evaluator) stringOf(v Value, isIndented bool) string {
	switch v := v.(type) {
	case string:
		return v
	case *function, *matcher:
		return ""
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			fail("D3001", 0, "value", v)
		}
	case *list:
		if v.isWrapper && len(v.items) > 0 {
			return e.stringOf(v.items[0], isIndented)
		}
	}
	indent := ""
	if isIndented {
		indent = "  "
	}
	encoded, err := nunjucks.EncodeJSONIndent(e.plain(v, 0), indent)
	if err != nil {
		panic(thrown{err})
	}
	return e.text(string(encoded))
}

// plain is a value for JSON: lists are arrays, functions empty texts, and numbers rounded.
func (e *evaluator) plain(v Value, depth int) Value {
	e.checkDepth(depth)
	switch v := v.(type) {
	case *list:
		e.allocate(listBytes + itemBytes*len(v.items))
		array := &nunjucks.Array{Items: make([]Value, len(v.items))}
		for i, item := range v.items {
			array.Items[i] = e.plain(item, depth+1)
		}
		return array
	case *nunjucks.Object:
		e.allocate(objectBytes + memberBytes*v.Len())
		object := nunjucks.NewObject()
		for key, value := range v.All() {
			object.Set(key, e.plain(value, depth+1))
		}
		return object
	case *function, *matcher:
		return ""
	case float64:
		if isNumeric(v) && v != math.Trunc(v) {
			rounded, err := strconv.ParseFloat(nunjucks.FormatPrecision(v, 15), 64)
			if err == nil {
				return rounded
			}
		}
	}
	return v
}

// otherBase finds numbers that are not decimal.
var otherBase = regexp.MustCompile(`^0([xX][0-9A-Fa-f]+|[oO][0-7]+|[bB][01]+)$`)

// parseNumber parses a number as JSON has it, or with another base.
func parseNumber(text string) (float64, bool) {
	if otherBase.MatchString(text) {
		number, err := strconv.ParseUint(text, 0, 64)
		return float64(number), err == nil
	}
	if numberText.FindString(text) != text || text == "" {
		return 0, false
	}
	number, err := strconv.ParseFloat(text, 64)
	return number, err == nil
}

func substring(c *call) Value {
	characters := []rune(c.text(0))
	c.allocate(utf8.UTFMax * len(characters))
	size := float64(len(characters))
	start := c.number(1)
	if size+start < 0 {
		start = 0
	}
	end := size
	if c.has(2) {
		if c.number(2) <= 0 {
			return ""
		}
		end = start + c.number(2)
		if start < 0 {
			end += size
		}
	}
	place := func(n float64) int {
		if n = math.Trunc(n); n < 0 {
			n += size
		}
		return int(max(0, min(n, size)))
	}
	from, to := place(start), place(end)
	if from >= to {
		return ""
	}
	return c.evaluator.text(string(characters[from:to]))
}

func before(text, separator string) string {
	found, _, _ := strings.Cut(text, separator)
	return found
}

func after(text, separator string) string {
	if _, found, has := strings.Cut(text, separator); has {
		return found
	}
	return text
}

var spaces = regexp.MustCompile("[ \t\n\r]+")

func trim(c *call) Value {
	text := strings.TrimPrefix(spaces.ReplaceAllString(c.text(0), " "), " ")
	return c.evaluator.text(strings.TrimSuffix(text, " "))
}

func pad(c *call) Value {
	text, filler := c.text(0), c.text(2)
	if filler == "" {
		filler = " "
	}
	width := math.Trunc(c.number(1))
	missing := math.Abs(width) - float64(utf8.RuneCountInString(text))
	if missing <= 0 {
		return text
	}
	if missing > maxBytes {
		missing = maxBytes // It is refused.
	}
	c.allocate(int(missing) * utf8.UTFMax)
	characters := []rune(filler)
	padding := make([]rune, int(missing))
	for i := range padding {
		padding[i] = characters[i%len(characters)]
	}
	if width > 0 {
		return text + string(padding)
	}
	return string(padding) + text
}

// limit is an argument that bounds how often something is done.
func (c *call) limit(argument int, code string) int {
	if !c.has(argument) {
		return math.MaxInt32
	}
	if c.number(argument) < 0 {
		fail(code, 0, "value", c.argument(argument), "index", float64(argument+1))
	}
	return int(math.Ceil(min(c.number(argument), math.MaxInt32)))
}

// matches are the matches of a regular expression, or of a function of the expression that finds them.
func (c *call) matches(of Value, text string, limit int) []nunjucks.Match {
	if m, is := of.(*matcher); is {
		return c.find(m, text, limit)
	}
	var matches []nunjucks.Match
	result := c.apply(of, []Value{text}, nil, c.scope)
	for !isUndefined(result) && len(matches) < limit {
		object, isObject := result.(*nunjucks.Object)
		if !isObject {
			fail("T1010", 0)
		}
		found, next := foundBy(object)
		c.allocate(frameBytes)
		matches = append(matches, found)
		result = undefined
		if isFunction(next) {
			result = c.apply(next, nil, nil, c.scope)
		}
	}
	return matches
}

// foundBy reads what a function says of a match.
func foundBy(object *nunjucks.Object) (found nunjucks.Match, next Value) {
	member := func(name string) Value {
		value, _ := object.Get(name)
		return value
	}
	start, hasStart := member("start").(float64)
	end, hasEnd := member("end").(float64)
	groups, hasGroups := member("groups").(*list)
	next = member("next")
	if !hasStart && !hasEnd && !hasGroups && !isFunction(next) {
		fail("T1010", 0)
	}
	found.Text, _ = member("match").(string)
	found.Start, found.End = int(start), int(end)
	if hasGroups {
		found.Groups = groups.items
	}
	return found, next
}

func match(c *call) Value {
	result := c.sequence()
	for _, each := range c.matches(c.argument(1), c.text(0), c.limit(2, "D3040")) {
		c.push(result, c.matchObject(each, "index"))
	}
	return result
}

func contains(c *call) Value {
	if text, isText := c.argument(1).(string); isText {
		return strings.Contains(c.text(0), text)
	}
	return len(c.matches(c.argument(1), c.text(0), 1)) > 0
}

// units is a text that is cut at the positions of JavaScript.
type units struct {
	text    string
	encoded []uint16
}

func (c *call) units(text string) units {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			c.allocate(2*len(text) + utf8.UTFMax*len(text))
			return units{text, utf16.Encode([]rune(text))}
		}
	}
	return units{text: text}
}

func (u units) slice(from, to int) string {
	if u.encoded == nil {
		to = max(0, min(to, len(u.text)))
		return u.text[max(0, min(from, to)):to]
	}
	to = max(0, min(to, len(u.encoded)))
	return string(utf16.Decode(u.encoded[max(0, min(from, to)):to]))
}

func (u units) size() int {
	if u.encoded == nil {
		return len(u.text)
	}
	return len(u.encoded)
}

func replace(c *call) Value {
	text, limit := c.text(0), c.limit(3, "D3011")
	if c.argument(1) == "" {
		fail("D3010", 0, "value", c.argument(1), "index", 2.0)
	}
	if old, isText := c.argument(1).(string); isText {
		replacement, isText := c.argument(2).(string)
		if !isText {
			fail("D3012", 0, "value", c.argument(2))
		}
		count := min(strings.Count(text, old), limit)
		c.allocate(len(text) + count*len(replacement))
		return strings.Replace(text, old, replacement, limit)
	}
	var out strings.Builder
	source, position := c.units(text), 0
	for _, each := range c.matches(c.argument(1), text, limit) {
		out.WriteString(source.slice(position, each.Start))
		substitute := c.substitute(each)
		c.allocate(2 * (len(substitute) + each.Start - position))
		out.WriteString(substitute)
		position = max(each.Start, each.End)
	}
	out.WriteString(source.slice(position, source.size()))
	return c.evaluator.text(out.String())
}

// substitute is what takes the place of a match: the replacement with its references, or what it returns.
func (c *call) substitute(found nunjucks.Match) string {
	if replacement, isText := c.argument(2).(string); isText {
		return expand(replacement, found)
	}
	object := c.matchObject(found, "start")
	object.Set("end", float64(found.End))
	result := c.apply(c.argument(2), []Value{object}, nil, c.scope)
	text, isText := result.(string)
	if !isText {
		fail("D3012", 0, "value", result)
	}
	return text
}

// expand replaces $$, $0 and $1 in a replacement.
func expand(replacement string, found nunjucks.Match) string {
	var out strings.Builder
	for {
		text, rest, has := strings.Cut(replacement, "$")
		out.WriteString(text)
		if !has {
			return out.String()
		}
		switch {
		case strings.HasPrefix(rest, "$"):
			out.WriteByte('$')
			rest = rest[1:]
		case strings.HasPrefix(rest, "0"):
			out.WriteString(found.Text)
			rest = rest[1:]
		default:
			digits, group := groupReference(rest, len(found.Groups))
			if digits == 0 {
				out.WriteByte('$')
			}
			if group >= 1 && group <= len(found.Groups) {
				text, _ := found.Groups[group-1].(string)
				out.WriteString(text)
			}
			rest = rest[digits:]
		}
		replacement = rest
	}
}

// groupReference reads the number of a group, which has as many digits as the number of groups.
func groupReference(text string, groups int) (digits, group int) {
	longest := max(1, len(strconv.Itoa(groups)))
	for digits < len(text) && digits < longest && text[digits] >= '0' && text[digits] <= '9' {
		digits++
	}
	if group, _ = strconv.Atoi(text[:digits]); digits > 1 && group > groups {
		digits--
		group, _ = strconv.Atoi(text[:digits])
	}
	return digits, group
}

func split(c *call) Value {
	text, limit := c.text(0), c.limit(2, "D3020")
	result := &list{}
	if separator, isText := c.argument(1).(string); isText {
		c.allocate(itemBytes * (strings.Count(text, separator) + 1))
		for part := range strings.SplitSeq(text, separator) {
			if len(result.items) < limit {
				c.push(result, part)
			}
		}
		return result
	}
	source, start := c.units(text), 0
	matches := c.matches(c.argument(1), text, limit)
	for _, each := range matches {
		c.push(result, c.evaluator.text(source.slice(start, each.Start)))
		start = each.End
	}
	if len(matches) < limit {
		c.push(result, c.evaluator.text(source.slice(start, source.size())))
	}
	return result
}

func join(c *call) Value {
	items := c.items(0)
	parts := make([]string, len(items))
	size := 0
	for i, item := range items {
		parts[i], _ = item.(string)
		size += len(parts[i]) + len(c.text(1)) + stringBytes
	}
	c.allocate(size)
	return strings.Join(parts, c.text(1))
}
