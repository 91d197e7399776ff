package site_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/site"
)

// navOf returns the nav of a page as lines.
func navOf(t *testing.T, output, dest, url string) []string {
	t.Helper()
	root := parse(t, read(t, output, dest))

	return readNav(t, directlyBelow(t, root, "md-nav--primary"), pageCase{URL: url}, 0)
}

func TestPagesFilesOrderTheNav(t *testing.T) {
	t.Parallel()

	output, report, err := generate(t, map[string]string{
		"mkdocs.yml":           "site_name: S\nplugins: [techdocs-core, awesome-pages]\n",
		"docs/index.md":        "# Home\n",
		"docs/z.md":            "# Z\n",
		"docs/a.md":            "# A\n",
		"docs/.pages":          "nav:\n  - index.md\n  - guides\n  - Site: https://example.org\n  - Group:\n      - Zed: z.md\n  - ...\n  - gone.md\n",
		"docs/guides/.pages":   "title: The guides\norder: desc\nsort_type: natural\n",
		"docs/guides/step2.md": "# Two\n", "docs/guides/step10.md": "# Ten\n",
		"docs/secret/.pages": "hide: true\n", "docs/secret/s.md": "# S\n",
	}, techdocs.Options{})
	require.NoError(t, err)
	require.Equal(t, []string{
		"Home ", "[The guides]", "  Ten guides/step10/", "  Two guides/step2/", "Site https://example.org", "[Group]", "  Zed z/", "A a/",
	}, navOf(t, output, "index.html", "./"))
	require.Equal(t, []techdocs.Problem{
		{Severity: techdocs.Warning, File: "docs/.pages", Line: 8, Column: 5, Message: `the folder "." has no page or folder "gone.md"`},
		{Severity: techdocs.Info, File: "docs/secret/s.md", Message: `the page "secret/s.md" is not in nav`},
	}, report.Problems)
}

func TestPagesFilesNeedTheirPlugin(t *testing.T) {
	t.Parallel()

	output, _, err := generate(t, map[string]string{
		"mkdocs.yml": plainConfig, "docs/index.md": "# Home\n", "docs/a.md": "# A\n", "docs/.pages": "nav: [a.md]\n",
	}, techdocs.Options{})
	require.NoError(t, err)
	require.Equal(t, []string{"Home ", "A a/"}, navOf(t, output, "index.html", "./"))
}

func TestASiteWithoutConfiguration(t *testing.T) {
	t.Parallel()

	var lines []string
	output, report, err := generate(t, map[string]string{"README.md": "# Read me\n"}, techdocs.Options{
		SiteName: "Petstore", ETag: "abc", CopyReadme: true, RepoURL: "https://github.com/o/r", EditURI: "https://github.com/o/r/edit/main/docs",
		Log: func(line string) { lines = append(lines, line) },
	})
	require.NoError(t, err)
	require.Equal(t, 1, report.Pages)
	require.Equal(t, "portico", report.Engine)
	require.Equal(t, []string{
		"Reading the documents; there is no mkdocs.yml", "There is no index.md; taking README.md for it", "Rendering one page", "Writing the site",
	}, lines)
	var metadata map[string]any
	require.NoError(t, json.Unmarshal([]byte(read(t, output, "techdocs_metadata.json")), &metadata))
	require.Equal(t, "Petstore", metadata["site_name"])
	require.Equal(t, "abc", metadata["etag"])
	require.Contains(t, read(t, output, "index.html"), `href="https://github.com/o/r/edit/main/docs/index.md" title="Edit this page"`)
	require.FileExists(t, filepath.Join(output, "search", "search_index.json"))
}

func TestAStrictSiteWithWarningsFails(t *testing.T) {
	t.Parallel()

	files := map[string]string{"mkdocs.yml": plainConfig + "strict: true\n", "docs/index.md": "# Home\n\n[x](gone.md)\n"}
	_, report, err := generate(t, files, techdocs.Options{})
	require.ErrorContains(t, err, "The documentation has one error")
	require.Len(t, report.Problems, 2)
	require.Equal(t, "the site is strict and has one warning; mend it, or remove strict", report.Problems[1].Message)
	require.Equal(t, 3, report.Problems[0].Line)
}

func TestIncludedSitesHaveTheirOwnRepository(t *testing.T) {
	t.Parallel()

	output, report, err := generate(t, map[string]string{
		"mkdocs.yml":          plainConfig + "repo_url: https://github.com/o/r\nnav:\n  - index.md\n  - A: '!include ./a/mkdocs.yml'\n",
		"docs/index.md":       "# Home\n",
		"a/mkdocs.yml":        "site_name: a\nrepo_url: https://gitlab.com/o/a\nedit_uri: edit/main/documents\nnav: [index.md]\n",
		"a/docs/index.md":     "# A\n\n[gone](gone.md)\n",
		"a/docs/templates/x":  "kept: templates are excluded at the top only\n",
		"unrelated/mkdocs.ym": "",
	}, techdocs.Options{})
	require.NoError(t, err)
	require.Contains(t, read(t, output, "index.html"), `href="https://github.com/o/r/edit/master/docs/index.md"`)
	require.Contains(t, read(t, output, "a/index.html"), `href="https://gitlab.com/o/a/edit/main/documents/index.md"`)
	require.Equal(t, []techdocs.Problem{{
		Severity: techdocs.Warning, File: "a/docs/index.md", Line: 3, Message: "the link 'gone.md' leads to a file 'a/gone.md' that does not exist in docs_dir.",
	}}, report.Problems)
}

// TestPagesOfTheCacheAreAsNew builds a site again and again with one generator into one folder, and each time with a new one into a new
// folder: both are the same.
func TestPagesOfTheCacheAreAsNew(t *testing.T) {
	t.Parallel()

	cached := site.New(site.Config{Now: func() time.Time { return clock }})
	source := writeFiles(t, map[string]string{
		"mkdocs.yml": plainConfig, "docs/index.md": "# Home\n\n[a](a.md#part) [b](b.md)\n", "docs/a.md": "# A\n\n## Part\n", "docs/b.md": "# B\n\n```go\nx\n```\n",
	})
	steps := []struct{ name, content string }{
		{"docs/a.md", "# Another title\n\n## Other\n"},
		{"docs/c.md", "# C\n"},
		{"docs/a.md", ""},
		{"docs/a", "a file in the place of the folder of a page"},
		{"docs/a", ""},
		{"docs/b/x.png", "image"},
		{"docs/b/x.png", "image 2"},
		{"docs/b.md", ""}, // removed: the link to it is wrong now
		{"docs/b.md", "# B\n\n```go\nx\n```\n"},
		{"mkdocs.yml", plainConfig + "use_directory_urls: false\n"},
		{"mkdocs.yml", plainConfig + "markdown_extensions:\n  - toc:\n      permalink: false\n"},
	}
	got := t.TempDir()
	for i := -1; i < len(steps); i++ {
		if i >= 0 {
			name := filepath.Join(source, filepath.FromSlash(steps[i].name))
			if steps[i].content == "" {
				require.NoError(t, os.Remove(name))
			} else {
				require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
				require.NoError(t, os.WriteFile(name, []byte(steps[i].content), 0o600))
			}
		}
		want := t.TempDir()
		report, err := cached.Generate(t.Context(), source, got, techdocs.Options{})
		require.NoError(t, err)
		fresh, err := site.New(site.Config{CacheBytes: -1, Now: func() time.Time { return clock }}).Generate(t.Context(), source, want, techdocs.Options{})
		require.NoError(t, err)
		require.Equal(t, fresh, report, "step %d", i)
		require.Equal(t, walk(t, want), walk(t, got))
		for _, name := range walk(t, want) {
			require.Equal(t, read(t, want, name), read(t, got, name), "step %d: %s", i, name)
		}
	}
}

func TestAPatternThatFindsNothingLeavesTheNavToTheFolders(t *testing.T) {
	t.Parallel()

	output, report, err := generate(t, map[string]string{
		"mkdocs.yml":    plainConfig + "exclude_docs: b.md\nnav:\n  - index.md\n  - All: '*include ./services/*/mkdocs.yml'\n",
		"docs/index.md": "# Home\n", "docs/a.md": "# A\n", "docs/b.md": "# B\n",
	}, techdocs.Options{})
	require.NoError(t, err)
	require.Equal(t, []string{"Home ", "A a/"}, navOf(t, output, "index.html", "./"))
	require.Len(t, report.Problems, 1)
	require.Equal(t, 7, report.Problems[0].Line)
}

func TestNavHasOtherFiles(t *testing.T) {
	t.Parallel()

	output, report, err := generate(t, map[string]string{
		"mkdocs.yml":    plainConfig + "nav:\n  - index.md\n  - The paper: files/paper.pdf\n  - files/table.csv\n  - a.md\n",
		"docs/index.md": "# Home\n", "docs/a.md": "# A\n", "docs/files/paper.pdf": "PDF", "docs/files/table.csv": "1,2\n",
	}, techdocs.Options{})
	require.NoError(t, err)
	require.Empty(t, report.Problems)
	require.Equal(t, []string{"Home ", "The paper files/paper.pdf", "table.csv files/table.csv", "A a/"}, navOf(t, output, "a/index.html", "a/"))
	require.Contains(t, read(t, output, "index.html"), `<a href="files/paper.pdf" class="md-footer__link md-footer__link--next"`)
	require.Contains(t, read(t, output, "a/index.html"), `<a href="../files/table.csv" class="md-footer__link md-footer__link--prev"`)
	require.Equal(t, "PDF", read(t, output, "files/paper.pdf"))
}

func TestThePageThatIsWrittenLastHasThePlace(t *testing.T) {
	t.Parallel()

	files := map[string]string{"mkdocs.yml": plainConfig, "docs/index.md": "# Home\n"}
	for i := range 20 {
		files[fmt.Sprintf("docs/p%d.md", i)] = "# Page\n"
		files[fmt.Sprintf("docs/p%d/index.md", i)] = "# Folder\n"
	}
	output, report, err := generate(t, files, techdocs.Options{})
	require.NoError(t, err)
	require.Empty(t, report.Problems)
	for i := range 20 {
		require.Contains(t, read(t, output, fmt.Sprintf("p%d/index.html", i)), `<h1 id="folder">`)
	}
}

func TestTitlesThatAreNoTextAreWrittenAsInPython(t *testing.T) {
	t.Parallel()

	for title, want := range map[string]string{"1.0": "1.0", "true": "True", "5": "5", "2026-11-28": "2026-11-28"} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			output, _, err := generate(t, map[string]string{
				"mkdocs.yml": plainConfig, "docs/index.md": "# Home\n", "docs/a.md": "---\ntitle: " + title + "\n---\ntext\n",
			}, techdocs.Options{})
			require.NoError(t, err)
			require.Equal(t, []string{"Home ", want + " a/"}, navOf(t, output, "index.html", "./"))
			require.Contains(t, read(t, output, "a/index.html"), "<title>"+want+" - ")
		})
	}
}
