package site_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/site"
)

// plainConfig is the mkdocs.yml of most sites of these tests.
const plainConfig = "site_name: Site\nplugins:\n  - techdocs-core\n"

// failure builds a folder, and returns the first problem that made it fail.
func failure(t *testing.T, source string, limits site.Limits) techdocs.Problem {
	t.Helper()
	report, err := site.New(site.Config{Limits: limits}).Generate(t.Context(), source, t.TempDir(), techdocs.Options{})
	require.Equal(t, fault.Input, fault.KindOf(err), "%v", err)
	for _, problem := range report.Problems {
		if problem.Severity == techdocs.Error {
			return problem
		}
	}
	require.Fail(t, "no problem of severity error", "%v", report.Problems)

	return techdocs.Problem{}
}

func TestTooManyFilesAreRefused(t *testing.T) {
	t.Parallel()

	files := map[string]string{"mkdocs.yml": plainConfig, "docs/index.md": "# H\n"}
	for i := range 20 {
		files[fmt.Sprintf("docs/%d.txt", i)] = "x"
	}
	problem := failure(t, writeFiles(t, files), site.Limits{Files: 20})
	require.Equal(t, "the documents have more than 20 files; keep what is no documentation elsewhere", problem.Message)
}

func TestTooManyBytesAreRefused(t *testing.T) {
	t.Parallel()

	source := writeFiles(t, map[string]string{"mkdocs.yml": plainConfig, "docs/index.md": "# H\n"})
	// A file with a hole has its size without its bytes.
	file, err := os.Create(filepath.Join(source, "docs", "video.mp4"))
	require.NoError(t, err)
	require.NoError(t, file.Truncate(600<<20))
	require.NoError(t, file.Close())
	require.Equal(t, "the documents have more than 524288000 bytes; keep what is no documentation elsewhere", failure(t, source, site.Limits{}).Message)
}

func TestALineOfTwentyMegabytesIsRefused(t *testing.T) {
	t.Parallel()

	problem := failure(t, writeFiles(t, map[string]string{"mkdocs.yml": plainConfig, "docs/index.md": strings.Repeat("*a", 10<<20)}), site.Limits{})
	require.Equal(t, techdocs.Problem{Severity: techdocs.Error, File: "docs/index.md", Message: "the page has more than 5242880 bytes, which is the limit"}, problem)
}

func TestLinksOutOfTheSourceAreRefused(t *testing.T) {
	t.Parallel()

	secret := filepath.Join(t.TempDir(), "secret.txt")
	require.NoError(t, os.WriteFile(secret, []byte("secret"), 0o600))
	for name, target := range map[string]string{
		"file": secret, "relative": "../../../../../../../../../../../../etc/passwd", "folder": filepath.Dir(secret), "page.md": secret,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := writeFiles(t, map[string]string{"mkdocs.yml": plainConfig, "docs/index.md": "# H\n"})
			require.NoError(t, os.Symlink(target, filepath.Join(source, "docs", name)))
			problem := failure(t, source, site.Limits{})
			require.Equal(t, "docs/"+name, problem.File)
			require.Contains(t, problem.Message, "leads out of the folder of the source")
		})
	}
}

func TestConfigurationBehindALinkOutOfTheSourceIsRefused(t *testing.T) {
	t.Parallel()

	outside := writeFiles(t, map[string]string{"mkdocs.yml": plainConfig, "docs/index.md": "secret"})
	source := writeFiles(t, map[string]string{"docs/index.md": "# H\n"})
	require.NoError(t, os.Symlink(filepath.Join(outside, "mkdocs.yml"), filepath.Join(source, "mkdocs.yml")))
	require.Contains(t, failure(t, source, site.Limits{}).Message, "leads out of the folder")
	source = writeFiles(t, map[string]string{"mkdocs.yml": plainConfig})
	require.NoError(t, os.Symlink(filepath.Join(outside, "docs"), filepath.Join(source, "docs")))
	require.Contains(t, failure(t, source, site.Limits{}).Message, "leads out of the folder")
}

func TestLinksWithinTheSourceAreFollowed(t *testing.T) {
	t.Parallel()

	source := writeFiles(t, map[string]string{"mkdocs.yml": plainConfig, "docs/index.md": "# H\n", "README.md": "# Read me\n", "shared/a.md": "# A\n"})
	require.NoError(t, os.Symlink("../README.md", filepath.Join(source, "docs", "about.md")))
	require.NoError(t, os.Symlink("../shared", filepath.Join(source, "docs", "shared")))
	require.NoError(t, os.Symlink(".", filepath.Join(source, "docs", "loop")))
	require.NoError(t, os.Symlink("nothing.md", filepath.Join(source, "docs", "dangling.md")))
	output := t.TempDir()
	report, err := site.New(site.Config{}).Generate(t.Context(), source, output, techdocs.Options{})
	require.NoError(t, err)
	require.Equal(t, 3, report.Pages)
	require.FileExists(t, filepath.Join(output, "about", "index.html"))
	require.FileExists(t, filepath.Join(output, "shared", "a", "index.html"))
}

// TestLinksThatMultiplyFoldersEnd: each folder has eight links to the next one, which makes seven folders a quarter of a million.
func TestLinksThatMultiplyFoldersEnd(t *testing.T) {
	t.Parallel()

	source := writeFiles(t, map[string]string{"mkdocs.yml": plainConfig, "docs/index.md": "# H\n"})
	for n := range 7 {
		folder := filepath.Join(source, "docs", fmt.Sprint("f", n))
		require.NoError(t, os.Mkdir(folder, 0o755))
		for link := range 8 {
			require.NoError(t, os.Symlink(fmt.Sprintf("../f%d", n+1), filepath.Join(folder, fmt.Sprint(link))))
		}
	}
	require.Contains(t, failure(t, source, site.Limits{}).Message, "the documents have more than 50000 folders")
}

// TestAPatternOfManyStarsEnds: each of them can stand for any number of the folders that are in each other.
func TestAPatternOfManyStarsEnds(t *testing.T) {
	t.Parallel()

	deep := strings.Repeat("a/", 30)
	output, report, err := generate(t, map[string]string{
		"mkdocs.yml": plainConfig + "nav:\n  - Deep: '*include ./**/**/**/**/**/mkdocs.yml'\n", "docs/index.md": "# H\n",
		deep + "mkdocs.yml": "site_name: deep\n", deep + "docs/index.md": "# Deep\n",
	}, techdocs.Options{})
	require.NoError(t, err, "%v", report.Problems)
	require.Contains(t, read(t, output, "deep/index.html"), "Deep")
}

func TestTooManyPatternsAreRefused(t *testing.T) {
	t.Parallel()

	source := writeFiles(t, map[string]string{"mkdocs.yml": plainConfig + "exclude_docs: |\n" + strings.Repeat("  a\n", 1100), "docs/index.md": "# H\n"})
	require.Equal(t, "exclude_docs has more than 1000 lines; name folders in place of their files", failure(t, source, site.Limits{}).Message)
}

// TestMuchOfOneThingEnds: what takes quadratic time takes minutes here.
func TestMuchOfOneThingEnds(t *testing.T) {
	t.Parallel()

	keys := func(prefix string) string {
		var out strings.Builder
		for n := range 90_000 {
			fmt.Fprintf(&out, "  %s%d: x\n", prefix, n)
		}

		return out.String()
	}
	for name, files := range map[string]map[string]string{
		"scripts":   {"docs/index.md": "# a\n\n" + strings.Repeat("<script></script>\n", 60_000)},
		"tags":      {"docs/index.md": "# " + strings.Repeat("`a` ", 60_000) + "\n\n## b\n"},
		"inherited": {"mkdocs.yml": "INHERIT: base.yml\nextra:\n" + keys("a"), "base.yml": plainConfig + "extra:\n" + keys("b"), "docs/index.md": "# H\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if files["mkdocs.yml"] == "" {
				files["mkdocs.yml"] = plainConfig
			}
			began := time.Now()
			_, report, err := generate(t, files, techdocs.Options{})
			require.NoError(t, err, "%v", report.Problems)
			require.Less(t, time.Since(began), 20*time.Second)
		})
	}
}

func TestNothingOutsideOfTheSourceIsRead(t *testing.T) {
	t.Parallel()

	above := writeFiles(t, map[string]string{
		"secret.md": "# Secret\n", "other/mkdocs.yml": "site_name: other\nnav: [index.md]\n", "other/docs/index.md": "# Secret\n",
		"source/docs/index.md": "# H\n\n--8<-- \"../secret.md\"\n\n--8<-- \"/etc/hostname\"\n\n[x](../../secret.md) ![i](../../secret.png)\n",
	})
	for name, one := range map[string]struct {
		config  string
		message string
	}{
		"docs_dir":       {"site_name: S\ndocs_dir: ../other/docs\n", "not in the folder"},
		"include":        {"site_name: S\nnav:\n  - A: '!include ../other/mkdocs.yml'\n", "not in the folder"},
		"wildcard":       {"site_name: S\nnav:\n  - A: '*include ../*/mkdocs.yml'\n", "leads out"},
		"inherit":        {"INHERIT: ../other/mkdocs.yml\n", "not in the folder"},
		"docs_dir of it": {"site_name: S\nnav:\n  - A: '!include ./in.yml'\n", "leads out"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := filepath.Join(t.TempDir(), "source")
			require.NoError(t, os.CopyFS(filepath.Dir(source), os.DirFS(above)))
			require.NoError(t, os.WriteFile(filepath.Join(source, "mkdocs.yml"), []byte(one.config), 0o600))
			require.NoError(t, os.WriteFile(filepath.Join(source, "in.yml"), []byte("site_name: in\ndocs_dir: ../other/docs\nnav: [index.md]\n"), 0o600))
			require.Contains(t, failure(t, source, site.Limits{}).Message, one.message)
		})
	}
	source := filepath.Join(above, "source")
	bases := "markdown_extensions:\n  - pymdownx.snippets:\n      restrict_base_path: false\n      base_path: ['..', '.', '/etc', !relative $config_dir/..]\n"
	require.NoError(t, os.WriteFile(filepath.Join(source, "mkdocs.yml"), []byte(plainConfig+"nav:\n  - index.md\n  - X: ../secret.md\n"+bases), 0o600))
	output := t.TempDir()
	report, err := site.New(site.Config{}).Generate(t.Context(), source, output, techdocs.Options{})
	require.NoError(t, err, "%v", report.Problems)
	require.NotEmpty(t, report.Problems)
	for _, name := range walk(t, output) {
		require.NotContains(t, read(t, output, name), "Secret", name)
	}
	hostname, err := os.ReadFile("/etc/hostname")
	if err == nil && len(bytes.TrimSpace(hostname)) > 0 {
		require.NotContains(t, read(t, output, "index.html"), string(bytes.TrimSpace(hostname))+"</p>")
	}
}

func TestTextThatIsNoUTF8HasItsLine(t *testing.T) {
	t.Parallel()

	problem := failure(t, writeFiles(t, map[string]string{"mkdocs.yml": plainConfig, "docs/index.md": "# H\n\ncaf\xe9\n"}), site.Limits{})
	require.Equal(t, techdocs.Problem{
		Severity: techdocs.Error, File: "docs/index.md", Line: 3, Message: "the page is not encoded in UTF-8: it has the byte 0xE9",
	}, problem)
}

func TestFilesThatWouldBeFoldersAreReported(t *testing.T) {
	t.Parallel()

	problem := failure(t, writeFiles(t, map[string]string{"mkdocs.yml": plainConfig, "docs/a.md": "# A\n", "docs/a": "file"}), site.Limits{})
	require.Contains(t, problem.Message, "cannot be written")
	require.Equal(t, "docs/a.md", problem.File)
}

func TestALargeNavIsCutOnEachPage(t *testing.T) {
	t.Parallel()

	files := map[string]string{"docs/index.md": "# Home\n"}
	var config strings.Builder
	config.WriteString(plainConfig + "nav:\n  - Home: index.md\n")
	for i := range 300 {
		files[fmt.Sprintf("docs/p%d.md", i)] = "# Page\n"
		fmt.Fprintf(&config, "  - Page %d: p%d.md\n", i, i)
	}
	for i := range 10_000 {
		fmt.Fprintf(&config, "  - Link %d: https://example.org/%d\n", i, i)
	}
	files["mkdocs.yml"] = config.String()
	output, report, err := generate(t, files, techdocs.Options{})
	require.NoError(t, err)
	require.Equal(t, 301, report.Pages)
	page := read(t, output, "p200/index.html")
	require.Less(t, len(page), 40_000, "a page does not have the whole nav")
	for _, part := range []string{"Page 199", "Page 201", "Page 150", "Page 250", "… 151", "… 10049"} {
		require.True(t, strings.Contains(page, part), part) //nolint:testifylint // The page is too long for a message.
	}
	require.False(t, strings.Contains(page, "Page 140<")) //nolint:testifylint // As above.
}

func TestABuildEndsWithItsContext(t *testing.T) {
	t.Parallel()

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := site.New(site.Config{}).Generate(ctx, writeFiles(t, map[string]string{"mkdocs.yml": plainConfig, "docs/index.md": "# H\n"}), t.TempDir(), techdocs.Options{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestProblemsAreLimitedToTheWorst(t *testing.T) {
	t.Parallel()

	files := map[string]string{"mkdocs.yml": plainConfig + "nav: [index.md]\n", "docs/index.md": "# H\n\n[x](gone.md)\n"}
	for i := range 400 {
		files[fmt.Sprintf("docs/p%d.md", i)] = "# Page\n"
	}
	_, report, err := generate(t, files, techdocs.Options{})
	require.NoError(t, err)
	require.Len(t, report.Problems, techdocs.MaxProblems)
	require.Equal(t, "202 more problems are not listed", report.Problems[techdocs.MaxProblems-1].Message)
	require.Equal(t, techdocs.Warning, report.Problems[techdocs.MaxProblems-2].Severity)
}

func TestTheSameSourceGivesTheSameBytes(t *testing.T) {
	t.Parallel()

	files := map[string]string{"mkdocs.yml": plainConfig + "site_url: https://docs.example.org\n"}
	for i := range 60 {
		files[fmt.Sprintf("docs/%d/p%d.md", i%7, i)] = fmt.Sprintf("# Page %d\n\n[next](p%d.md)\n\n```go\nfunc f%d() {}\n```\n", i, (i+7)%60, i)
	}
	first, _, err := generate(t, files, techdocs.Options{ETag: "a"})
	require.NoError(t, err)
	second, _, err := generate(t, files, techdocs.Options{ETag: "a"})
	require.NoError(t, err)
	require.Equal(t, walk(t, first), walk(t, second))
	for _, name := range walk(t, first) {
		require.Equal(t, read(t, first, name), read(t, second, name), name)
	}
}

// TestWhatIsWrongInAPageIsOneProblem: the converter reports it, and returns it as an error, too.
func TestWhatIsWrongInAPageIsOneProblem(t *testing.T) {
	t.Parallel()

	_, report, err := generate(t, map[string]string{
		"mkdocs.yml":    plainConfig + "markdown_extensions:\n  - pymdownx.snippets:\n      check_paths: true\n",
		"docs/index.md": "# H\n\n--8<-- \"nosuch.md\"\n",
	}, techdocs.Options{})
	require.ErrorContains(t, err, "The documentation has one error")
	require.Len(t, report.Problems, 1)
	require.Equal(t, "docs/index.md", report.Problems[0].File)
	require.Contains(t, report.Problems[0].Message, "nosuch.md")
}
