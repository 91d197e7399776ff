// Package docs_test checks the documentation: its links work, and the index of decisions is complete. Package
// config checks the reference of the configuration.
package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// link is a Markdown link to a file: not to another site, and not within the page.
var link = regexp.MustCompile(`\]\(([^)#:\s]+)(#[^)]*)?\)`)

func TestLinksLeadToExistingFiles(t *testing.T) {
	t.Parallel()

	for _, page := range pages(t) {
		t.Run(filepath.ToSlash(page), func(t *testing.T) {
			t.Parallel()
			content, err := os.ReadFile(page)
			require.NoError(t, err)
			for _, match := range link.FindAllStringSubmatch(string(content), -1) {
				require.FileExists(t, filepath.Join(filepath.Dir(page), filepath.FromSlash(match[1])))
			}
		})
	}
}

func pages(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"../*.md", "*.md", "decisions/*.md", "../examples/*.md"} {
		matches, err := filepath.Glob(pattern)
		require.NoError(t, err)
		all = append(all, matches...)
	}
	require.NotEmpty(t, all)
	return all
}

func TestEveryDecisionIsInTheIndex(t *testing.T) {
	t.Parallel()

	index, err := os.ReadFile("decisions/README.md")
	require.NoError(t, err)
	decisions, err := filepath.Glob("decisions/[0-9]*.md")
	require.NoError(t, err)
	for _, decision := range decisions {
		require.Contains(t, string(index), "]("+filepath.Base(decision)+")")
	}
}
