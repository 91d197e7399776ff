package nunjucks

import "strings"

// tokenKind is the kind of a token. The zero kind is the end of the source.
type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenString
	tokenData
	tokenBlockStart
	tokenBlockEnd
	tokenVariableStart
	tokenVariableEnd
	tokenComment
	tokenLeftParen
	tokenRightParen
	tokenLeftBracket
	tokenRightBracket
	tokenLeftCurly
	tokenRightCurly
	tokenOperator
	tokenComma
	tokenColon
	tokenTilde
	tokenPipe
	tokenInteger
	tokenFloat
	tokenBoolean
	tokenNone
	tokenSymbol
	tokenRegex
)

// token is one word of the source. For a regular expression text is its body.
type token struct {
	kind  tokenKind
	text  string
	flags string
	position
}

// delimiters are the strings that open and close tags, and their forms that trim the whitespace around the
// tag.
type delimiters struct {
	blockStart, blockEnd, variableStart, variableEnd, commentStart, commentEnd string

	blockStartTrim, blockEndTrim, variableStartTrim, variableEndTrim string
}

// lexer reads tokens one at a time, on demand. What a token is depends on whether the lexer is inside a tag,
// and the parser cuts raw blocks out of the source.
type lexer struct {
	source string
	offset int
	position
	inCode                   bool
	tags                     delimiters
	trimBlocks, lstripBlocks bool
	// openers marks the first bytes of the tags that can end a text.
	openers [256]bool
}

func newLexer(source string, options *Options, tags delimiters) *lexer {
	l := &lexer{source: source, tags: tags, trimBlocks: options.TrimBlocks, lstripBlocks: options.LstripBlocks}
	for _, tag := range []string{l.tags.blockStart, l.tags.variableStart, l.tags.commentStart, l.tags.commentEnd} {
		l.openers[tag[0]] = true
	}
	return l
}

func (l *lexer) finished() bool { return l.offset >= len(l.source) }

func (l *lexer) rest() string { return l.source[l.offset:] }

// current is the byte at the cursor, zero at the end.
func (l *lexer) current() byte {
	if l.finished() {
		return 0
	}
	return l.source[l.offset]
}

func (l *lexer) at(s string) bool { return strings.HasPrefix(l.rest(), s) }

// advance moves the cursor over n bytes and returns them.
func (l *lexer) advance(n int) string {
	text := l.source[l.offset : l.offset+n]
	l.offset += n
	if last := strings.LastIndexByte(text, '\n'); last >= 0 {
		l.line += int32(strings.Count(text, "\n"))
		l.column = int32(len(text) - last - 1)
	} else {
		l.column += int32(n)
	}
	return text
}

// accept advances over the first of the given strings that is at the cursor.
func (l *lexer) accept(alternatives ...string) (string, bool) {
	for _, s := range alternatives {
		if l.at(s) {
			return l.advance(len(s)), true
		}
	}
	return "", false
}

// next reads a token; at the end of the source its kind is tokenEnd.
func (l *lexer) next() token {
	if l.inCode {
		l.skipWhitespace()
	}
	start := l.position
	var tok token
	switch {
	case l.finished():
	case l.inCode:
		tok = l.codeToken()
	default:
		tok = l.nextInText()
	}
	tok.position = start
	return tok
}

func (l *lexer) codeToken() token {
	if c := l.current(); c == '"' || c == '\'' {
		return token{kind: tokenString, text: l.quoted(c)}
	}
	if text, ok := l.accept(l.tags.blockEnd, l.tags.blockEndTrim); ok {
		l.inCode = false
		l.trimNewline()
		return token{kind: tokenBlockEnd, text: text}
	}
	if text, ok := l.accept(l.tags.variableEnd, l.tags.variableEndTrim); ok {
		l.inCode = false
		return token{kind: tokenVariableEnd, text: text}
	}
	if l.at("r/") {
		return l.regex()
	}
	if isDelimiter(l.current()) {
		return l.operator()
	}
	return l.word()
}

// trimNewline drops the line break after a block's end if the option TrimBlocks is set.
func (l *lexer) trimNewline() {
	if l.trimBlocks {
		l.accept("\n", "\r\n")
	}
}

const noBreakSpace = "\u00a0"

func (l *lexer) skipWhitespace() {
	for !l.finished() {
		switch c := l.current(); {
		case c == ' ' || c == '\n' || c == '\t' || c == '\r':
			l.advance(1)
		case l.at(noBreakSpace):
			l.advance(len(noBreakSpace))
		default:
			return
		}
	}
}

// quoted reads a string literal. An unclosed one reaches to the end of the source, where the parser reports
// that the tag has no end.
func (l *lexer) quoted(quote byte) string {
	l.advance(1)
	var text strings.Builder
	for !l.finished() && l.current() != quote {
		c := l.current()
		l.advance(1)
		if c == '\\' && !l.finished() {
			c = unescape(l.current())
			l.advance(1)
		}
		text.WriteByte(c)
	}
	if !l.finished() {
		l.advance(1)
	}
	return text.String()
}

// unescape returns the character of the escape sequence of a backslash and c.
func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	}
	return c
}

func (l *lexer) regex() token {
	l.advance(len("r/"))
	body := l.rest()
	for i := 0; i < len(body); i++ {
		if body[i] == '/' && l.source[l.offset+i-1] != '\\' {
			body = body[:i]
			break
		}
	}
	l.advance(len(body))
	l.accept("/")
	flags := l.rest()
	flags = flags[:len(flags)-len(strings.TrimLeft(flags, "gimy"))]
	l.advance(len(flags))
	return token{kind: tokenRegex, text: body, flags: flags}
}

func isDelimiter(c byte) bool { return strings.IndexByte("()[]{}%*-+~/#,:|.<>=!", c) >= 0 }

var delimiterKinds = map[string]tokenKind{
	"(": tokenLeftParen, ")": tokenRightParen, "[": tokenLeftBracket, "]": tokenRightBracket,
	"{": tokenLeftCurly, "}": tokenRightCurly, ",": tokenComma, ":": tokenColon, "~": tokenTilde, "|": tokenPipe,
}

func (l *lexer) operator() token {
	text, ok := l.accept("===", "!==", "==", "!=", "<=", ">=", "//", "**")
	if !ok {
		text = l.advance(1)
	}
	kind, ok := delimiterKinds[text]
	if !ok {
		kind = tokenOperator
	}
	return token{kind: kind, text: text}
}

// word reads up to the next whitespace or delimiter: a number, a constant or a name.
func (l *lexer) word() token {
	rest := l.rest()
	n := 0
	for n < len(rest) && !isDelimiter(rest[n]) && strings.IndexByte(" \n\t\r", rest[n]) < 0 &&
		!strings.HasPrefix(rest[n:], noBreakSpace) {
		n++
	}
	text := l.advance(n)
	if countDigits(text) == len(text) {
		return l.number(text)
	}
	switch text {
	case "true", "false":
		return token{kind: tokenBoolean, text: text}
	case "none", "null":
		return token{kind: tokenNone, text: text}
	}
	return token{kind: tokenSymbol, text: text}
}

func (l *lexer) number(whole string) token {
	if l.current() != '.' {
		return token{kind: tokenInteger, text: whole}
	}
	l.advance(1)
	return token{kind: tokenFloat, text: whole + "." + l.advance(countDigits(l.rest()))}
}

func (l *lexer) nextInText() token {
	if text, ok := l.accept(l.tags.blockStartTrim, l.tags.blockStart); ok {
		l.inCode = true
		return token{kind: tokenBlockStart, text: text}
	}
	if text, ok := l.accept(l.tags.variableStartTrim, l.tags.variableStart); ok {
		l.inCode = true
		return token{kind: tokenVariableStart, text: text}
	}
	if l.at(l.tags.commentStart) {
		return l.comment()
	}
	return l.data()
}

func (l *lexer) comment() token {
	opening := len(l.tags.commentStart)
	end := strings.Index(l.rest()[opening:], l.tags.commentEnd)
	if end < 0 {
		l.advance(len(l.rest()))
		panic(l.syntaxError("expected end of comment, got end of file"))
	}
	return token{kind: tokenComment, text: l.advance(opening + end + len(l.tags.commentEnd))}
}

// data reads text up to the next tag. If the option LstripBlocks is set, it drops a line's indentation before
// a block.
func (l *lexer) data() token {
	start := l.offset
	rest := l.rest()
	n := 0
	for n < len(rest) {
		if !l.openers[rest[n]] {
			n++
			continue
		}
		tail := rest[n:]
		if strings.HasPrefix(tail, l.tags.blockStart) || strings.HasPrefix(tail, l.tags.variableStart) ||
			strings.HasPrefix(tail, l.tags.commentStart) {
			break
		}
		if strings.HasPrefix(tail, l.tags.commentEnd) {
			l.advance(n)
			panic(l.syntaxError("unexpected end of comment"))
		}
		n++
	}
	text := l.advance(n)
	if l.lstripBlocks && l.at(l.tags.blockStart) {
		text = l.stripIndentation(text)
		if text == "" && l.offset > start {
			return l.nextInText()
		}
	}
	return token{kind: tokenData, text: text}
}

func (l *lexer) stripIndentation(text string) string {
	indentation := int(l.column)
	if indentation == 0 || indentation > len(text) || trimSpace(text[len(text)-indentation:]) != "" {
		return text
	}
	return text[:len(text)-indentation]
}

// rawBlock cuts the content of a raw block and its end tag out of the source. Of an unclosed block, only the
// text before its last nested start tag is raw; the rest is parsed as a template.
func (l *lexer) rawBlock(name string) string {
	var content strings.Builder
	for level := 1; ; {
		before, tag, kind, found := findRawTag(l.rest(), name)
		if !found {
			return content.String()
		}
		l.advance(len(before) + len(tag))
		if kind == name {
			level++
		} else {
			level--
		}
		content.WriteString(before)
		if level == 0 {
			if strings.Contains(tag, "\n") {
				panic(l.syntaxError("the tag %s must be on one line", kind))
			}
			return content.String()
		}
		content.WriteString(tag)
	}
}

// findRawTag finds the next {% name %} or {% endname %}. nunjucks ignores custom delimiters here, and allows
// only whitespace around the name.
func findRawTag(source, name string) (before, tag, kind string, found bool) {
	for offset := 0; ; {
		start := strings.Index(source[offset:], "{%")
		if start < 0 {
			return "", "", "", false
		}
		start += offset
		inner := trimLeft(source[start+2:])
		for _, kind := range []string{name, "end" + name} {
			after, ok := strings.CutPrefix(inner, kind)
			if !ok {
				continue
			}
			if end := trimLeft(after); strings.HasPrefix(end, "%}") {
				return source[:start], source[start : len(source)-len(end)+2], kind, true
			}
		}
		offset = start + 1
	}
}
