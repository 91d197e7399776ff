package parameters

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"

	"github.com/dlclark/regexp2"
)

// CheckPattern returns the problem of a pattern, "" for none: it does not compile, or may take exponential
// time. The server bounds that time; a browser does not.
func CheckPattern(pattern string) string {
	if _, err := regexp2.Compile(pattern, regexp2.ECMAScript|regexp2.Unicode); err != nil {
		return fmt.Sprintf("%q is not a regular expression: %s", pattern, err)
	}
	if backtracks(pattern) {
		return fmt.Sprintf("the pattern %q may take exponential time: a repetition within a repetition can match the same text in too many ways", pattern)
	}
	return ""
}

// backtracks reports whether an unbounded repetition can match one text in many ways, as (a+)+ and (a|aa)*
// can. It can when the variable parts of an iteration match all its fixed parts, so that nothing marks where
// an iteration ends. A pattern that cannot be parsed counts as harmless.
func backtracks(pattern string) bool {
	parsed, err := syntax.Parse(withoutLookarounds.Replace(pattern), syntax.Perl)
	return err == nil && ambiguous(parsed)
}

// withoutLookarounds replaces lookarounds, which Go's parser does not support, by groups.
var withoutLookarounds = strings.NewReplacer("(?=", "(?:", "(?!", "(?:", "(?<=", "(?:", "(?<!", "(?:", `\/`, "/")

// maxHarmless is the highest bound of a repetition that does not count as unbounded.
const maxHarmless = 10

func ambiguous(e *syntax.Regexp) bool {
	endless := e.Op == syntax.OpStar || e.Op == syntax.OpPlus || e.Op == syntax.OpRepeat && (e.Max < 0 || e.Max > maxHarmless)
	if endless && !hasSeparator(e.Sub[0]) {
		return true
	}
	return slices.ContainsFunc(e.Sub, ambiguous)
}

// hasSeparator reports whether the repeated part has a fixed character that none of its variable parts can
// match.
func hasSeparator(round *syntax.Regexp) bool {
	varying := varyingIn(round)
	return len(varying) == 0 || slices.ContainsFunc(fixedIn(round), func(fixed []rune) bool { return !overlap(fixed, varying) })
}

// varyingIn returns the characters that parts of variable length can match, as ranges.
func varyingIn(e *syntax.Regexp) []rune {
	switch e.Op {
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpAlternate:
		return charactersOf(e)
	case syntax.OpRepeat:
		if e.Min != e.Max {
			return charactersOf(e)
		}
	}
	var all []rune
	for _, sub := range e.Sub {
		all = append(all, varyingIn(sub)...)
	}
	return all
}

// charactersOf returns all characters that an expression can match, as ranges.
func charactersOf(e *syntax.Regexp) []rune {
	switch e.Op {
	case syntax.OpLiteral:
		var all []rune
		for _, character := range e.Rune {
			all = append(all, character, character)
		}
		return all
	case syntax.OpCharClass:
		return e.Rune
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return []rune{0, unicode.MaxRune}
	}
	var all []rune
	for _, sub := range e.Sub {
		all = append(all, charactersOf(sub)...)
	}
	return all
}

// fixedIn returns the single characters that occur in every iteration, as ranges.
func fixedIn(e *syntax.Regexp) [][]rune {
	switch e.Op {
	case syntax.OpLiteral:
		var each [][]rune
		for _, character := range e.Rune {
			each = append(each, []rune{character, character})
		}
		return each
	case syntax.OpCharClass:
		return [][]rune{e.Rune}
	case syntax.OpConcat, syntax.OpCapture:
		var all [][]rune
		for _, sub := range e.Sub {
			all = append(all, fixedIn(sub)...)
		}
		return all
	}
	return nil
}

func overlap(a, b []rune) bool {
	for i := 0; i+1 < len(a); i += 2 {
		for j := 0; j+1 < len(b); j += 2 {
			if a[i] <= b[j+1] && b[j] <= a[i+1] {
				return true
			}
		}
	}
	return false
}
