package parameters

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"

	"github.com/dlclark/regexp2"
)

// CheckPattern says what is wrong with a pattern before any text meets it, "" for nothing: that it is none,
// or that it may take exponential time. The server bounds that time; a browser does not.
func CheckPattern(pattern string) string {
	if _, err := regexp2.Compile(pattern, regexp2.ECMAScript|regexp2.Unicode); err != nil {
		return fmt.Sprintf("%q is no regular expression: %s", pattern, err)
	}
	if backtracks(pattern) {
		return fmt.Sprintf("the pattern %q may take for ever: a repetition within a repetition can match the same text in too many ways", pattern)
	}
	return ""
}

// backtracks says that a repetition without a bound can match one text in many ways, as (a+)+ and (a|aa)*
// can: what varies in a round can match all that is fixed in it, so nothing tells where a round ends. What
// cannot be looked into is taken for harmless.
func backtracks(pattern string) bool {
	parsed, err := syntax.Parse(withoutLookarounds.Replace(pattern), syntax.Perl)
	return err == nil && ambiguous(parsed)
}

// withoutLookarounds lets a pattern be looked into of which Go's own expressions lack a part: what is looked
// for ahead or behind is read as a group.
var withoutLookarounds = strings.NewReplacer("(?=", "(?:", "(?!", "(?:", "(?<=", "(?:", "(?<!", "(?:", `\/`, "/")

// maxHarmless is how often something may be repeated without being taken for a repetition without a bound.
const maxHarmless = 10

func ambiguous(e *syntax.Regexp) bool {
	endless := e.Op == syntax.OpStar || e.Op == syntax.OpPlus || e.Op == syntax.OpRepeat && (e.Max < 0 || e.Max > maxHarmless)
	if endless && !tellsItsRounds(e.Sub[0]) {
		return true
	}
	return slices.ContainsFunc(e.Sub, ambiguous)
}

// tellsItsRounds says that a round has something fixed in it that nothing which varies can match.
func tellsItsRounds(round *syntax.Regexp) bool {
	varying := varyingIn(round)
	return len(varying) == 0 || slices.ContainsFunc(fixedIn(round), func(fixed []rune) bool { return !overlap(fixed, varying) })
}

// varyingIn are the characters that parts of varying length can match, as ranges.
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

// charactersOf are all characters that an expression can match, as ranges.
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

// fixedIn are the single characters that each round has, as ranges.
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
