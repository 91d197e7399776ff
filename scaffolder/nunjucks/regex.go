package nunjucks

import (
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/dlclark/regexp2"
)

// pattern is a compiled regular expression of JavaScript. It matches UTF-16 units, each as one rune.
type pattern struct {
	body, flags            string
	global, sticky, ignore bool
	multiline              bool
	compiled               *regexp2.Regexp
	groupNames             []string
}

// regex is a RegExp object: a pattern and the offset where its next match starts.
type regex struct {
	*pattern
	lastIndex int
}

// maxPatternBytes bounds the source of a pattern, as nunjitsu does.
const maxPatternBytes = 16 << 10

// patternCost is the memory that a compiled pattern takes.
func patternCost(body string) int { return patternBytes + letterBytes*len(body) }

func compilePattern(body, flags string, timeout time.Duration, at position) *pattern {
	if len(body) > maxPatternBytes {
		panic(at.syntaxError("a regular expression is longer than %d bytes", maxPatternBytes))
	}
	for _, flag := range flags {
		if strings.Count(flags, string(flag)) > 1 {
			panic(at.syntaxError("a flag of a regular expression is given twice"))
		}
	}
	p := &pattern{
		body: body, flags: sortedFlags(flags),
		global: strings.Contains(flags, "g"), sticky: strings.Contains(flags, "y"),
		ignore: strings.Contains(flags, "i"), multiline: strings.Contains(flags, "m"),
	}
	if body == "" {
		p.body = "(?:)"
	}
	translated, err := translatePattern(p.body, syntaxFlags{p.multiline, strings.Contains(flags, "s"), strings.Contains(flags, "u")})
	if err != nil {
		panic(at.syntaxError("invalid regular expression /%s/: %v", body, err))
	}
	options := regexp2.RegexOptions(regexp2.ECMAScript)
	if p.ignore {
		options |= regexp2.IgnoreCase
	}
	p.compiled, err = regexp2.Compile(translated.source, options)
	if err != nil {
		panic(at.syntaxError("invalid regular expression /%s/: %v", body, err))
	}
	p.compiled.MatchTimeout = timeout
	p.groupNames = translated.groupNames
	return p
}

// sortedFlags puts flags in the order in which JavaScript prints them.
func sortedFlags(flags string) string {
	var sorted strings.Builder
	for _, flag := range "gimy" {
		if strings.ContainsRune(flags, flag) {
			sorted.WriteRune(flag)
		}
	}
	return sorted.String()
}

// source returns the regular expression as JavaScript prints it.
func (p *pattern) source() string { return "/" + p.body + "/" + p.flags }

// match is one match: the bounds of the whole and of each group in units, -1 for a group that did not match.
type match struct {
	start, end int
	groups     [][2]int
	// named finds a group by name; nil for a match of plain text or of a pattern without names.
	named func(name string) ([2]int, bool)
}

// find matches from an offset on; a sticky pattern must match at the offset.
func (r *run) find(p *pattern, subject []rune, from int) (match, bool) {
	r.work(len(subject)>>2 + 16)
	// The matcher keeps its backtracking states and every capture of a group.
	groups := len(p.groupNames)
	perUnit := matchBytes + groupBytes*groups
	if units := len(subject) - from + 1; units > r.limits.AllocationBytes/perUnit {
		r.exceed("AllocationBytes", r.limits.AllocationBytes)
	}
	var found *regexp2.Match
	var err error
	r.reserve((len(subject)-from+1)*perUnit, func() { found, err = p.compiled.FindRunesMatchStartingAt(subject, from) })
	if err != nil {
		r.exceed("RegexTime", r.limits.RegexTime)
	}
	r.allocate(foundBytes + groups*groupBytes)
	if found == nil || p.sticky && found.Index != from {
		return match{}, false
	}
	result := match{start: found.Index, end: found.Index + found.Length}
	for _, group := range found.Groups()[1:] {
		bounds := [2]int{-1, -1}
		if len(group.Captures) > 0 {
			bounds = [2]int{group.Index, group.Index + group.Length}
		}
		result.groups = append(result.groups, bounds)
	}
	if slices.ContainsFunc(p.groupNames, func(name string) bool { return name != "" }) {
		groups := result.groups
		result.named = func(name string) ([2]int, bool) { return p.groupBounds(groups, name) }
	}
	return result, true
}

const (
	// matchBytes is the matcher's memory for each unit of a subject, groupBytes for each of its groups.
	matchBytes, groupBytes = 32, 48
	// foundBytes is a match that was found.
	foundBytes = 512
)

// subject converts a string to the form that patterns match.
func (r *run) subject(s string) []rune {
	r.allocate(4 * textLength(s))
	out := make([]rune, 0, textLength(s))
	for len(s) > 0 {
		character, size := decodeRune(s)
		if s = s[size:]; character >= 0x10000 {
			high, low := utf16.EncodeRune(character)
			out = append(out, high, low)
			continue
		}
		out = append(out, character)
	}
	return out
}

// fromRunes returns the string of some units of a subject.
func (r *run) fromRunes(subject []rune) string {
	r.allocate(2 * len(subject))
	u := make([]uint16, len(subject))
	for i, unit := range subject {
		u[i] = uint16(unit)
	}
	return r.fromUnits(u)
}
