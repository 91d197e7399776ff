package nunjucks

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// translation is a JavaScript pattern in the syntax of regexp2, which is that of .NET.
type translation struct {
	source string
	// groupNames holds the name of each group, "" for one without.
	groupNames []string
}

// lineTerminators are the characters that the dot does not match, in the syntax of a character class.
const lineTerminators = `\n\r\u2028\u2029`

// isClassEscape reports whether the escape of unit matches several units. regexp2 has the same escapes.
func isClassEscape(unit uint16) bool {
	return unit < 0x80 && strings.IndexByte("dDwWsS", byte(unit)) >= 0
}

// controlEscapes are the escapes of single control characters.
var controlEscapes = map[uint16]uint16{'t': '\t', 'n': '\n', 'v': '\v', 'f': '\f', 'r': '\r'}

// syntaxFlags are the flags m, s and u, which change what a pattern means. With u a pattern still matches units.
type syntaxFlags struct{ multiline, dotAll, unicode bool }

// patternTranslator walks a JavaScript pattern by UTF-16 units.
type patternTranslator struct {
	syntaxFlags

	units      []uint16
	offset     int
	groupNames []string
	out        strings.Builder
}

func translatePattern(body string, flags syntaxFlags) (translated translation, err error) {
	t := &patternTranslator{units: units(body), syntaxFlags: flags}
	t.groupNames = t.scanGroups()
	defer caught(&err)
	for t.offset < len(t.units) {
		t.term()
	}
	return translation{t.out.String(), t.groupNames}, nil
}

func (t *patternTranslator) fail(message string) { panic(thrown{errors.New(message)}) }

func (t *patternTranslator) next() uint16 {
	if t.offset >= len(t.units) {
		t.fail("\\ at end of pattern")
	}
	t.offset++
	return t.units[t.offset-1]
}

func (t *patternTranslator) at(text string) bool {
	return t.offset+len(text) <= len(t.units) && fromUnits(t.units[t.offset:t.offset+len(text)]) == text
}

// ahead returns the next units, enough for a quantifier, a name or a number.
func (t *patternTranslator) ahead() string {
	const reach = 256
	return fromUnits(t.units[t.offset:min(t.offset+reach, len(t.units))])
}

// skip consumes text if it comes next.
func (t *patternTranslator) skip(text string) bool {
	if !t.at(text) {
		return false
	}
	t.offset += len(text)
	return true
}

// literal writes a unit that matches itself.
func (t *patternTranslator) literal(unit uint16) { t.out.WriteString(unitEscape(unit)) }

func unitEscape(unit uint16) string { return fmt.Sprintf(`\u%04x`, unit) }

// scanGroups lists the capturing groups by number, since a reference may come before its group.
func (t *patternTranslator) scanGroups() []string {
	var names []string
	inClass := false
	for i := 0; i < len(t.units); i++ {
		switch t.units[i] {
		case '\\':
			i++
		case '[':
			inClass = true
		case ']':
			inClass = false
		case '(':
			if inClass {
				continue
			}
			if name, captures := groupAt(t.units[i+1:]); captures {
				names = append(names, name)
			}
		}
	}
	return names
}

// groupAt describes the group whose opening bracket is before rest: its name, "" for none, and whether it
// captures.
func groupAt(rest []uint16) (name string, captures bool) {
	next := func(i int, c uint16) bool { return len(rest) > i && rest[i] == c }
	switch {
	case !next(0, '?'):
		return "", true
	case !next(1, '<') || next(2, '=') || next(2, '!'):
		return "", false
	}
	rest = rest[2:]
	if end := slices.Index(rest, '>'); end >= 0 {
		rest = rest[:end]
	}
	return fromUnits(rest), true
}

func (t *patternTranslator) term() {
	switch unit := t.next(); unit {
	case '\\':
		t.escape()
	case '[':
		t.class()
	case '(':
		t.group()
	case '.':
		t.dot()
	case '^':
		if t.multiline {
			t.out.WriteString(`(?<![^` + lineTerminators + `])`)
		} else {
			t.out.WriteString(`\A`)
		}
	case '$':
		if t.multiline {
			t.out.WriteString(`(?![^` + lineTerminators + `])`)
		} else {
			t.out.WriteString(`\z`)
		}
	case '{':
		t.braces()
	case '|', ')', '*', '+', '?':
		t.out.WriteByte(byte(unit))
	default:
		t.literal(unit)
	}
}

func (t *patternTranslator) dot() {
	if t.dotAll {
		t.out.WriteString(`[\u0000-\uffff]`)
		return
	}
	t.out.WriteString(`[^` + lineTerminators + `]`)
}

// braces copies a quantifier. A brace that begins no quantifier is a literal.
func (t *patternTranslator) braces() {
	inner, _, closed := strings.Cut(t.ahead(), "}")
	low, high, isRange := strings.Cut(inner, ",")
	numeric := func(s string) bool { return s != "" && countDigits(s) == len(s) }
	if !closed || !numeric(low) || isRange && high != "" && !numeric(high) {
		t.literal('{')
		return
	}
	if t.out.Len() == 0 {
		t.fail("nothing to repeat")
	}
	t.offset += len(inner) + 1
	t.out.WriteString("{" + boundedCount(low))
	if isRange {
		t.out.WriteString("," + boundedCount(high))
	}
	t.out.WriteString("}")
}

// boundedCount limits the count of a quantifier to what regexp2 can parse. No subject is long enough for more
// repetitions.
func boundedCount(digits string) string {
	if n, err := strconv.Atoi(digits); digits == "" || err == nil && n <= 1<<30 {
		return digits
	}
	return strconv.Itoa(1 << 30)
}

func (t *patternTranslator) group() {
	for _, opening := range []string{"?:", "?=", "?!", "?<=", "?<!"} {
		if t.skip(opening) {
			t.out.WriteString("(" + opening)
			return
		}
	}
	if t.skip("?<") {
		t.groupName()
	} else if t.at("?") {
		t.fail("invalid group")
	}
	t.out.WriteString("(")
}

// groupName consumes a name and its closing bracket.
func (t *patternTranslator) groupName() string {
	name, _, closed := strings.Cut(t.ahead(), ">")
	if !closed || !isIdentifier("_"+name) || name == "" || !slices.Contains(t.groupNames, name) {
		t.fail("invalid capture group name")
	}
	t.offset += textLength(name) + 1
	return name
}

func (t *patternTranslator) escape() {
	unit := t.next()
	t.refuseUnicode(unit)
	switch {
	case unit == 'b' || unit == 'B' || isClassEscape(unit):
		t.out.WriteString(`\` + string(rune(unit)))
	case unit >= '1' && unit <= '9':
		t.offset--
		t.backReference()
	case unit == 'k' && slices.ContainsFunc(t.groupNames, func(name string) bool { return name != "" }):
		if !t.skip("<") {
			t.fail("invalid named reference")
		}
		t.reference(slices.Index(t.groupNames, t.groupName()) + 1)
	default:
		t.literal(t.character(unit))
	}
}

// refuseUnicode refuses the escapes that only the flag u knows: without it they match their letter.
func (t *patternTranslator) refuseUnicode(unit uint16) {
	if t.unicode && (unit == 'p' || unit == 'P' || unit == 'u' && t.at("{")) {
		t.fail("properties of characters and \\u{...} are not supported")
	}
}

// backReference writes a reference to a group, or an octal escape when there is no group of that number.
func (t *patternTranslator) backReference() {
	digits := countDigits(t.ahead())
	n, err := strconv.Atoi(fromUnits(t.units[t.offset : t.offset+digits]))
	if err == nil && n <= len(t.groupNames) {
		t.offset += digits
		t.reference(n)
		return
	}
	unit := t.next()
	if unit >= '8' {
		t.literal(unit)
		return
	}
	t.literal(t.octal(unit))
}

func (t *patternTranslator) reference(n int) { fmt.Fprintf(&t.out, `(?:\%d)`, n) }

// octal reads up to two more digits of an octal escape.
func (t *patternTranslator) octal(first uint16) uint16 {
	value := first - '0'
	for range 2 {
		if t.offset >= len(t.units) || t.units[t.offset] < '0' || t.units[t.offset] > '7' || value*8 > 0o377 {
			break
		}
		value = value*8 + t.units[t.offset] - '0'
		t.offset++
	}
	return value
}

// character returns the single unit that the escape of unit matches.
func (t *patternTranslator) character(unit uint16) uint16 {
	if control, ok := controlEscapes[unit]; ok {
		return control
	}
	switch unit {
	case '0', '1', '2', '3', '4', '5', '6', '7':
		return t.octal(unit)
	case 'x':
		return t.hexadecimal(2, unit)
	case 'u':
		return t.hexadecimal(4, unit)
	case 'c':
		return t.control()
	}
	return unit
}

// hexadecimal reads that many digits. If they are missing, the escape matches its letter.
func (t *patternTranslator) hexadecimal(digits int, letter uint16) uint16 {
	if t.offset+digits > len(t.units) {
		return letter
	}
	value, err := strconv.ParseUint(fromUnits(t.units[t.offset:t.offset+digits]), 16, 16)
	if err != nil {
		return letter
	}
	t.offset += digits
	return uint16(value)
}

// control reads the letter of \cX. If it is missing, the backslash is a literal.
func (t *patternTranslator) control() uint16 {
	if t.offset < len(t.units) {
		if letter := t.units[t.offset] | 0x20; letter >= 'a' && letter <= 'z' {
			t.offset++
			return letter - 'a' + 1
		}
	}
	t.offset--
	return '\\'
}

// class translates a character class after its opening bracket.
func (t *patternTranslator) class() {
	negated := t.skip("^")
	var inside strings.Builder
	for !t.skip("]") {
		t.classRange(&inside)
	}
	switch {
	case inside.Len() == 0 && negated:
		t.out.WriteString(`[\u0000-\uffff]`)
	case inside.Len() == 0:
		t.out.WriteString(`(?!)`)
	case negated:
		t.out.WriteString("[^" + inside.String() + "]")
	default:
		t.out.WriteString("[" + inside.String() + "]")
	}
}

// classRange translates one unit, class escape, or range of units.
func (t *patternTranslator) classRange(inside *strings.Builder) {
	low, class := t.classAtom()
	if class != "" {
		inside.WriteString(class)
		return
	}
	if !t.at("-") || t.at("-]") || t.offset+1 >= len(t.units) {
		inside.WriteString(unitEscape(low))
		return
	}
	t.offset++
	high, class := t.classAtom()
	switch {
	case class != "":
		inside.WriteString(unitEscape(low) + unitEscape('-') + class)
	case high < low:
		t.fail("range out of order in character class")
	default:
		inside.WriteString(unitEscape(low) + "-" + unitEscape(high))
	}
}

// classAtom reads one unit, or an escape for several units, which it returns in the syntax of a class.
func (t *patternTranslator) classAtom() (unit uint16, class string) {
	if t.offset >= len(t.units) {
		t.fail("unterminated character class")
	}
	if unit = t.next(); unit != '\\' {
		return unit, ""
	}
	unit = t.next()
	t.refuseUnicode(unit)
	if isClassEscape(unit) {
		return 0, `\` + string(rune(unit))
	}
	if unit == 'b' {
		return '\b', ""
	}
	return t.character(unit), ""
}
