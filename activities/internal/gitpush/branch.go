package gitpush

import (
	"strings"

	"github.com/portico-dev/portico/scaffolder/action"
)

// CheckBranch refuses an input whose value is not a name that Git takes for a branch. The error is an InputError.
func CheckBranch(input, name string) error {
	if !IsBranchName(name) {
		return action.InputError("%s %q is not a name that Git takes for a branch", input, name)
	}
	return nil
}

// IsBranchName reports whether Git takes a name for a branch: it follows git-check-ref-format(1).
func IsBranchName(name string) bool {
	if name == "" || name == "@" || strings.HasPrefix(name, "-") || strings.HasSuffix(name, ".") ||
		strings.Contains(name, "..") || strings.Contains(name, "@{") || strings.ContainsAny(name, " ~^:?*[\\\x7f") {
		return false
	}
	for _, character := range name {
		if character < ' ' {
			return false
		}
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return true
}
