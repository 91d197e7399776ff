// Package docs_test holds the documentation to what it describes: its links lead somewhere, the index of decisions is complete, and the
// reference of the configuration is that of the code.
package docs_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/config"
)

var update = flag.Bool("update", false, "write the reference of the configuration anew")

// link is a Markdown link to a file: not to another site, and not within the page.
var link = regexp.MustCompile(`\]\(([^)#:\s]+)(#[^)]*)?\)`)

func TestLinksLeadSomewhere(t *testing.T) {
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

const reference = "configuration.md"

// The table stands between these lines of the reference.
const tableBegins, tableEnds = "<!-- keys: go test ./docs -update -->\n", "<!-- end of keys -->\n"

func TestReferenceIsThatOfTheCode(t *testing.T) {
	t.Parallel()

	page, err := os.ReadFile(reference)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(page), tableBegins)
	require.True(t, found)
	table, after, found := strings.Cut(rest, tableEnds)
	require.True(t, found)
	if *update {
		page := before + tableBegins + keyTable() + tableEnds + after
		require.NoError(t, os.WriteFile(reference, []byte(page), 0o644))
		return
	}
	require.Equal(t, keyTable(), table, "run: go test ./docs -update")
}

// keyTable is one Markdown table for each section of the configuration.
func keyTable() string {
	var b strings.Builder
	section := ""
	for _, key := range config.Keys() {
		if current, _, _ := strings.Cut(key.Path, "."); current != section {
			section = current
			fmt.Fprintf(&b, "\n### %s\n\n| Key | Type | Default | |\n|---|---|---|---|\n", section)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", key.Path, kind(key), standard(key), escape(key.Description))
	}
	return b.String() + "\n"
}

func kind(key config.Key) string {
	if key.Secret {
		return key.Type + ", secret"
	}
	return key.Type
}

func standard(key config.Key) string {
	if key.Required {
		return "required"
	}
	if key.Default == "" {
		return ""
	}
	return "`" + key.Default + "`"
}

// escape keeps a pipe from ending its column.
func escape(text string) string {
	return strings.ReplaceAll(cmp.Or(text, " "), "|", `\|`)
}
