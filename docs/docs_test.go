// Package docs_test checks the documentation: its links work, and the index of decisions is complete. Package
// config checks the reference of the configuration.
package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
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
	for _, pattern := range []string{"../*.md", "*.md", "decisions/*.md", "actions/*.md", "../examples/*.md"} {
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

// TestTheThreatModelNamesExistingTests: a defence whose test was renamed or removed is not held by anything.
func TestTheThreatModelNamesExistingTests(t *testing.T) {
	t.Parallel()

	model, err := os.ReadFile("../SECURITY.md")
	require.NoError(t, err)
	named := regexp.MustCompile("`(Test[A-Z]\\w*)`").FindAllStringSubmatch(string(model), -1)
	require.NotEmpty(t, named)
	existing := testNames(t)
	for _, match := range named {
		require.Contains(t, existing, match[1])
	}
}

// testNames are the names of all tests of the project.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names, declared := map[string]bool{}, regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	require.NoError(t, filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || len(entry.Name()) > 2 && strings.HasPrefix(entry.Name(), ".")):
			return fs.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		content, err := os.ReadFile(path)
		for _, match := range declared.FindAllStringSubmatch(string(content), -1) {
			names[match[1]] = true
		}
		return err
	}))
	return names
}
