package nunjucks

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/transform"
)

// JavaScript counts and slices strings in UTF-16 code units. These functions do the same on Go strings, with
// a fast path for ASCII, which is nearly all text.

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// decodeRune is utf8.DecodeRuneInString that also reads half a surrogate pair.
func decodeRune(s string) (rune, int) {
	if isSurrogate(s) {
		return rune(0xD000) | rune(s[1]&0x3F)<<6 | rune(s[2]&0x3F), 3
	}
	return utf8.DecodeRuneInString(s)
}

// isSurrogate reports whether s begins with the generalized encoding of half a surrogate pair.
func isSurrogate(s string) bool {
	return len(s) >= 3 && s[0] == 0xED && s[1] >= 0xA0 && s[1] <= 0xBF && s[2]&0xC0 == 0x80
}

func isHighSurrogate(s string) bool { return isSurrogate(s) && s[1] < 0xB0 }
func isLowSurrogate(s string) bool  { return isSurrogate(s) && s[1] >= 0xB0 }

// units converts a string to UTF-16.
func units(s string) []uint16 {
	out := make([]uint16, 0, len(s))
	for len(s) > 0 {
		r, size := decodeRune(s)
		s = s[size:]
		if r >= 0x10000 {
			high, low := utf16.EncodeRune(r)
			out = append(out, uint16(high), uint16(low))
			continue
		}
		out = append(out, uint16(r))
	}
	return out
}

// units counts the units of a string and converts it to them.
func (r *run) units(s string) []uint16 {
	r.allocate(2 * len(s))
	return units(s)
}

// fromUnits is the inverse of units.
func fromUnits(u []uint16) string {
	out := make([]byte, 0, len(u))
	for i := 0; i < len(u); i++ {
		out, i = appendCharacter(out, u, i)
	}
	return string(out)
}

// fromUnits is the inverse of units.
func (r *run) fromUnits(u []uint16) string {
	// Three bytes a unit, twice because the buffer may grow.
	r.allocate(6*len(u) + stringBytes)
	return fromUnits(u)
}

// appendCharacter appends the character at u[i], and returns the index of its last unit.
func appendCharacter(out []byte, u []uint16, i int) (appended []byte, last int) {
	if i+1 < len(u) {
		if r := utf16.DecodeRune(rune(u[i]), rune(u[i+1])); r != utf8.RuneError {
			return utf8.AppendRune(out, r), i + 1
		}
	}
	return appendUnit(out, u[i]), i
}

// appendUnit encodes one code unit; half a surrogate pair takes its generalized form.
func appendUnit(out []byte, unit uint16) []byte {
	if unit >= 0xD800 && unit <= 0xDFFF {
		return append(out, 0xE0|byte(unit>>12), 0x80|byte(unit>>6)&0x3F, 0x80|byte(unit)&0x3F)
	}
	return utf8.AppendRune(out, rune(unit))
}

// textLength is JavaScript's s.length.
func textLength(s string) int {
	if isASCII(s) {
		return len(s)
	}
	n := 0
	for len(s) > 0 {
		r, size := decodeRune(s)
		s = s[size:]
		n++
		if r >= 0x10000 {
			n++
		}
	}
	return n
}

// unitOffset returns where the n-th unit of s begins, in bytes. half is true when the unit is the second of
// the character that begins there.
func unitOffset(s string, n int) (offset int, half bool) {
	for offset < len(s) && n > 0 {
		r, size := decodeRune(s[offset:])
		if n--; r >= 0x10000 {
			if n == 0 {
				return offset, true
			}
			n--
		}
		offset += size
	}
	return offset, false
}

// textSlice is s.substring(from, to) for 0 <= from <= to <= textLength(s). It copies only when it cuts a
// surrogate pair.
func (r *run) textSlice(s string, from, to int) string {
	r.work(len(s) >> 6)
	if isASCII(s) {
		return s[from:to]
	}
	start, startsHalf := unitOffset(s, from)
	if to == from {
		return ""
	}
	length := to - from
	if startsHalf {
		length++
	}
	end, endsHalf := unitOffset(s[start:], length)
	end += start
	if !startsHalf && !endsHalf {
		return s[start:end]
	}
	r.allocate(end - start + 2*utf8.UTFMax + stringBytes)
	var prefix, suffix string
	if startsHalf {
		_, size := decodeRune(s[start:])
		prefix = string(appendUnit(nil, units(s[start : start+size])[1]))
		start += size
	}
	if endsHalf {
		_, size := decodeRune(s[end:])
		suffix = string(appendUnit(nil, units(s[end : end+size])[0]))
	}
	return prefix + s[start:end] + suffix
}

// textAt returns the string of the one code unit at i, and false when i is out of range.
func (r *run) textAt(s string, i int) (string, bool) {
	r.work(len(s) >> 6)
	return unitAt(s, i)
}

func unitAt(s string, i int) (string, bool) {
	if i < 0 || i >= len(s) {
		return "", false
	}
	if isASCII(s) {
		return s[i : i+1], true
	}
	offset, half := unitOffset(s, i)
	if offset == len(s) {
		return "", false
	}
	character, size := decodeRune(s[offset:])
	if character < 0x10000 {
		return s[offset : offset+size], true
	}
	high, low := utf16.EncodeRune(character)
	if half {
		return string(appendUnit(nil, uint16(low))), true
	}
	return string(appendUnit(nil, uint16(high))), true
}

// textIndex is s.indexOf(sub, from) for from >= 0.
func (r *run) textIndex(s, sub string, from int) int {
	r.work(len(s) >> 6)
	if isASCII(s) {
		if from > len(s) {
			from = len(s)
		}
		i := strings.Index(s[from:], sub)
		if i < 0 {
			return -1
		}
		return from + i
	}
	return r.unitsIndex(r.units(s), r.units(sub), from)
}

// textLastIndex is s.lastIndexOf(sub, from) for from >= 0.
func (r *run) textLastIndex(s, sub string, from int) int {
	r.work(len(s) >> 6)
	if isASCII(s) {
		return strings.LastIndex(s[:min(len(s), max(from, from+len(sub)))], sub)
	}
	haystack, needle := r.units(s), r.units(sub)
	for i := min(from, len(haystack)-len(needle)); i >= 0; i-- {
		if r.unitsAt(haystack, needle, i) {
			return i
		}
	}
	return -1
}

func (r *run) unitsIndex(haystack, needle []uint16, from int) int {
	if len(needle) == 0 {
		return min(from, len(haystack))
	}
	for i := from; i+len(needle) <= len(haystack); i++ {
		if r.unitsAt(haystack, needle, i) {
			return i
		}
	}
	return -1
}

// unitsAt reports whether haystack contains needle at i.
func (r *run) unitsAt(haystack, needle []uint16, i int) bool {
	if len(needle) > 0 && haystack[i] != needle[0] {
		return false
	}
	r.work(1 + len(needle)>>4)
	return slices.Equal(haystack[i:i+len(needle)], needle)
}

// textSplit is s.split(""): one string for each code unit.
func (r *run) textSplit(s string) []Value {
	r.allocateEach(textLength(s), valueBytes+stringBytes)
	if isASCII(s) {
		items := make([]Value, 0, len(s))
		for i := range len(s) {
			items = append(items, s[i:i+1])
		}
		return items
	}
	items := make([]Value, 0, textLength(s))
	for len(s) > 0 {
		character, size := decodeRune(s)
		if character < 0x10000 {
			items = append(items, s[:size])
		} else {
			r.allocate(2 * numberBytes)
			high, low := utf16.EncodeRune(character)
			items = append(items, string(appendUnit(nil, uint16(high))), string(appendUnit(nil, uint16(low))))
		}
		s = s[size:]
	}
	return items
}

// textCharacters is [...s]: one string for each code point.
func textCharacters(s string) []Value {
	items := make([]Value, 0, len(s))
	for len(s) > 0 {
		_, size := decodeRune(s)
		items = append(items, s[:size])
		s = s[size:]
	}
	return items
}

// concatenate joins two strings; the halves of a surrogate pair that meet become one character again.
func concatenate(left, right string) string {
	if isLowSurrogate(right) && len(left) >= 3 && isHighSurrogate(left[len(left)-3:]) {
		return left[:len(left)-3] + joinSurrogates(left[len(left)-3:], right) + right[3:]
	}
	return left + right
}

// joinSurrogates returns the character whose halves are at the start of high and low.
func joinSurrogates(high, low string) string {
	first, _ := decodeRune(high)
	second, _ := decodeRune(low)
	return string(utf16.DecodeRune(first, second))
}

// appendText is concatenate for a growing buffer.
func appendText(buffer []byte, s string) []byte {
	if isLowSurrogate(s) && len(buffer) >= 3 {
		if tail := string(buffer[len(buffer)-3:]); isHighSurrogate(tail) {
			buffer = append(buffer[:len(buffer)-3], joinSurrogates(tail, s)...)
			s = s[3:]
		}
	}
	return append(buffer, s...)
}

// wellFormed replaces bytes that are not UTF-8, halves of surrogate pairs too, as JavaScript does when it
// writes a string to a file.
func wellFormed(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var out strings.Builder
	out.Grow(len(s))
	for len(s) > 0 {
		r, size := decodeRune(s)
		if r >= 0xD800 && r <= 0xDFFF {
			r = utf8.RuneError
		}
		out.WriteRune(r)
		s = s[size:]
	}
	return out.String()
}

// isSpace is \s of JavaScript's regular expressions, which is also what trim removes.
func isSpace(r rune) bool {
	switch r {
	case ' ', '\t', '\n', '\v', '\f', '\r', 0xA0, 0x2028, 0x2029, 0xFEFF:
		return true
	}
	return r > 0xA0 && unicode.Is(unicode.Zs, r)
}

func trimLeft(s string) string  { return strings.TrimLeftFunc(s, isSpace) }
func trimRight(s string) string { return strings.TrimRightFunc(s, isSpace) }
func trimSpace(s string) string { return strings.TrimFunc(s, isSpace) }

// upperCase is s.toUpperCase(): the full mapping, in which one character may become several.
func (r *run) upperCase(s string) string {
	if isASCII(s) {
		r.allocate(len(s) + stringBytes)
		return strings.ToUpper(s)
	}
	return r.transform(cases.Upper(language.Und), s)
}

// lowerCase is s.toLowerCase().
func (r *run) lowerCase(s string) string {
	switch {
	case isASCII(s):
		r.allocate(len(s) + stringBytes)
		return strings.ToLower(s)
	case strings.ContainsRune(s, 'Σ'):
		return r.eachWellFormed(s, r.appendLowerGreek)
	default:
		return r.transform(cases.Lower(language.Und), s)
	}
}

// transform maps the well-formed parts of a string and leaves halves of surrogate pairs unchanged.
func (r *run) transform(mapping transform.Transformer, s string) string {
	r.allocate(transformBytes)
	return r.eachWellFormed(s, func(out []byte, part string) []byte { return r.appendTransformed(out, mapping, part) })
}

// eachWellFormed calls appendMapped for each well-formed part of a string, and appends each half of a
// surrogate pair unchanged.
func (r *run) eachWellFormed(s string, appendMapped func(out []byte, part string) []byte) string {
	var out []byte
	start := 0
	for i := 0; i < len(s); {
		_, size := decodeRune(s[i:])
		if isSurrogate(s[i:]) {
			out = appendMapped(out, s[start:i])
			out = r.appendText(out, s[i:i+size])
			start = i + size
		}
		i += size
	}
	return r.textOf(appendMapped(out, s[start:]))
}

// appendLowerGreek maps a part in one call. The lower case form of a sigma depends on the letters before and
// after it, and a mapping that continues in the middle of a text does not know those before. Lower case
// letters take at most half as many bytes more: İ takes two bytes, its lower case form three.
func (r *run) appendLowerGreek(out []byte, s string) []byte {
	room := 2 * len(s)
	r.allocate(len(s) + room)
	mapped := make([]byte, room)
	n, _, err := cases.Lower(language.Und).Transform(mapped, []byte(s), true)
	if err != nil {
		panic(fmt.Errorf("convert %d bytes to lower case: %w", len(s), err))
	}
	return r.appendText(out, string(mapped[:n]))
}

// transformBytes is the memory of a transformation beside its result.
const transformBytes = 16 << 10

func (r *run) appendTransformed(out []byte, mapping transform.Transformer, s string) []byte {
	reader := transform.NewReader(strings.NewReader(s), mapping)
	var piece [512]byte
	for {
		n, err := reader.Read(piece[:])
		out = r.appendText(out, string(piece[:n]))
		if err != nil {
			return out
		}
	}
}
