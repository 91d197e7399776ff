package build

import (
	"os"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// maxIgnore bounds a .gitignore that is read.
const maxIgnore = 100_000

// ignored are the rules of a .gitignore in the root of a folder: a working copy is documented as a clone of it would be. Files of that
// name in other folders are not read.
type ignored []ignoreRule

type ignoreRule struct {
	pattern string
	// keeps takes paths back that a rule before ignores.
	keeps bool
	// folders is a rule for folders only.
	folders bool
}

func ignoredIn(folder *os.Root) ignored {
	info, err := folder.Stat(".gitignore")
	if err != nil || info.Size() > maxIgnore || !info.Mode().IsRegular() {
		return nil
	}
	text, err := folder.ReadFile(".gitignore")
	if err != nil {
		return nil
	}
	var rules ignored
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, " \t\r\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		var rule ignoreRule
		line, rule.keeps = strings.CutPrefix(line, "!")
		line, rule.folders = strings.CutSuffix(line, "/")
		anchored := strings.Contains(line, "/")
		if rule.pattern = strings.TrimPrefix(line, "/"); !anchored {
			rule.pattern = path.Join("**", line)
		}
		if doublestar.ValidatePattern(rule.pattern) {
			rules = append(rules, rule)
		}
	}
	return rules
}

// has reports whether a path is ignored. The last rule that matches counts.
func (i ignored) has(name string, isFolder bool) bool {
	for _, rule := range slices.Backward(i) {
		if (isFolder || !rule.folders) && doublestar.MatchUnvalidated(rule.pattern, name) {
			return !rule.keeps
		}
	}
	return false
}
