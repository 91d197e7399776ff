package workspace

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/portico-dev/portico/scaffolder/action"
)

// Globs select paths below a directory as Backstage's actions do: * matches within a name, ** across
// directories, and ?, [a-z], {a,b} and bash's extglob, such as +(a|b), are supported. Names that begin with a dot are
// not special. A pattern that begins with ! excludes its matches; ./! is the name that begins so. The path of a directory matches all of its content. A pattern that
// is the exact name of an existing file matches that file: app/[id].tsx is a pattern only if there is no such
// file. The zero value selects nothing.
type Globs struct {
	include, exclude []Glob
}

// NewGlobs parses patterns for the paths in directory. An invalid pattern is an InputError.
func NewGlobs(directory fs.FS, patterns []string) (Globs, error) {
	var globs Globs
	for _, pattern := range patterns {
		name, negative := strings.CutPrefix(pattern, "!")
		name = path.Clean(name)
		text := escapeExisting(directory, name)
		if info, err := fs.Stat(directory, name); err == nil && info.IsDir() {
			text = path.Clean(text + "/**")
		}
		// ** alone would match the directory before it, too, but only its content is meant.
		if text == "**" || strings.HasSuffix(text, "/**") {
			text += "/*"
		}
		if negative && strings.HasPrefix(text, "(") {
			text = "@" + text // !(a|b) excludes a and b
		}
		match, ok := CompileGlob(text)
		switch {
		case !ok:
			return Globs{}, action.InputError("the pattern %q is invalid: *, **, ?, [a-z], {a,b}, +(a|b) and a leading ! are supported", pattern)
		case negative:
			globs.exclude = append(globs.exclude, match)
		default:
			globs.include = append(globs.include, match)
		}
	}
	return globs, nil
}

// special has the characters that have a special meaning in a pattern, except * and ?, which are hardly ever
// part of a file's name.
var special = regexp.MustCompile(`[][{}()\\]`)

// escapeExisting escapes the names at the beginning of a pattern for which a file or directory of exactly
// that name exists.
func escapeExisting(directory fs.FS, pattern string) string {
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

// Match reports whether a path, relative and with slashes, is selected. Its errors are those of Glob.
func (g Globs) Match(name string) (bool, error) {
	isIncluded, err := MatchAny(g.include, name)
	if err != nil || !isIncluded {
		return false, err
	}
	isExcluded, err := MatchAny(g.exclude, name)
	return err == nil && !isExcluded, err
}

// MatchAny reports whether one of some patterns matches.
func MatchAny(globs []Glob, name string) (bool, error) {
	for _, glob := range globs {
		if matches, err := glob(name); err != nil || matches {
			return matches, err
		}
	}
	return false, nil
}
