package nunjucks

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// JavaScript counts and cuts strings in UTF-16 code units. These functions do the same on Go strings; text that is
// ASCII, nearly all of it, takes the short way.

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

// fromUnits is the inverse of units.
func fromUnits(u []uint16) string {
	out := make([]byte, 0, len(u))
	for i := 0; i < len(u); i++ {
		if i+1 < len(u) {
			if r := utf16.DecodeRune(rune(u[i]), rune(u[i+1])); r != utf8.RuneError {
				out = utf8.AppendRune(out, r)
				i++
				continue
			}
		}
		out = appendUnit(out, u[i])
	}
	return string(out)
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

// textSlice is s.substring(from, to) for 0 <= from <= to <= textLength(s).
func textSlice(s string, from, to int) string {
	if isASCII(s) {
		return s[from:to]
	}
	return fromUnits(units(s)[from:to])
}

// textAt is the string of the one code unit at i, and false when i is outside.
func textAt(s string, i int) (string, bool) {
	if i < 0 || i >= len(s) {
		return "", false
	}
	if isASCII(s) {
		return s[i : i+1], true
	}
	u := units(s)
	if i >= len(u) {
		return "", false
	}
	return fromUnits(u[i : i+1]), true
}

// textIndex is s.indexOf(sub, from) for from >= 0.
func textIndex(s, sub string, from int) int {
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
	return unitsIndex(units(s), units(sub), from)
}

// textLastIndex is s.lastIndexOf(sub, from) for from >= 0.
func textLastIndex(s, sub string, from int) int {
	haystack, needle := units(s), units(sub)
	for i := min(from, len(haystack)-len(needle)); i >= 0; i-- {
		if slices.Equal(haystack[i:i+len(needle)], needle) {
			return i
		}
	}
	return -1
}

func unitsIndex(haystack, needle []uint16, from int) int {
	if len(needle) == 0 {
		return min(from, len(haystack))
	}
	for i := from; i+len(needle) <= len(haystack); i++ {
		if haystack[i] == needle[0] && slices.Equal(haystack[i:i+len(needle)], needle) {
			return i
		}
	}
	return -1
}

// textSplit is s.split(""): one string for each code unit.
func textSplit(s string) []Value {
	items := make([]Value, 0, len(s))
	if isASCII(s) {
		for i := range len(s) {
			items = append(items, s[i:i+1])
		}
		return items
	}
	for _, unit := range units(s) {
		items = append(items, string(appendUnit(nil, unit)))
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

// joinSurrogates is the character whose halves high and low begin with.
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

// wellFormed replaces what is not UTF-8, halves of surrogate pairs among it, as writing the string to a file would.
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
func upperCase(s string) string {
	if isASCII(s) {
		return strings.ToUpper(s)
	}
	return mapCase(cases.Upper(language.Und), s)
}

// lowerCase is s.toLowerCase().
func lowerCase(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	return mapCase(cases.Lower(language.Und), s)
}

// mapCase maps the well-formed stretches of a string and leaves halves of surrogate pairs alone.
func mapCase(caser cases.Caser, s string) string {
	if utf8.ValidString(s) {
		return caser.String(s)
	}
	var out strings.Builder
	start := 0
	for i := 0; i < len(s); {
		_, size := decodeRune(s[i:])
		if isSurrogate(s[i:]) {
			out.WriteString(caser.String(s[start:i]))
			out.WriteString(s[i : i+size])
			start = i + size
		}
		i += size
	}
	out.WriteString(caser.String(s[start:]))
	return out.String()
}
