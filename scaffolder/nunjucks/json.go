package nunjucks

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/portico-dev/portico/scaffolder/budget"
)

// maxJSONDepth bounds the nesting that DecodeJSON accepts, maxJSONBytes the document.
const (
	maxJSONDepth = 1_000
	maxJSONBytes = 64 << 20
)

// DecodeJSON reads a JSON document as JavaScript's JSON.parse does: keys keep their order, numbers are
// float64. A document that is too large or too deep is an error.
func DecodeJSON(data []byte) (Value, error) { return decodeJSON(data, func(int) {}) }

// DecodeJSONWithin is DecodeJSON, and counts its memory in the context's account.
func DecodeJSONWithin(ctx context.Context, data []byte) (Value, error) {
	return decodeJSON(data, charger(ctx))
}

// charger returns a function that takes memory from the context's account. It takes more than is asked for,
// in larger portions.
func charger(ctx context.Context) func(bytes int) {
	account, left := budget.Of(ctx), 0
	return func(bytes int) {
		if left -= bytes; left >= 0 {
			return
		}
		wanted := max(-left, grantBytes)
		if err := account.Acquire(ctx, wanted); err != nil {
			panic(thrown{err})
		}
		left += wanted
	}
}

func decodeJSON(data []byte, charge func(bytes int)) (value Value, err error) {
	if len(data) > maxJSONBytes {
		return nil, fmt.Errorf("a JSON document of %d bytes exceeds the limit of %d", len(data), maxJSONBytes)
	}
	defer caught(&err)
	charge(len(data))
	d := &jsonDecoder{text: string(data), charge: charge}
	value = d.value(0)
	if d.space(); d.offset < len(d.text) {
		d.fail("unexpected text after the value")
	}
	return value, nil
}

type jsonDecoder struct {
	text   string
	offset int
	charge func(bytes int)
}

func (d *jsonDecoder) fail(message string) {
	panic(thrown{fmt.Errorf("invalid JSON at byte %d: %s", d.offset, message)})
}

func (d *jsonDecoder) space() {
	for d.offset < len(d.text) && strings.IndexByte(" \t\n\r", d.text[d.offset]) >= 0 {
		d.offset++
	}
}

// skip consumes the byte if it comes next after whitespace.
func (d *jsonDecoder) skip(c byte) bool {
	d.space()
	if d.offset >= len(d.text) || d.text[d.offset] != c {
		return false
	}
	d.offset++
	return true
}

func (d *jsonDecoder) expect(c byte) {
	if !d.skip(c) {
		d.fail(fmt.Sprintf("expected %q", c))
	}
}

var jsonConstants = map[string]Value{"true": true, "false": false, "null": nil}

func (d *jsonDecoder) value(depth int) Value {
	if depth > maxJSONDepth {
		d.fail("nested too deep")
	}
	switch {
	case d.skip('{'):
		return d.object(depth)
	case d.skip('['):
		return d.array(depth)
	case d.skip('"'):
		return d.quoted()
	}
	for word, constant := range jsonConstants {
		if strings.HasPrefix(d.text[d.offset:], word) {
			d.offset += len(word)
			return constant
		}
	}
	return d.number()
}

func (d *jsonDecoder) object(depth int) *Object {
	d.charge(objectBytes)
	object := NewObject()
	if d.skip('}') {
		return object
	}
	for {
		d.expect('"')
		key := d.quoted()
		d.expect(':')
		// The list of members grows by doubling, so a member may cost up to four times its size.
		if d.charge(4 * memberBytes); object.Len() >= scanLimit {
			d.charge(indexBytes)
		}
		object.Set(key, d.value(depth+1))
		if d.skip('}') {
			return object
		}
		d.expect(',')
	}
}

func (d *jsonDecoder) array(depth int) *Array {
	d.charge(arrayBytes)
	array := &Array{}
	if d.skip(']') {
		return array
	}
	for {
		if len(array.Items) == cap(array.Items) {
			size := max(2*cap(array.Items), 4)
			d.charge(size * valueBytes)
			array.Items = append(make([]Value, 0, size), array.Items...)
		}
		array.Items = append(array.Items, d.value(depth+1))
		if d.skip(']') {
			return array
		}
		d.expect(',')
	}
}

func (d *jsonDecoder) number() float64 {
	start := d.offset
	end := start
	for end < len(d.text) && strings.IndexByte("+-.0123456789eE", d.text[end]) >= 0 {
		end++
	}
	text := d.text[start:end]
	if !validJSONNumber(text) {
		d.fail("expected a value")
	}
	d.offset = end
	d.charge(numberBytes)
	// The only possible error is a number out of range; then JSON.parse gives infinity or zero, too.
	number, _ := strconv.ParseFloat(text, 64)
	return number
}

func validJSONNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	digits := countDigits(s)
	if digits == 0 || digits > 1 && s[0] == '0' {
		return false
	}
	s = s[digits:]
	if strings.HasPrefix(s, ".") {
		if digits = countDigits(s[1:]); digits == 0 {
			return false
		}
		s = s[1+digits:]
	}
	if s == "" {
		return true
	}
	if s[0] != 'e' && s[0] != 'E' {
		return false
	}
	s = strings.TrimPrefix(strings.TrimPrefix(s[1:], "+"), "-")
	return s != "" && countDigits(s) == len(s)
}

// quoted reads a string after its opening quote.
func (d *jsonDecoder) quoted() string {
	rest := d.text[d.offset:]
	if end := strings.IndexAny(rest, "\"\\"); end >= 0 && rest[end] == '"' && !hasControl(rest[:end]) {
		d.offset += end + 1
		d.charge(stringBytes)
		return strings.ToValidUTF8(rest[:end], "\ufffd")
	}
	end := d.offset
	for end < len(d.text) && d.text[end] != '"' {
		if end++; d.text[end-1] == '\\' {
			end++
		}
	}
	d.charge(2*(end-d.offset) + stringBytes)
	out := make([]byte, 0, end-d.offset)
	for d.offset < len(d.text) {
		c := d.text[d.offset]
		switch {
		case c == '"':
			d.offset++
			return string(out)
		case c == '\\':
			d.offset++
			out = appendText(out, d.escape())
		case c < ' ':
			d.fail("control character in a string")
		default:
			r, size := utf8.DecodeRuneInString(d.text[d.offset:])
			d.offset += size
			out = utf8.AppendRune(out, r)
		}
	}
	d.fail("unterminated string")
	return ""
}

func hasControl(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' }) >= 0
}

var jsonEscapes = map[byte]string{
	'"': `"`, '\\': `\`, '/': "/", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t",
}

// escape reads an escape sequence after its backslash.
func (d *jsonDecoder) escape() string {
	if d.offset >= len(d.text) {
		d.fail("unterminated string")
	}
	c := d.text[d.offset]
	d.offset++
	if text, ok := jsonEscapes[c]; ok {
		return text
	}
	if c != 'u' || d.offset+4 > len(d.text) {
		d.fail("invalid escape")
	}
	unit, err := strconv.ParseUint(d.text[d.offset:d.offset+4], 16, 16)
	if err != nil {
		d.fail("invalid escape")
	}
	d.offset += 4
	return string(appendUnit(nil, uint16(unit)))
}

// EncodeJSON writes a value as JavaScript's JSON.stringify does: members that are undefined or functions are
// dropped; in lists they become null. NaN and infinite numbers become null, too. Undefined itself is an
// error, and so is a document that is too large for DecodeJSON.
func EncodeJSON(v Value) ([]byte, error) { return EncodeJSONIndent(v, "") }

// EncodeJSONIndent is EncodeJSON with a line for each member, indented by so many copies of indent.
func EncodeJSONIndent(v Value, indent string) ([]byte, error) {
	return encodeJSON(v, &jsonEncoder{indent: indent, lines: indent != "", append: appendBounded, charge: func(int) {}})
}

// EncodeJSONWithin is EncodeJSON, and counts its memory in the context's account.
func EncodeJSONWithin(ctx context.Context, v Value) ([]byte, error) {
	charge := charger(ctx)
	grow := func(buffer []byte, text string) []byte {
		if size := len(buffer) + len(text); size > cap(buffer) {
			charge(2 * size)
			buffer = append(make([]byte, 0, 2*size), buffer...)
		}
		return appendBounded(buffer, text)
	}
	return encodeJSON(v, &jsonEncoder{append: grow, charge: charge})
}

// appendBounded appends to a document, which may be at most maxJSONBytes long.
func appendBounded(buffer []byte, text string) []byte {
	if len(buffer)+len(text) > maxJSONBytes {
		panic(thrown{fmt.Errorf("the value's JSON is longer than %d bytes", maxJSONBytes)})
	}
	return append(buffer, text...)
}

func encodeJSON(v Value, e *jsonEncoder) (data []byte, err error) {
	defer caught(&err)
	if !e.value(v) {
		return nil, errors.New("undefined has no JSON form")
	}
	return e.out, nil
}

// Describe returns the beginning of a value's JSON, for messages.
func Describe(v Value) string {
	e := &jsonEncoder{charge: func(int) {}}
	e.append = func(buffer []byte, text string) []byte {
		if room := maxQuoted - len(buffer); len(text) > room {
			buffer = append(buffer, text[:room]...)
			e.out = buffer
			panic(thrown{errors.New("long enough")})
		}
		return append(buffer, text...)
	}
	switch _, err := encodeJSON(v, e); {
	case isUndefined(v):
		return "undefined"
	case err != nil:
		return strings.ToValidUTF8(string(e.out), "") + "…"
	}
	return string(e.out)
}

// jsonEncoder writes a value. A value that contains itself is an error, as for JSON.stringify.
type jsonEncoder struct {
	out []byte
	// lines puts each member on a line of its own, indented by so many copies of indent.
	lines  bool
	indent string
	// append appends to the document. charge counts memory that is allocated beside it.
	append  func(buffer []byte, text string) []byte
	charge  func(bytes int)
	walking map[any]bool
}

// value writes v. It returns false when v has no JSON form.
func (e *jsonEncoder) value(v Value) bool {
	switch v := v.(type) {
	case nil:
		e.write("null")
	case bool:
		e.write(literalText(v))
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			e.write("null")
		} else {
			e.write(formatNumber(v))
		}
	case string:
		e.quote(v)
	case *Array:
		e.nested(v, func() { e.array(v) })
	case *Object:
		e.nested(v, func() { e.object(v) })
	case *safeString:
		wrapper := NewObject()
		wrapper.Set("val", v.text)
		wrapper.Set("length", integer(textLength(v.text)))
		e.nested(v, func() { e.object(wrapper) })
	case *regex, *iterator:
		e.write("{}")
	default:
		return false
	}
	return true
}

func (e *jsonEncoder) write(text string) { e.out = e.append(e.out, text) }

// nested guards the walk into a list or an object.
func (e *jsonEncoder) nested(container any, walk func()) {
	if e.walking[container] {
		panic(thrown{errors.New("a value that contains itself has no JSON form")})
	}
	if len(e.walking) >= maxValueDepth {
		panic(thrown{fmt.Errorf("the value is nested more than %d levels deep", maxValueDepth)})
	}
	if e.walking == nil {
		e.walking = map[any]bool{}
	}
	e.charge(nestingBytes)
	e.walking[container] = true
	walk()
	delete(e.walking, container)
}

// nestingBytes is the cost of a list or an object beside its text.
const nestingBytes = 64

// line starts a new line when the output is indented.
func (e *jsonEncoder) line(depth int) {
	if !e.lines {
		return
	}
	e.write("\n")
	for range depth {
		e.write(e.indent)
	}
}

func (e *jsonEncoder) array(array *Array) {
	if len(array.Items) == 0 {
		e.write("[]")
		return
	}
	depth := len(e.walking)
	for i, item := range array.Items {
		e.separate(i == 0, "[")
		e.line(depth)
		if !e.value(item) {
			e.write("null")
		}
	}
	e.line(depth - 1)
	e.write("]")
}

func (e *jsonEncoder) separate(first bool, opening string) {
	if first {
		e.write(opening)
	} else {
		e.write(",")
	}
}

func (e *jsonEncoder) object(object *Object) {
	depth := len(e.walking)
	empty := true
	if object.integers > 0 {
		e.charge(object.Len() * memberBytes)
	}
	for key, value := range object.All() {
		if !hasJSON(value) {
			continue
		}
		e.separate(empty, "{")
		empty = false
		e.line(depth)
		e.quote(key)
		e.write(":")
		if e.lines {
			e.write(" ")
		}
		e.value(value)
	}
	if empty {
		e.write("{}")
		return
	}
	e.line(depth - 1)
	e.write("}")
}

// hasJSON reports whether a member of an object is written.
func hasJSON(v Value) bool {
	switch v.(type) {
	case undefinedType, *callable:
		return false
	}
	return true
}

var jsonQuotes = [...]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}

func (e *jsonEncoder) quote(s string) {
	e.write(`"`)
	start := 0
	for i := 0; i < len(s); {
		replacement, size := jsonEscape(s[i:])
		if replacement != "" {
			e.write(s[start:i])
			e.write(replacement)
			start = i + size
		}
		i += size
	}
	e.write(s[start:])
	e.write(`"`)
}

// jsonEscape returns the escape for the first character of s, "" when it needs none, and how many bytes the
// character has.
func jsonEscape(s string) (replacement string, size int) {
	c := s[0]
	switch {
	case int(c) < len(jsonQuotes) && jsonQuotes[c] != "":
		return jsonQuotes[c], 1
	case c < ' ':
		return fmt.Sprintf(`\u%04x`, c), 1
	case c < utf8.RuneSelf:
		return "", 1
	}
	r, size := decodeRune(s)
	switch {
	case size == 3 && r >= 0xD800 && r <= 0xDFFF:
		return fmt.Sprintf(`\u%04x`, r), size
	case r == utf8.RuneError && size == 1:
		return "\ufffd", size
	}
	return "", size
}
