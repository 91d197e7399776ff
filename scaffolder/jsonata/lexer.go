package jsonata

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// tokenType is what a token is.
type tokenType int

const (
	endToken tokenType = iota
	nameToken
	variableToken
	operatorToken
	stringToken
	numberToken
	valueToken
	regexToken
)

// token is a part of an expression. text is a name, an operator or a string, value that of a literal.
type token struct {
	kind     tokenType
	text     string
	value    nunjucks.Value
	position int
}

// bindingPowers are those of the operators. Each of them also ends a name.
var bindingPowers = map[string]int{
	".": 75, "[": 80, "]": 0, "{": 70, "}": 0, "(": 80, ")": 0, ",": 0, "@": 80, "#": 80, ";": 80, ":": 80, "?": 20,
	"+": 50, "-": 50, "*": 60, "/": 60, "%": 60, "|": 20, "=": 40, "<": 40, ">": 40, "^": 40, "**": 60, "..": 20,
	":=": 10, "!=": 40, "<=": 40, ">=": 40, "~>": 40, "??": 40, "?:": 40, "and": 30, "or": 25, "in": 40, "&": 50, "!": 0, "~": 0,
}

// doubleOperators are those of two characters.
var doubleOperators = []string{"..", ":=", "!=", ">=", "<=", "**", "~>", "?:", "??"}

const whitespace = " \t\n\r\v"

var numberText = regexp.MustCompile(`^-?(0|([1-9][0-9]*))(\.[0-9]+)?([Ee][-+]?[0-9]+)?`)

// lexer splits an expression into tokens.
type lexer struct {
	text   string
	offset int
}

func (l *lexer) byteAt(i int) byte {
	if i >= 0 && i < len(l.text) {
		return l.text[i]
	}
	return 0
}

// next returns the next token. After an operand, a slash is a division; before one it begins a regular
// expression.
func (l *lexer) next(afterOperand bool) token {
	l.skipSpace()
	start := l.offset
	c := l.byteAt(start)
	switch {
	case start >= len(l.text):
		return token{kind: endToken, position: len(l.text)}
	case c == '/' && !afterOperand:
		l.offset++
		return token{kind: regexToken, value: l.regex(), position: start}
	}
	for _, double := range doubleOperators {
		if strings.HasPrefix(l.text[start:], double) {
			l.offset += len(double)
			return token{kind: operatorToken, text: double, position: start}
		}
	}
	if _, isOperator := bindingPowers[string(rune(c))]; isOperator && c < utf8.RuneSelf {
		l.offset++
		return token{kind: operatorToken, text: string(rune(c)), position: start}
	}
	switch {
	case c == '"' || c == '\'':
		return token{kind: stringToken, value: l.quoted(c), position: start}
	case c == '`':
		return l.quotedName()
	}
	if match := numberText.FindString(l.text[start:]); match != "" {
		return l.number(match)
	}
	return l.word()
}

func (l *lexer) skipSpace() {
	for {
		for l.offset < len(l.text) && strings.IndexByte(whitespace, l.text[l.offset]) >= 0 {
			l.offset++
		}
		if !strings.HasPrefix(l.text[l.offset:], "/*") {
			return
		}
		end := strings.Index(l.text[l.offset+2:], "*/")
		if end < 0 {
			fail("S0106", l.offset)
		}
		l.offset += end + 4
	}
}

// regex reads a regular expression after its opening slash. A slash in brackets does not end it.
func (l *lexer) regex() *matcher {
	start, depth := l.offset, 0
	for l.offset < len(l.text) {
		c := l.text[l.offset]
		isEscaped := l.backslashes()%2 == 1
		switch {
		case c == '/' && depth == 0 && !isEscaped:
			body := l.text[start:l.offset]
			if body == "" {
				fail("S0301", l.offset)
			}
			l.offset++
			flags := l.offset
			for l.byteAt(l.offset) == 'i' || l.byteAt(l.offset) == 'm' {
				l.offset++
			}
			pattern, err := nunjucks.CompilePattern(body, l.text[flags:l.offset]+"g")
			if err != nil {
				fail("S0303", start, "message", err.Error())
			}
			return &matcher{pattern}
		case strings.IndexByte("([{", c) >= 0 && !isEscaped:
			depth++
		case strings.IndexByte(")]}", c) >= 0 && !isEscaped:
			depth--
		}
		l.offset++
	}
	fail("S0302", l.offset)
	return nil
}

// backslashes counts those before the current character.
func (l *lexer) backslashes() int {
	count := 0
	for l.byteAt(l.offset-1-count) == '\\' {
		count++
	}
	return count
}

var stringEscapes = map[byte]string{'"': `"`, '\\': `\`, '/': "/", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t"}

func (l *lexer) quoted(quote byte) string {
	var out strings.Builder
	for l.offset++; l.offset < len(l.text); {
		switch c := l.text[l.offset]; c {
		case quote:
			l.offset++
			return strings.ToValidUTF8(out.String(), "\ufffd")
		case '\\':
			l.offset++
			l.escape(&out)
		default:
			out.WriteByte(c)
			l.offset++
		}
	}
	fail("S0101", l.offset)
	return ""
}

// escape reads an escape after its backslash.
func (l *lexer) escape(out *strings.Builder) {
	c := l.byteAt(l.offset)
	if text, known := stringEscapes[c]; known {
		out.WriteString(text)
		l.offset++
		return
	}
	if c != 'u' {
		r, _ := utf8.DecodeRuneInString(l.text[min(l.offset, len(l.text)):])
		fail("S0103", l.offset, "token", string(r))
	}
	unit := l.unit()
	if utf16.IsSurrogate(unit) && l.byteAt(l.offset) == '\\' && l.byteAt(l.offset+1) == 'u' {
		l.offset++
		unit = utf16.DecodeRune(unit, l.unit())
	}
	out.WriteRune(unit)
}

// unit reads the u of an escape and its four digits.
func (l *lexer) unit() rune {
	end := l.offset + 5
	if end > len(l.text) {
		fail("S0104", l.offset)
	}
	unit, err := strconv.ParseUint(l.text[l.offset+1:end], 16, 16)
	if err != nil {
		fail("S0104", l.offset)
	}
	l.offset = end
	return rune(unit)
}

func (l *lexer) quotedName() token {
	start := l.offset
	end := strings.IndexByte(l.text[start+1:], '`')
	if end < 0 {
		fail("S0105", len(l.text))
	}
	l.offset = start + end + 2
	return token{kind: nameToken, text: l.text[start+1 : start+1+end], position: start}
}

func (l *lexer) number(text string) token {
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(number, 0) {
		fail("S0102", l.offset, "token", text)
	}
	made := token{kind: numberToken, value: number, position: l.offset}
	l.offset += len(text)
	return made
}

// word reads a name, a variable, a constant or an operator that is a word.
func (l *lexer) word() token {
	start := l.offset
	for l.offset < len(l.text) {
		c := l.text[l.offset]
		if _, isOperator := bindingPowers[string(rune(c))]; strings.IndexByte(whitespace, c) >= 0 || isOperator && c < utf8.RuneSelf {
			break
		}
		l.offset++
	}
	text := l.text[start:l.offset]
	if name, isVariable := strings.CutPrefix(text, "$"); isVariable {
		return token{kind: variableToken, text: name, position: start}
	}
	switch text {
	case "or", "in", "and":
		return token{kind: operatorToken, text: text, position: start}
	case "true":
		return token{kind: valueToken, value: true, position: start}
	case "false":
		return token{kind: valueToken, value: false, position: start}
	case "null":
		return token{kind: valueToken, value: nil, position: start}
	}
	return token{kind: nameToken, text: text, position: start}
}
