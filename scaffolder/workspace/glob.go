package workspace

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/portico-dev/portico/scaffolder/action"
)

// Globs select paths below a directory the way Backstage's actions do: * within a name, ** across
// directories, ?, [a-z] and {a,b}; names that begin with a dot are names like any other; a pattern that
// begins with ! takes out again what matches it; the path of a directory stands for all that is in it. What
// is there under the very name that a pattern is written with is meant by it: app/[id].tsx is that file, and
// a pattern only where there is none. The zero value selects nothing.
type Globs struct {
	include, exclude []string
}

// extended matches the patterns of bash's extglob, which are not supported: they would silently match
// nothing.
var extended = regexp.MustCompile(`[*+!?@]\(`)

// NewGlobs reads patterns for the paths in directory. A pattern that cannot be read is an InputError.
func NewGlobs(directory fs.FS, patterns []string) (Globs, error) {
	var globs Globs
	for _, pattern := range patterns {
		name, negative := strings.CutPrefix(pattern, "!")
		name = path.Clean(name)
		text := literally(directory, name)
		if extended.MatchString(text) || negative && strings.HasPrefix(text, "(") || !doublestar.ValidatePattern(text) {
			return Globs{}, action.InputError("the pattern %q cannot be read: *, **, ?, [a-z], {a,b} and a leading ! are understood", pattern)
		}
		if info, err := fs.Stat(directory, name); err == nil && info.IsDir() {
			text = path.Clean(text + "/**")
		}
		// ** alone would match the directory before it too, which is not in itself.
		if text == "**" || strings.HasSuffix(text, "/**") {
			text += "/*"
		}
		if negative {
			globs.exclude = append(globs.exclude, text)
		} else {
			globs.include = append(globs.include, text)
		}
	}
	return globs, nil
}

// special are the characters that mean something else in a pattern than in a name, but for * and ?, which
// nobody writes for themselves.
var special = regexp.MustCompile(`[][{}()\\]`)

// literally escapes the names at the beginning of a pattern that are there as they are written.
func literally(directory fs.FS, pattern string) string {
	written := strings.Split(pattern, "/")
	escaped := slices.Clone(written)
	for n, name := range written {
		if strings.ContainsAny(name, "*?") {
			break
		}
		if _, err := fs.Lstat(directory, path.Join(written[:n+1]...)); err != nil {
			break
		}
		escaped[n] = special.ReplaceAllString(name, `\$0`)
	}
	return strings.Join(escaped, "/")
}

// Match says whether a path, relative and with slashes, is selected.
func (g Globs) Match(name string) bool {
	matches := func(pattern string) bool { return doublestar.MatchUnvalidated(pattern, name) }
	return slices.ContainsFunc(g.include, matches) && !slices.ContainsFunc(g.exclude, matches)
}
