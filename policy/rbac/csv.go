package rbac

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// maxCSVBytes bounds a file of policies, maxCSVLines its lines.
	maxCSVBytes = 8 << 20
	maxCSVLines = 100_000
)

// Problem is what is wrong with a line of a file. Line is 0 for a problem of the whole file.
type Problem struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Reason string `json:"reason"`
}

func (p Problem) String() string {
	if p.Line == 0 {
		return p.File + ": " + p.Reason
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Reason)
}

// policyFile is the content of a file of policies without its problems. Each policy and each member has its
// line.
type policyFile struct {
	policies []lineOf[Policy]
	members  []lineOf[membership]
}

// membership is one line "g" of a file.
type membership struct{ member, role string }

// lineOf is a value with its line in a file.
type lineOf[T any] struct {
	value T
	line  int
}

// parsePolicies reads a file of policies in casbin's format:
//
//	p, role:default/developers, catalog-entity, read, allow
//	g, group:default/team-a, role:default/developers
//
// References are read in lower case. Lines that are wrong, that are there twice, or that contradict another
// one are problems, and none of them is in the result.
func parsePolicies(name, text string) (policyFile, []Problem) {
	if len(text) > maxCSVBytes {
		return policyFile{}, []Problem{{name, 0, fmt.Sprintf("the file is larger than %d bytes", maxCSVBytes)}}
	}
	var parsed policyFile
	var problems []Problem
	number := 0
	for line := range strings.Lines(text) {
		number++
		if number > maxCSVLines {
			return policyFile{}, []Problem{{name, number, fmt.Sprintf("the file has more than %d lines", maxCSVLines)}}
		}
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := parsed.add(line, number); err != nil {
			problems = append(problems, Problem{name, number, err.Error()})
		}
	}
	var repeated []Problem
	parsed.policies, repeated = once(name, parsed.policies, func(p Policy) Policy { p.Effect = ""; return p })
	problems = append(problems, repeated...)
	parsed.members, repeated = once(name, parsed.members, func(m membership) membership { return m })
	problems = append(problems, repeated...)
	slices.SortStableFunc(problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return parsed, problems
}

var (
	errForm = errors.New("a line is either p, role, permission, action, effect or g, member, role")
	// errEncoding is for text that the database cannot have.
	errEncoding = errors.New("the line is not UTF-8")
)

func (f *policyFile) add(line string, number int) error {
	if !utf8.ValidString(line) {
		return errEncoding
	}
	reader := csv.NewReader(strings.NewReader(line))
	reader.TrimLeadingSpace = true
	fields, err := reader.Read()
	if parse, is := errors.AsType[*csv.ParseError](err); is {
		return parse.Err
	} else if err != nil {
		return err
	}
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	switch {
	case fields[0] == "p" && len(fields) == 5:
		p := Policy{Role: strings.ToLower(fields[1]), Permission: fields[2], Action: fields[3], Effect: fields[4]}
		if err := cmp.Or(checkPolicy(p), checkRef(p.Role, kindRole)); err != nil {
			return err
		}
		f.policies = append(f.policies, lineOf[Policy]{p, number})
	case fields[0] == "g" && len(fields) == 3:
		m := membership{strings.ToLower(fields[1]), strings.ToLower(fields[2])}
		if err := cmp.Or(checkRef(m.member, holders...), checkRef(m.role, kindRole)); err != nil {
			return err
		}
		f.members = append(f.members, lineOf[membership]{m, number})
	default:
		return errForm
	}
	return nil
}

// once drops all lines that have the same key as another one, and returns a problem for each.
func once[T comparable](name string, lines []lineOf[T], key func(T) T) (kept []lineOf[T], problems []Problem) {
	byKey := map[T][]lineOf[T]{}
	for _, line := range lines {
		byKey[key(line.value)] = append(byKey[key(line.value)], line)
	}
	for _, line := range lines {
		same := byKey[key(line.value)]
		if len(same) == 1 {
			kept = append(kept, line)
			continue
		}
		other := same[0]
		if other == line {
			other = same[1]
		}
		reason := fmt.Sprintf("the line is there twice: see line %d", other.line)
		if other.value != line.value {
			reason = fmt.Sprintf("the line contradicts line %d", other.line)
		}
		problems = append(problems, Problem{name, line.line, reason})
	}
	return kept, problems
}
