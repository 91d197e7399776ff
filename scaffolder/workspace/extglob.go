package workspace

import (
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/dlclark/regexp2"

	"github.com/portico-dev/portico/scaffolder/action"
)

const (
	// globTimeout bounds the time that a pattern may take for a path. Some of extglob take ages to say no.
	globTimeout = time.Second
	// mostExtended bounds the bytes of a pattern of extglob, and mostNegations the !(a) in it: each has what is behind
	// it twice in the regular expression.
	mostExtended  = 2000
	mostNegations = 6
)

// extended finds the patterns of bash's extglob, which package doublestar does not know.
var extended = regexp.MustCompile(`[*+!?@]\(`)

// Glob reports whether a path, relative and with slashes, matches. A pattern that takes too long for it is an InputError.
type Glob func(name string) (bool, error)

// CompileGlob reads a pattern of *, **, ?, [a-z], {a,b}, and bash's @(a|b), ?(a|b), *(a|b), +(a|b) and !(a|b).
// A pattern that is not well formed, or too long, is not ok.
func CompileGlob(pattern string) (match Glob, ok bool) {
	if !extended.MatchString(pattern) {
		return func(name string) (bool, error) { return doublestar.MatchUnvalidated(pattern, name), nil }, doublestar.ValidatePattern(pattern)
	}
	if len(pattern) > mostExtended || strings.Count(pattern, "!(") > mostNegations {
		return nil, false
	}
	reader := extglob{rest: pattern}
	body := reader.sequence("")
	compiled, err := regexp2.Compile(`\A`+body+`\z`, regexp2.None)
	if reader.isBroken || err != nil {
		return nil, false
	}
	compiled.MatchTimeout = globTimeout
	return func(name string) (bool, error) {
		matches, err := compiled.MatchString(name)
		if err != nil {
			return false, action.InputError("to match %q with the pattern %q takes longer than %s: make the pattern simpler", name, pattern, globTimeout)
		}
		return matches, nil
	}, true
}

// extglob translates a pattern into a regular expression.
type extglob struct {
	// rest is what has not been read yet.
	rest string
	// isInName says that the last character was not a slash.
	isInName, isBroken bool
}

// sequence translates up to one of the characters in until, which it leaves, or the end.
func (e *extglob) sequence(until string) string {
	var body strings.Builder
	for e.rest != "" && !strings.ContainsRune(until, rune(e.rest[0])) {
		if strings.HasPrefix(e.rest, "!(") {
			e.rest = e.rest[1:]
			inner := e.group('(', '|', ')')
			after := e.sequence(until)
			return body.String() + `(?:(?!` + inner + after + `(?:/|\z))[^/]*?)` + after
		}
		body.WriteString(e.next())
	}
	e.isBroken = e.isBroken || e.rest == "" && until != ""
	return body.String()
}

// next translates one part.
func (e *extglob) next() string {
	if repeats := strings.IndexByte("@?*+", e.rest[0]); repeats >= 0 && strings.HasPrefix(e.rest[1:], "(") {
		e.rest = e.rest[1:]
		return e.group('(', '|', ')') + []string{"", "?", "*", "+"}[repeats]
	}
	wasInName := e.isInName
	e.isInName = e.rest[0] != '/'
	switch {
	case strings.HasPrefix(e.rest, "**/") && !wasInName:
		e.isInName = false
		e.rest = e.rest[len("**/"):]
		return `(?:[^/]+/)*`
	case strings.HasPrefix(e.rest, "**") && !wasInName:
		e.rest = e.rest[len("**"):]
		return `.*`
	case e.rest[0] == '{':
		return e.group('{', ',', '}')
	case e.rest[0] == '[':
		return e.class()
	}
	_, size := utf8.DecodeRuneInString(e.rest)
	letter := e.rest[:size]
	switch {
	case letter == "*":
		letter = `[^/]*`
	case letter == "?":
		letter = `[^/]`
	case letter == `\` && len(e.rest) > 1:
		_, escaped := utf8.DecodeRuneInString(e.rest[1:])
		size += escaped
		letter = regexp2.Escape(e.rest[1:size])
	default:
		letter = regexp2.Escape(letter)
	}
	e.rest = e.rest[size:]
	return letter
}

// group translates alternatives with brackets around them.
func (e *extglob) group(opening, separator, closing byte) string {
	e.rest = strings.TrimPrefix(e.rest, string(opening))
	alternatives := []string{}
	for {
		alternatives = append(alternatives, e.sequence(string([]byte{separator, closing})))
		if e.rest == "" {
			return ""
		}
		ended := e.rest[0] == closing
		e.rest = e.rest[1:]
		if ended {
			return `(?:` + strings.Join(alternatives, "|") + `)`
		}
	}
}

// class translates a class of characters.
func (e *extglob) class() string {
	end := strings.IndexByte(e.rest[1:], ']')
	if end < 1 {
		e.isBroken, e.rest = true, ""
		return ""
	}
	letters := e.rest[1 : 1+end]
	e.rest = e.rest[end+2:]
	if letters[0] == '!' {
		letters = "^" + letters[1:]
	}
	return `[` + letters + `]`
}
