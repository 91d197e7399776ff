package site_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/site"
)

// contents are the files below a folder.
func contents(t *testing.T, folder string) map[string]string {
	t.Helper()
	found := map[string]string{}
	require.NoError(t, filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(name)
		relative, _ := filepath.Rel(folder, name)
		found[filepath.ToSlash(relative)] = string(content)
		return err
	}))
	return found
}

// TestAPublishedFileIsNotMadeAgain: what is made and what is kept are together the whole site, whatever has changed, and however often.
func TestAPublishedFileIsNotMadeAgain(t *testing.T) {
	t.Parallel()
	source := t.TempDir()
	change := func(files map[string]string) {
		for name, content := range files {
			full := filepath.Join(source, filepath.FromSlash(name))
			require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o755))
			require.NoError(t, os.WriteFile(full, []byte(content), 0o600))
		}
	}
	const config = "site_name: x\nrepo_url: https://git.example/a\nedit_uri: edit/docs\nplugins:\n  - techdocs-core\n  - redirects:\n      redirect_maps:\n        old.md: b.md\n"
	change(map[string]string{"mkdocs.yml": config, "docs/index.md": "# Home\n\n[b](b.md)\n", "docs/b.md": "# B\n", "docs/c.md": "# C\n", "docs/x.bin": "1234", "docs/y.bin": "5678"})
	now := site.Config{Now: func() time.Time { return clock }}
	generator := site.New(now)
	published := map[string]string{}
	for _, step := range []struct {
		what    string
		changes map[string]string
		remove  string
		written []string
	}{
		{"all is new", nil, "", []string{"404.html", "b/index.html", "c/index.html", "index.html", "old/index.html", "search/search_index.json", "sitemap.xml", "techdocs_metadata.json", "x.bin", "y.bin"}},
		{"nothing has changed", nil, "", []string{"search/search_index.json"}},
		{"nothing has changed since", nil, "", []string{"search/search_index.json"}},
		{"a page", map[string]string{"docs/c.md": "# C\n\nMore.\n"}, "", []string{"c/index.html", "search/search_index.json"}},
		{"a file that is as long", map[string]string{"docs/x.bin": "4321"}, "", []string{"search/search_index.json", "x.bin"}},
		{"a title, which all pages show", map[string]string{"docs/c.md": "# Sea\n\nMore.\n"}, "", []string{"404.html", "b/index.html", "c/index.html", "index.html", "search/search_index.json"}},
		{"the address of sources", map[string]string{"mkdocs.yml": config + "edit_uri_template: new/{path}\n"}, "", []string{"b/index.html", "c/index.html", "index.html", "search/search_index.json"}},
		{"a page where a redirect is", map[string]string{"docs/old.md": "# Old\n"}, "", []string{"404.html", "b/index.html", "c/index.html", "index.html", "old/index.html", "search/search_index.json"}},
		{"the same again", nil, "", []string{"old/index.html", "search/search_index.json"}},
		{"a page less", nil, "docs/c.md", []string{"404.html", "b/index.html", "index.html", "old/index.html", "search/search_index.json", "techdocs_metadata.json"}},
	} {
		change(step.changes)
		if step.remove != "" {
			require.NoError(t, os.Remove(filepath.Join(source, filepath.FromSlash(step.remove))))
		}
		whole := t.TempDir()
		_, err := site.New(now).Generate(t.Context(), source, whole, techdocs.Options{})
		require.NoError(t, err, step.what)
		want := contents(t, whole)

		options := techdocs.Options{Published: map[string]techdocs.Digest{}}
		for name, content := range published {
			options.Published[name] = techdocs.DigestOf([]byte(content))
		}
		part := t.TempDir()
		report, err := generator.Generate(t.Context(), source, part, options)
		require.NoError(t, err, step.what)
		got := contents(t, part)
		require.Equal(t, len(want), report.Files, step.what)
		for _, name := range step.written {
			require.Contains(t, got, name, step.what)
		}
		for name := range got {
			require.NotContains(t, report.Kept, name, step.what)
			if len(published) > 0 && name != "sitemap.xml.gz" {
				require.Contains(t, step.written, name, step.what)
			}
		}
		for name, as := range report.Kept {
			require.Equal(t, as, techdocs.DigestOf([]byte(published[name])), step.what)
			got[name] = published[name]
		}
		require.Equal(t, want, got, step.what)
		published = want
	}
}
