package jsonata

import (
	"regexp"
	"strings"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// signature says which arguments a function takes: "<s-nn?:s>" is a string, by default the context, and one or
// two numbers. Arguments are compared by the letters of their types.
type signature struct {
	parameters []*parameter
	pattern    *regexp.Regexp
}

// parameter is one argument, or several.
type parameter struct {
	kind, subtype string
	// expression matches the letters of the arguments.
	expression string
	// context matches the letter of a context that takes the place of a missing argument; it may be nil.
	context *regexp.Regexp
}

var pluralTypes = map[string]string{"a": "arrays", "b": "booleans", "f": "functions", "n": "numbers", "o": "objects", "s": "strings"}

// newSignature parses a signature at a position of an expression.
func newSignature(text string, position int) *signature {
	r := &signatureReader{text: text, position: position, signature: &signature{}, last: &parameter{}}
	for at := 1; at < len(text) && text[at] != ':'; at++ {
		at = r.read(at)
	}
	var pattern strings.Builder
	for _, each := range r.signature.parameters {
		pattern.WriteString("(" + each.expression + ")")
	}
	compiled, err := regexp.Compile("^" + pattern.String() + "$")
	if err != nil {
		fail("S0401", position, "value", text)
	}
	r.signature.pattern = compiled
	return r.signature
}

// signatureReader reads a signature.
type signatureReader struct {
	text      string
	position  int
	signature *signature
	// last is the parameter that was read last.
	last *parameter
}

func (r *signatureReader) add(kind, expression string) {
	r.last = &parameter{kind: kind, expression: expression}
	r.signature.parameters = append(r.signature.parameters, r.last)
}

// read reads the symbol at a place, and returns the place of its end.
func (r *signatureReader) read(at int) int {
	switch c := r.text[at]; c {
	case 's', 'n', 'b', 'l', 'o':
		r.add(string(c), "["+string(c)+"m]")
	case 'a', 'x':
		r.add(string(c), "[asnblfom]")
	case 'f':
		r.add("f", "f")
	case 'j':
		r.add("j", "[asnblom]")
	case '-':
		r.last.context = regexp.MustCompile(r.last.expression)
		r.last.expression += "?"
	case '?', '+':
		r.last.expression += string(c)
	case '(':
		end := r.closing(at, '(', ')')
		choice := r.text[at+1 : max(end, at+1)]
		if strings.Contains(choice, "<") {
			fail("S0402", r.position+at, "value", choice)
		}
		r.add("("+choice+")", "["+regexp.QuoteMeta(choice)+"m]")
		return end
	case '<':
		if r.last.kind != "a" && r.last.kind != "f" {
			fail("S0401", r.position+at, "value", r.last.kind)
		}
		end := r.closing(at, '<', '>')
		r.last.subtype = r.text[at+1 : max(end, at+1)]
		return end
	}
	return at
}

// closing is the place of the bracket that closes one.
func (r *signatureReader) closing(from int, open, shut byte) int {
	for depth, at := 1, from+1; at < len(r.text); at++ {
		switch r.text[at] {
		case shut:
			if depth--; depth == 0 {
				return at
			}
		case open:
			depth++
		}
	}
	return len(r.text) - 1
}

// letterOf is the letter of a value's type: m for one that is missing.
func letterOf(v Value) string {
	switch v.(type) {
	case string:
		return "s"
	case float64:
		return "n"
	case bool:
		return "b"
	case nil:
		return "l"
	case *list:
		return "a"
	case *nunjucks.Object:
		return "o"
	case *function, *matcher:
		return "f"
	}
	return "m"
}

// validate returns the arguments as the function takes them: a missing one may be the context, and a list is
// made of a single value where one is expected.
func (s *signature) validate(arguments []Value, context Value) []Value {
	if s == nil {
		return arguments
	}
	var letters strings.Builder
	for _, argument := range arguments {
		letters.WriteString(letterOf(argument))
	}
	match := s.pattern.FindStringSubmatch(letters.String())
	if match == nil {
		s.refuse(arguments, letters.String())
	}
	var valid []Value
	at := 0
	argument := func() Value {
		if at < len(arguments) {
			return arguments[at]
		}
		return undefined
	}
	for i, each := range s.parameters {
		if match[i+1] == "" {
			if each.context == nil {
				valid = append(valid, argument())
				at++
				continue
			}
			if !each.context.MatchString(letterOf(context)) {
				fail("T0411", 0, "index", float64(at+1), "value", context)
			}
			valid = append(valid, context)
			continue
		}
		for _, letter := range match[i+1] {
			valid = append(valid, each.accept(argument(), string(letter), match[i+1], at))
			at++
		}
	}
	return valid
}

// accept checks the items of a list, and makes one of a single value.
func (p *parameter) accept(argument Value, letter, matched string, at int) Value {
	if p.kind != "a" || letter == "m" {
		return argument
	}
	l, isList := argument.(*list)
	if p.subtype != "" {
		isValid := letter == "a" || matched == p.subtype
		if isList && len(l.items) > 0 {
			wanted := p.subtype[:1]
			isValid = allAre(l.items, func(item Value) bool { return letterOf(item) == wanted })
		}
		if !isValid {
			fail("T0412", 0, "index", float64(at+1), "value", argument, "type", pluralTypes[p.subtype])
		}
	}
	if !isList {
		return &list{items: []Value{argument}}
	}
	return argument
}

// refuse fails for the first argument that does not match.
func (s *signature) refuse(arguments []Value, letters string) {
	good := 0
	var partial strings.Builder
	partial.WriteString("^")
	for _, each := range s.parameters {
		partial.WriteString(each.expression)
		compiled, err := regexp.Compile(partial.String())
		if err != nil {
			break
		}
		match := compiled.FindString(letters)
		if match == "" && !compiled.MatchString(letters) {
			break
		}
		good = len(match)
	}
	value := undefined
	if good < len(arguments) {
		value = arguments[good]
	}
	fail("T0410", 0, "index", float64(good+1), "value", value)
}
