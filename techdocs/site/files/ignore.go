package files

import (
	"regexp"
	"slices"
	"strings"
)

// Patterns are lines of a .gitignore, as exclude_docs has them.
type Patterns []pattern

type pattern struct {
	exclude bool
	// whole matches a path or a folder above it; below says that only the folder counts, because the line ends with a slash.
	whole *regexp.Regexp
}

// ParsePatterns reads lines of a .gitignore. Lines that Git would leave out are left out.
func ParsePatterns(text string) Patterns {
	var all Patterns
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if !strings.HasSuffix(line, `\ `) {
			line = strings.TrimRight(line, " \t\f\v")
		}
		if line == "" || line == "/" || strings.HasPrefix(line, "#") {
			continue
		}
		exclude := true
		if line[0] == '!' {
			exclude, line = false, line[1:]
		}
		expression, is := expressionOf(line)
		if !is {
			continue
		}
		compiled, err := regexp.Compile(expression)
		if err != nil {
			continue
		}
		all = append(all, pattern{exclude: exclude, whole: compiled})
	}

	return all
}

// expressionOf translates a pattern. Its group is the slash behind a folder that matched.
func expressionOf(line string) (string, bool) {
	segments := segmentsOf(line)
	if len(segments) == 0 {
		return "", false
	}
	// What matches a folder is told from what matches a file, by the group.
	inside := "/"
	if strings.HasSuffix(line, "/") {
		inside = "(/)"
	}
	if len(segments) == 1 && segments[0] == "**" {
		if inside == "/" {
			return ".", true
		}

		return inside, true
	}
	var out strings.Builder
	slash := false
	for i, segment := range segments {
		last := i == len(segments)-1
		if segment == "**" {
			switch {
			case i == 0:
				out.WriteString("^(?:.+/)?")
			case last:
				out.WriteString(inside)
			default:
				out.WriteString("(?:/.+)?")
				slash = true
			}

			continue
		}
		glob, is := globExpression(segment)
		if !is {
			return "", false
		}
		if i == 0 {
			out.WriteByte('^')
		}
		if slash {
			out.WriteByte('/')
		}
		out.WriteString(glob)
		if last {
			out.WriteString("(?:(/)|$)")
		}
		slash = true
	}

	return out.String(), true
}

// segmentsOf takes a pattern apart, so that it begins at the root: "**" stands for any folders.
func segmentsOf(line string) []string {
	segments := strings.Split(line, "/")
	switch {
	case segments[0] == "":
		segments = segments[1:]
	case len(segments) == 1 || len(segments) == 2 && segments[1] == "":
		segments = append([]string{"**"}, segments...)
	}
	if last := len(segments) - 1; last >= 0 && segments[last] == "" {
		segments[last] = "**"
	}

	return slices.CompactFunc(segments, func(a, b string) bool { return a == "**" && b == "**" })
}

func globExpression(segment string) (string, bool) {
	if segment == "*" {
		return "[^/]+", true
	}
	var out strings.Builder
	for i := 0; i < len(segment); i++ {
		switch c := segment[i]; c {
		case '*':
			out.WriteString("[^/]*")
		case '?':
			out.WriteString("[^/]")
		case '\\':
			if i++; i == len(segment) {
				return "", false
			}
			out.WriteString(regexp.QuoteMeta(segment[i : i+1]))
		case '[':
			class, length, is := characterClass(segment[i:])
			if !is {
				return "", false
			}
			out.WriteString(class)
			i += length - 1
		default:
			out.WriteString(regexp.QuoteMeta(segment[i : i+1]))
		}
	}

	return out.String(), true
}

// characterClass translates a class such as [!a-z], and returns how long it is. A bracket in the first place is one of its characters.
func characterClass(text string) (class string, length int, is bool) {
	start := 1
	negated := len(text) > 1 && (text[1] == '!' || text[1] == '^')
	if negated {
		start = 2
	}
	if len(text) <= start {
		return "", 0, false
	}
	end := strings.IndexByte(text[start+1:], ']')
	if end < 0 {
		return "", 0, false
	}
	end += start + 1
	class = strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`, `^`, `\^`).Replace(text[start:end])
	if negated {
		class = "^/" + class
	}

	return "[" + class + "]", end + 1, true
}

// Match says whether the last pattern that matches the path excludes it. A file that a pattern names itself is stronger than a folder
// above that another pattern includes again, as in Git.
func (p Patterns) Match(path string) bool {
	excluded, strength := false, 0
	for _, one := range p {
		match := one.whole.FindStringSubmatchIndex(path)
		if match == nil {
			continue
		}
		byFolder := len(match) > 2 && match[2] >= 0
		priority := 2
		if byFolder {
			priority = 1
		}
		if one.exclude && byFolder || priority >= strength {
			excluded, strength = one.exclude, priority
		}
	}

	return excluded
}
