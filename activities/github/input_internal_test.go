package github

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
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
			require.False(t, isBranchName(name), "no argument can hold it")
			return
		}
		// check-ref-format takes a dash at the start of a whole ref; --branch refuses it, and expands
		// "@{-1}".
		refused := exec.CommandContext(t.Context(), "git", "check-ref-format", "refs/heads/"+name).Run() != nil ||
			strings.HasPrefix(name, "-") || name == "@"
		require.Equal(t, !refused, isBranchName(name), "%q", name)
	})
}

func TestNameOf(t *testing.T) {
	t.Parallel()
	for reference, name := range map[string]string{
		"ann": "ann", "user:ann": "ann", "user:default/ann": "ann", "default/ann": "ann", "demo/makers": "makers", "": "",
	} {
		require.Equal(t, name, nameOf(reference), reference)
	}
}
