package job_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs/job"
	"github.com/portico-dev/portico/techdocs/site"
	"github.com/portico-dev/portico/techdocs/store"
)

// write writes files into a directory, and returns it.
func write(t *testing.T, directory string, files map[string]string) string {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(directory, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	return directory
}

// repository is a directory with documentation.
func repository(t *testing.T) string {
	t.Helper()
	return write(t, t.TempDir(), map[string]string{"mkdocs.yml": "site_name: Shop\nplugins: [techdocs-core]\n", "docs/index.md": "# Shop\n\nIt [sells](sells.md).\n", "docs/sells.md": "# Sells\n"})
}

func generation(source string) job.Generation {
	return job.Generation{Source: source, Output: filepath.Join(source, "site"), Generator: site.New(site.Config{})}
}

// filesIn are the names of the files of a directory.
func filesIn(t *testing.T, directory string) []string {
	t.Helper()
	var names []string
	require.NoError(t, filepath.WalkDir(directory, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(directory, path)
		names = append(names, filepath.ToSlash(name))
		return err
	}))
	return names
}

func TestASiteReplacesTheEarlierOne(t *testing.T) {
	t.Parallel()
	source := repository(t)
	g := generation(source)
	report, err := job.Generate(t.Context(), g)
	require.NoError(t, err)
	require.Equal(t, 2, report.Pages)
	first := filesIn(t, g.Output)
	require.Subset(t, first, []string{"index.html", "sells/index.html", "search/search_index.json", "techdocs_metadata.json"})
	require.NotContains(t, strings.Join(first, " "), ".techdocs-")
	etag := etagOf(t, g.Output)

	// The same source is the same site, and another one is another.
	write(t, g.Output, map[string]string{".keep": "", "removed/index.html": "of a page that is gone"})
	_, err = job.Generate(t.Context(), g)
	require.NoError(t, err)
	require.Equal(t, etag, etagOf(t, g.Output))
	require.ElementsMatch(t, append(slices.Clone(first), ".keep"), filesIn(t, g.Output))
	write(t, source, map[string]string{"docs/sells.md": "# Sells well\n"})
	_, err = job.Generate(t.Context(), g)
	require.NoError(t, err)
	require.NotEqual(t, etag, etagOf(t, g.Output))
	g.Options.ETag = "commit"
	_, err = job.Generate(t.Context(), g)
	require.NoError(t, err)
	require.Equal(t, "commit", etagOf(t, g.Output))
}

func etagOf(t *testing.T, directory string) string {
	t.Helper()
	found, err := store.ReadMetadata(directory)
	require.NoError(t, err)
	require.NotEmpty(t, found.ETag)
	require.Equal(t, "portico", found.Engine)
	return found.ETag
}

// TestAMistakeLeavesTheEarlierSite: and says in which file it is.
func TestAMistakeLeavesTheEarlierSite(t *testing.T) {
	t.Parallel()
	source := repository(t)
	g := generation(source)
	_, err := job.Generate(t.Context(), g)
	require.NoError(t, err)
	before := filesIn(t, g.Output)
	write(t, source, map[string]string{"mkdocs.yml": "site_name: [\n"})
	report, err := job.Generate(t.Context(), g)
	require.Equal(t, fault.Input, fault.KindOf(err))
	require.NotEmpty(t, report.Problems)
	require.Regexp(t, `^mkdocs\.yml:\d+: error: `, job.Line(report.Problems[0]))
	require.Equal(t, before, filesIn(t, g.Output))
}

// TestNothingButASiteIsReplaced: a wrong directory on the command line costs nothing.
func TestNothingButASiteIsReplaced(t *testing.T) {
	t.Parallel()
	source := repository(t)
	photos := write(t, t.TempDir(), map[string]string{"photos/cat.jpg": "cat"})
	for output, message := range map[string]string{photos: "has files and is no site", source: "the source is in it", filepath.Dir(source): "the source is in it", "/": "the source is in it"} {
		g := generation(source)
		g.Output = output
		_, err := job.Generate(t.Context(), g)
		require.Equal(t, fault.Input, fault.KindOf(err), output)
		require.ErrorContains(t, err, message)
	}
	require.Equal(t, []string{"photos/cat.jpg"}, filesIn(t, photos))
	g := generation(filepath.Join(source, "nope"))
	_, err := job.Generate(t.Context(), g)
	require.ErrorContains(t, err, "is no directory: it is where mkdocs.yml is")
}
