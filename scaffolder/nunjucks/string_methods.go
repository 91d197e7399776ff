package nunjucks

import (
	"math"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// newStringMethods makes the methods of JavaScript's strings. A method is called on strings and safe strings
// only.
func newStringMethods() map[string]*callable {
	upper := stringMethod(0, func(r *run, s string, _ []Value) Value { return r.upperCase(s) })
	lower := stringMethod(0, func(r *run, s string, _ []Value) Value { return r.lowerCase(s) })
	start := stringMethod(0, func(_ *run, s string, _ []Value) Value { return trimLeft(s) })
	end := stringMethod(0, func(_ *run, s string, _ []Value) Value { return trimRight(s) })
	return map[string]*callable{
		"at":                stringMethod(1, stringAt),
		"charAt":            stringMethod(1, stringCharAt),
		"charCodeAt":        stringMethod(1, stringCharCodeAt),
		"codePointAt":       stringMethod(1, stringCodePointAt),
		"concat":            stringMethod(1, stringConcat),
		"endsWith":          stringMethod(1, stringEndsWith),
		"includes":          stringMethod(1, stringIncludes),
		"indexOf":           stringMethod(1, stringIndexOf),
		"lastIndexOf":       stringMethod(1, stringLastIndexOf),
		"localeCompare":     stringMethod(1, stringLocaleCompare),
		"match":             stringMethod(1, stringMatch),
		"normalize":         stringMethod(0, stringNormalize),
		"padEnd":            stringMethod(2, stringPadEnd),
		"padStart":          stringMethod(2, stringPadStart),
		"repeat":            stringMethod(1, stringRepeat),
		"replace":           stringMethod(2, stringReplace),
		"replaceAll":        stringMethod(2, stringReplaceAll),
		"search":            stringMethod(1, stringSearch),
		"slice":             stringMethod(2, stringSlice),
		"split":             stringMethod(2, stringSplit),
		"startsWith":        stringMethod(1, stringStartsWith),
		"substr":            stringMethod(2, stringSubstr),
		"substring":         stringMethod(2, stringSubstring),
		"toLocaleLowerCase": lower,
		"toLocaleUpperCase": upper,
		"toLowerCase":       lower,
		"toString":          stringMethod(0, func(_ *run, s string, _ []Value) Value { return s }),
		"toUpperCase":       upper,
		"trim":              stringMethod(0, func(_ *run, s string, _ []Value) Value { return trimSpace(s) }),
		"trimEnd":           end,
		"trimLeft":          start,
		"trimRight":         end,
		"trimStart":         start,
		"valueOf":           stringMethod(0, func(_ *run, s string, _ []Value) Value { return s }),
	}
}

// stringMethod makes a method of a function of the string, and counts the work of walking it.
func stringMethod(length int, method func(r *run, s string, args []Value) Value) *callable {
	return newCallable(length, func(r *run, this Value, args []Value) Value {
		s := r.text(r.require(this, "method"))
		r.allocate(stringBytes)
		r.work(len(s) >> 6)
		return method(r, s, args)
	})
}

// relativeIndex counts a negative index from the end and clamps the result between 0 and length.
func relativeIndex(index, length int) int {
	if index < 0 {
		return max(index+length, 0)
	}
	return min(index, length)
}

func stringAt(r *run, s string, args []Value) Value {
	i := r.integer(argument(args, 0), 0)
	if i < 0 {
		i += textLength(s)
	}
	if unit, ok := r.textAt(s, i); ok {
		return unit
	}
	return Undefined
}

func stringCharAt(r *run, s string, args []Value) Value {
	unit, _ := r.textAt(s, r.integer(argument(args, 0), 0))
	return unit
}

func stringCharCodeAt(r *run, s string, args []Value) Value {
	unit, ok := r.textAt(s, r.integer(argument(args, 0), 0))
	if !ok {
		return math.NaN()
	}
	return float64(units(unit)[0])
}

func stringCodePointAt(r *run, s string, args []Value) Value {
	i, length := r.integer(argument(args, 0), 0), textLength(s)
	if i < 0 || i >= length {
		return Undefined
	}
	code, _ := decodeRune(r.textSlice(s, i, min(i+2, length)))
	return float64(code)
}

func stringConcat(r *run, s string, args []Value) Value {
	for _, arg := range args {
		s = r.concatenate(s, r.text(arg))
	}
	return s
}

// searchText reads the argument of a method that searches for a string and accepts no regular expression.
func searchText(r *run, args []Value) string {
	if _, ok := argument(args, 0).(*regex); ok {
		r.fail("the first argument must not be a regular expression")
	}
	return r.text(argument(args, 0))
}

func stringEndsWith(r *run, s string, args []Value) Value {
	sub, length := searchText(r, args), textLength(s)
	end := min(max(r.integer(argument(args, 1), length), 0), length)
	return strings.HasSuffix(r.textSlice(s, 0, end), sub)
}

func stringStartsWith(r *run, s string, args []Value) Value {
	sub, length := searchText(r, args), textLength(s)
	start := min(max(r.integer(argument(args, 1), 0), 0), length)
	return strings.HasPrefix(r.textSlice(s, start, length), sub)
}

func stringIncludes(r *run, s string, args []Value) Value {
	return r.textIndex(s, searchText(r, args), max(r.integer(argument(args, 1), 0), 0)) >= 0
}

func stringIndexOf(r *run, s string, args []Value) Value {
	return integer(r.textIndex(s, r.text(argument(args, 0)), max(r.integer(argument(args, 1), 0), 0)))
}

func stringLastIndexOf(r *run, s string, args []Value) Value {
	sub := r.text(argument(args, 0))
	from := r.number(argument(args, 1))
	if math.IsNaN(from) {
		from = math.Inf(1)
	}
	return integer(r.textLastIndex(s, sub, max(toInteger(from), 0)))
}

// stringLocaleCompare orders by letters, and equal letters by case, lower case first. For the characters of
// names this is the order of the root locale.
func stringLocaleCompare(r *run, s string, args []Value) Value {
	other := r.text(argument(args, 0))
	order := compareText(r.lowerCase(s), r.lowerCase(other))
	if order == 0 {
		order = compareText(other, s)
	}
	return float64(order)
}

func stringNormalize(r *run, s string, args []Value) Value {
	forms := map[string]norm.Form{"NFC": norm.NFC, "NFD": norm.NFD, "NFKC": norm.NFKC, "NFKD": norm.NFKD}
	name := "NFC"
	if given := argument(args, 0); !isUndefined(given) {
		name = r.text(given)
	}
	form, ok := forms[name]
	if !ok {
		r.fail("the normalization form should be one of NFC, NFD, NFKC, NFKD")
	}
	return r.transform(form, s)
}

// padding returns the text that extends s to a length.
func padding(r *run, s string, args []Value) string {
	missing := r.integer(argument(args, 0), 0) - textLength(s)
	filler := " "
	if given := argument(args, 1); !isUndefined(given) {
		filler = r.text(given)
	}
	if missing <= 0 || filler == "" {
		return ""
	}
	width := textLength(filler)
	repeated := repeatText(r, filler, missing/width+1)
	return r.textSlice(repeated, 0, missing)
}

func stringPadEnd(r *run, s string, args []Value) Value {
	return r.concatenate(s, padding(r, s, args))
}

func stringPadStart(r *run, s string, args []Value) Value {
	return r.concatenate(padding(r, s, args), s)
}

func repeatText(r *run, s string, count int) string {
	if s == "" {
		return ""
	}
	r.allocateEach(count, len(s))
	r.allocate(stringBytes)
	return strings.Repeat(s, count)
}

func stringRepeat(r *run, s string, args []Value) Value {
	count := r.number(argument(args, 0))
	if count < 0 && math.Trunc(count) != 0 || math.IsInf(count, 0) {
		r.fail("invalid count value: %s", formatNumber(count))
	}
	return repeatText(r, s, toInteger(count))
}

func stringSlice(r *run, s string, args []Value) Value {
	length := textLength(s)
	start := relativeIndex(r.integer(argument(args, 0), 0), length)
	end := relativeIndex(r.integer(argument(args, 1), length), length)
	return r.textSlice(s, start, max(start, end))
}

func stringSubstring(r *run, s string, args []Value) Value {
	length := textLength(s)
	start := min(max(r.integer(argument(args, 0), 0), 0), length)
	end := min(max(r.integer(argument(args, 1), length), 0), length)
	return r.textSlice(s, min(start, end), max(start, end))
}

func stringSubstr(r *run, s string, args []Value) Value {
	length := textLength(s)
	start := relativeIndex(r.integer(argument(args, 0), 0), length)
	count := min(max(r.integer(argument(args, 1), length), 0), length-start)
	return r.textSlice(s, start, start+count)
}

func stringSplit(r *run, s string, args []Value) Value {
	limit := math.MaxUint32
	if given := argument(args, 1); !isUndefined(given) {
		limit = int(uint32(toInt32(r.number(given))))
	}
	var parts []Value
	switch separator := argument(args, 0).(type) {
	case *regex:
		parts = r.splitByPattern(separator.pattern, s)
	case undefinedType:
		parts = []Value{s}
	default:
		parts = r.splitText(s, r.text(separator))
	}
	return r.newArray(parts[:min(limit, len(parts))])
}

func (r *run) splitText(s, separator string) []Value {
	if separator == "" {
		return r.textSplit(s)
	}
	count := strings.Count(s, separator) + 1
	r.allocateEach(count, stringBytes)
	parts := r.room(nil, count)
	for part := range strings.SplitSeq(s, separator) {
		parts = append(parts, part)
	}
	return parts
}

func stringMatch(r *run, s string, args []Value) Value {
	expression := r.toRegex(argument(args, 0))
	if !expression.global {
		return r.exec(expression, s)
	}
	return r.matchAll(expression, s)
}

func stringSearch(r *run, s string, args []Value) Value {
	found, ok := r.find(r.toRegex(argument(args, 0)).pattern, r.subject(s), 0)
	if !ok {
		return -1.0
	}
	return integer(found.start)
}

func stringReplace(r *run, s string, args []Value) Value {
	if expression, ok := argument(args, 0).(*regex); ok {
		return r.replacePattern(expression, s, argument(args, 1))
	}
	return r.replaceFirst(s, r.text(argument(args, 0)), argument(args, 1))
}

func (r *run) replaceFirst(s, old string, replacement Value) Value {
	before, after, found := strings.Cut(s, old)
	substitute := r.substitution(replacement, s)
	if !found {
		return s
	}
	offset := textLength(before)
	text := substitute(match{start: offset, end: offset + textLength(old)})
	return r.concatenate(r.concatenate(before, text), after)
}

func stringReplaceAll(r *run, s string, args []Value) Value {
	if expression, ok := argument(args, 0).(*regex); ok {
		if !expression.global {
			r.fail("replaceAll must be called with a global regular expression")
		}
		return r.replacePattern(expression, s, argument(args, 1))
	}
	old := r.text(argument(args, 0))
	subject, needle := r.units(s), r.units(old)
	substitute := r.substitution(argument(args, 1), s)
	var out []byte
	from := 0
	for at := r.unitsIndex(subject, needle, 0); at >= 0 && at <= len(subject); {
		r.step()
		out = r.appendText(out, r.fromUnits(subject[from:at]))
		out = r.appendText(out, substitute(match{start: at, end: at + len(needle)}))
		from = at + len(needle)
		next := at + max(len(needle), 1)
		if next > len(subject) {
			break
		}
		at = r.unitsIndex(subject, needle, next)
	}
	return r.textOf(r.appendText(out, r.fromUnits(subject[from:])))
}

// substitution makes the function that turns a match in s into its replacement: a template with $ references,
// or the result of a function.
func (r *run) substitution(replacement Value, s string) func(match) string {
	var subject []uint16
	piece := func(from, to int) string {
		if subject == nil {
			subject = r.units(s)
		}
		return r.fromUnits(subject[from:to])
	}
	if function, ok := replacement.(*callable); ok {
		return func(m match) string {
			r.allocateItems(len(m.groups) + 4)
			args := []Value{piece(m.start, m.end)}
			for _, group := range m.groups {
				args = append(args, groupValue(group, piece))
			}
			args = append(args, integer(m.start), s)
			return r.text(r.call(function, Undefined, args))
		}
	}
	pattern := r.text(replacement)
	if !strings.Contains(pattern, "$") {
		return func(match) string { return pattern }
	}
	return func(m match) string { return r.expand(pattern, m, s, piece) }
}

func groupValue(bounds [2]int, piece func(from, to int) string) Value {
	if bounds[0] < 0 {
		return Undefined
	}
	return piece(bounds[0], bounds[1])
}

// expand replaces $$, $&, $`, $' and $1 in a replacement.
func (r *run) expand(pattern string, m match, s string, piece func(from, to int) string) string {
	var out []byte
	for pattern != "" {
		dollar := strings.IndexByte(pattern, '$')
		if dollar < 0 || dollar == len(pattern)-1 {
			break
		}
		out = r.appendText(out, pattern[:dollar])
		pattern = pattern[dollar:]
		switch c := pattern[1]; {
		case c == '$':
			out = r.appendText(out, "$")
		case c == '&':
			out = r.appendText(out, piece(m.start, m.end))
		case c == '`':
			out = r.appendText(out, piece(0, m.start))
		case c == '\'':
			out = r.appendText(out, piece(m.end, textLength(s)))
		case c == '<' && m.named != nil:
			name, _, closed := strings.Cut(pattern[2:], ">")
			if !closed {
				out = r.appendText(out, pattern[:2])
				break
			}
			if bounds, ok := m.named(name); ok && bounds[0] >= 0 {
				out = r.appendText(out, piece(bounds[0], bounds[1]))
			}
			pattern = pattern[len(name)+1:]
		default:
			digits, group := groupReference(pattern[1:], len(m.groups))
			if digits == 0 {
				out = r.appendText(out, "$")
				pattern = pattern[1:]
				continue
			}
			if bounds := m.groups[group-1]; bounds[0] >= 0 {
				out = r.appendText(out, piece(bounds[0], bounds[1]))
			}
			pattern = pattern[digits-1:]
		}
		pattern = pattern[2:]
	}
	return r.textOf(r.appendText(out, pattern))
}

// groupReference reads the number after a dollar: two digits if a group has that number, otherwise one.
func groupReference(s string, groups int) (digits, group int) {
	for digits = min(countDigits(s), 2); digits > 0; digits-- {
		if group = int(parseNumber(s[:digits])); group >= 1 && group <= groups {
			return digits, group
		}
	}
	return 0, 0
}
