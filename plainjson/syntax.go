package plainjson

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf16"
)

// SyntaxProblem is the message of JavaScript's JSON.parse (V8's, as Node has it) for text that is not JSON, ""
// for JSON. Backstage's clients see these messages.
func SyntaxProblem(data []byte) string {
	if json.Valid(data) {
		return ""
	}
	s := newScanner(data)
	if problem := s.value(0); problem != "" {
		return problem
	}
	s.space()
	if s.at < len(s.text) {
		return s.here("Unexpected non-whitespace character after JSON")
	}
	return ""
}

// UnexpectedToken is V8's message for a character that begins no value, behind so many spaces.
func UnexpectedToken(data []byte, spaces int) string {
	s := newScanner(data)
	s.at = spaces
	return s.unexpected()
}

// scanner reads JSON as V8's parser does, by UTF-16 code units, because its messages count these.
type scanner struct {
	text []uint16
	at   int
}

func newScanner(data []byte) *scanner {
	return &scanner{text: utf16.Encode([]rune(strings.ToValidUTF8(string(data), "\uFFFD")))}
}

// maxNesting bounds the recursion. encoding/json refuses what is nested deeper.
const maxNesting = 10000

func (s *scanner) peek() uint16 {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

func (s *scanner) ended() bool { return s.at >= len(s.text) }

func (s *scanner) space() {
	for !s.ended() && strings.ContainsRune(" \t\r\n", rune(s.peek())) {
		s.at++
	}
}

// here is a message with the position.
func (s *scanner) here(message string) string {
	line, column := 1, 1
	for i := range min(s.at, len(s.text)) {
		column++
		if c := s.text[i]; c == '\n' || c == '\r' && !(i+1 < len(s.text) && s.text[i+1] == '\n') {
			line, column = line+1, 1
		}
	}
	return fmt.Sprintf("%s at position %d (line %d column %d)", message, s.at, line, column)
}

const endOfInput = "Unexpected end of JSON input"

// unexpected is the message for a character that begins no value, with the text around it.
func (s *scanner) unexpected() string {
	if s.ended() {
		return endOfInput
	}
	whole := string(utf16.Decode(s.text))
	switch strings.TrimSpace(whole) {
	case "NaN", "Infinity", "undefined", "[object Object]": // what a program that forgot to encode has sent
		return fmt.Sprintf("%q is not valid JSON", whole)
	}
	const around = 10
	from, to, before, after := 0, len(s.text), "", ""
	if len(s.text) > 2*around {
		if s.at >= around {
			from, before = s.at-around, "..."
		}
		if s.at < len(s.text)-around {
			to, after = s.at+around, "..."
		}
	}
	return fmt.Sprintf(`Unexpected token '%s', %s"%s"%s is not valid JSON`,
		string(utf16.Decode(s.text[s.at:s.at+1])), before, string(utf16.Decode(s.text[from:to])), after)
}

func (s *scanner) value(depth int) string {
	s.space()
	switch c := s.peek(); {
	case s.ended() || depth > maxNesting:
		return endOfInput
	case c == '{':
		return s.object(depth)
	case c == '[':
		return s.array(depth)
	case c == '"':
		return s.string()
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	case c == 't':
		return s.word("true")
	case c == 'f':
		return s.word("false")
	case c == 'n':
		return s.word("null")
	default:
		return s.unexpected()
	}
}

func (s *scanner) word(word string) string {
	for _, c := range word {
		if s.ended() || rune(s.peek()) != c {
			return s.unexpected()
		}
		s.at++
	}
	return ""
}

func (s *scanner) object(depth int) string {
	s.at++
	if s.space(); s.peek() == '}' && !s.ended() {
		s.at++
		return ""
	}
	for first := true; ; first = false {
		s.space()
		if s.peek() != '"' || s.ended() {
			if first {
				return s.here("Expected property name or '}' in JSON")
			}
			return s.here("Expected double-quoted property name in JSON")
		}
		if problem := s.string(); problem != "" {
			return problem
		}
		if s.space(); s.peek() != ':' {
			return s.here("Expected ':' after property name in JSON")
		}
		s.at++
		if problem := s.value(depth + 1); problem != "" {
			return problem
		}
		switch s.space(); s.peek() {
		case ',':
			s.at++
		case '}':
			s.at++
			return ""
		default:
			return s.here("Expected ',' or '}' after property value in JSON")
		}
	}
}

func (s *scanner) array(depth int) string {
	s.at++
	if s.space(); s.peek() == ']' {
		s.at++
		return ""
	}
	for {
		if problem := s.value(depth + 1); problem != "" {
			return problem
		}
		switch s.space(); s.peek() {
		case ',':
			s.at++
		case ']':
			s.at++
			return ""
		default:
			return s.here("Expected ',' or ']' after array element in JSON")
		}
	}
}

func (s *scanner) string() string {
	for s.at++; ; s.at++ {
		switch c := s.peek(); {
		case s.ended():
			return s.here("Unterminated string in JSON")
		case c == '"':
			s.at++
			return ""
		case c < ' ':
			return s.here("Bad control character in string literal in JSON")
		case c == '\\':
			if problem := s.escape(); problem != "" {
				return problem
			}
		}
	}
}

// escape reads an escape and stops at its last character.
func (s *scanner) escape() string {
	s.at++
	if s.ended() {
		return endOfInput
	}
	if s.peek() != 'u' {
		if !strings.ContainsRune(`"\/bfnrt`, rune(s.peek())) {
			return s.here("Bad escaped character in JSON")
		}
		return ""
	}
	for range 4 {
		s.at++
		if s.ended() || !strings.ContainsRune("0123456789abcdefABCDEF", rune(s.peek())) {
			return s.here("Bad Unicode escape in JSON")
		}
	}
	return ""
}

func (s *scanner) isDigit() bool { return !s.ended() && s.peek() >= '0' && s.peek() <= '9' }

func (s *scanner) digits() {
	for s.isDigit() {
		s.at++
	}
}

func (s *scanner) number() string {
	if s.peek() == '-' {
		if s.at++; !s.isDigit() {
			return s.here("No number after minus sign in JSON")
		}
	}
	if s.peek() == '0' {
		if s.at++; s.isDigit() {
			return s.here("Unexpected number in JSON")
		}
	}
	s.digits()
	if s.peek() == '.' {
		if s.at++; !s.isDigit() {
			return s.here("Unterminated fractional number in JSON")
		}
		s.digits()
	}
	if s.peek() == 'e' || s.peek() == 'E' {
		if s.at++; s.peek() == '+' || s.peek() == '-' {
			s.at++
		}
		if !s.isDigit() {
			return s.here("Exponent part is missing a number in JSON")
		}
		s.digits()
	}
	return ""
}
