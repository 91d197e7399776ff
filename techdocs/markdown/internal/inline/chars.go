package inline

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// none is the character before the first and after the last one.
const none rune = -1

// before is the character before pos. What is before floor was replaced by a mark, so that its last character is there.
func before(data string, pos, floor int) rune {
	switch {
	case pos == 0:
		return none
	case pos == floor:
		return '\x03'
	case data[pos-1] < utf8.RuneSelf:
		return rune(data[pos-1])
	}

	char, _ := utf8.DecodeLastRuneInString(data[:pos])

	return char
}

// at is the character at pos.
func at(data string, pos int) rune {
	if pos >= len(data) {
		return none
	}

	if data[pos] < utf8.RuneSelf {
		return rune(data[pos])
	}

	char, _ := utf8.DecodeRuneInString(data[pos:])

	return char
}

// width is the number of bytes of the character at pos.
func width(data string, pos int) int {
	if data[pos] < utf8.RuneSelf {
		return 1
	}

	_, size := utf8.DecodeRuneInString(data[pos:])

	return size
}

// isWord is \w of Python's regular expressions.
func isWord(char rune) bool {
	if char < utf8.RuneSelf {
		return char == '_' || isAlnum(char)
	}

	return unicode.IsLetter(char) || unicode.IsNumber(char)
}

func isAlnum(char rune) bool { return isDigit(char) || char|0x20 >= 'a' && char|0x20 <= 'z' }

func isDigit(char rune) bool { return char >= '0' && char <= '9' }

// isSpace is \s of Python's regular expressions.
func isSpace(char rune) bool {
	if char < utf8.RuneSelf {
		return char == ' ' || char >= '\t' && char <= '\r' || char >= 0x1c && char <= 0x1f
	}

	return unicode.IsSpace(char)
}

// strip removes white space from both ends.
func strip(text string) string { return strings.TrimFunc(text, isSpace) }

// spaces is the position after the white space at pos.
func spaces(data string, pos int) int {
	for pos < len(data) && isSpace(at(data, pos)) {
		pos += width(data, pos)
	}

	return pos
}

// runLength is how often char stands at pos.
func runLength(data string, pos int, char byte) int {
	end := pos
	for end < len(data) && data[end] == char {
		end++
	}

	return end - pos
}

// indexFrom is strings.Index with a start, or -1.
func indexFrom(data, what string, pos int) int {
	if pos > len(data) {
		return -1
	}

	index := strings.Index(data[pos:], what)
	if index < 0 {
		return -1
	}

	return pos + index
}

// indexByteFrom is strings.IndexByte with a start, or -1.
func indexByteFrom(data string, what byte, pos int) int {
	if pos > len(data) {
		return -1
	}

	index := strings.IndexByte(data[pos:], what)
	if index < 0 {
		return -1
	}

	return pos + index
}

var htmlEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func escapeHTML(text string) string { return htmlEscaper.Replace(text) }

// indexAnyFrom is strings.IndexAny with a start, or -1.
func indexAnyFrom(data, chars string, pos int) int {
	if len(chars) == 1 {
		return indexByteFrom(data, chars[0], pos)
	}

	if pos > len(data) {
		return -1
	}

	index := strings.IndexAny(data[pos:], chars)
	if index < 0 {
		return -1
	}

	return pos + index
}

// isDecimal is \d of Python's regular expressions.
func isDecimal(char rune) bool {
	if char < utf8.RuneSelf {
		return isDigit(char)
	}

	return unicode.IsDigit(char)
}

// sortedSet sorts texts, each once.
func sortedSet(texts []string) []string {
	slices.Sort(texts)

	return slices.Compact(texts)
}
