package files_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/techdocs/site/files"
)

// TestPatternsMatchAsInPathspec compares with what pathspec 1.1.1, the library of MkDocs, says of the same patterns and paths.
func TestPatternsMatchAsInPathspec(t *testing.T) {
	t.Parallel()

	var recorded struct {
		Paths []string
		Cases []struct {
			Patterns, Error string
			Matches         []string
		}
	}
	content, err := os.ReadFile("testdata/ignore.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, &recorded))
	for _, one := range recorded.Cases {
		t.Run(one.Patterns, func(t *testing.T) {
			t.Parallel()
			patterns := files.ParsePatterns(one.Patterns)
			matches := []string{}
			for _, path := range recorded.Paths {
				if patterns.Match(path) {
					matches = append(matches, path)
				}
			}
			if one.Error != "" {
				require.Empty(t, matches, "a line that pathspec refuses matches nothing")

				return
			}
			require.Equal(t, one.Matches, matches)
		})
	}
}

func TestFilesGoWhereMkDocsPutsThem(t *testing.T) {
	t.Parallel()

	for _, one := range []struct {
		src         string
		directories bool
		dest, url   string
	}{
		{"index.md", true, "index.html", "./"},
		{"index.md", false, "index.html", "index.html"},
		{"a.md", true, "a/index.html", "a/"},
		{"a.md", false, "a.html", "a.html"},
		{"sub/README.md", true, "sub/index.html", "sub/"},
		{"low/readme.md", true, "low/readme/index.html", "low/readme/"},
		{"q?x.md", true, "q?x/index.html", "q%3Fx/"},
		{"Größe/c+d.md", true, "Größe/c+d/index.html", "Gr%C3%B6%C3%9Fe/c%2Bd/"},
		{"i.png", true, "i.png", "i.png"},
		{".keep.md", true, ".keep/index.html", ".keep/"},
	} {
		file := files.New(one.src, one.src, 0, one.directories)
		require.Equal(t, []string{one.dest, one.url}, []string{file.Dest, file.URL}, one.src)
	}
}
