package gitpush_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/internal/gitpush"
)

// FuzzIsBranchName compares our rule with git's.
func FuzzIsBranchName(f *testing.F) {
	for _, name := range []string{
		"main", "feature/a-b", "", "@", "a..b", "a.lock", "a.lock/b", "/a", "a/", "a//b", ".a", "a/.b", "a.", "-a", "a b", "a~1", "a@{1}", "é", "a\x7f", "HEAD", "a\\b",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if strings.ContainsRune(name, 0) {
			require.False(t, gitpush.IsBranchName(name), "no argument can hold it")
			return
		}
		// check-ref-format takes a dash at the start of a whole ref; --branch refuses it, and expands
		// "@{-1}".
		refused := exec.CommandContext(t.Context(), "git", "check-ref-format", "refs/heads/"+name).Run() != nil ||
			strings.HasPrefix(name, "-") || name == "@"
		require.Equal(t, !refused, gitpush.IsBranchName(name), "%q", name)
	})
}
