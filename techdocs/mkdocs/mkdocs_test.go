package mkdocs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit/mkdocstest"
	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/mkdocs"
)

// TestMain makes this binary the command that confines, as `portico` is elsewhere.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "confine-on-old-kernel" && strings.Contains(os.Args[2], `"confined":true`) {
		fmt.Fprintln(os.Stderr, "separate the mounts: operation not permitted")
		os.Exit(1)
	}
	if len(os.Args) == 3 && strings.HasPrefix(os.Args[1], "confine") {
		fmt.Fprintln(os.Stderr, mkdocs.Confine(os.Args[2]))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func settings(t testing.TB) mkdocs.Config {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	return mkdocs.Config{Program: mkdocstest.Program(t), Confiner: []string{self, "confine"}, Folder: t.TempDir()}
}

// log keeps the lines of a build.
type log struct {
	mu    sync.Mutex
	lines []string
}

func (l *log) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// tree writes files into a new folder.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, content := range files {
		path := filepath.Join(folder, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	return folder
}

// build builds a site, and returns where it is, the report, the log and the error.
func build(t testing.TB, config mkdocs.Config, files map[string]string, options techdocs.Options) (string, techdocs.Report, string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	source, output, lines := tree(t, files), t.TempDir(), &log{}
	options.Log = lines.add
	report, err := mkdocs.New(config).Generate(ctx, source, output, options)
	left, globErr := filepath.Glob(filepath.Join(config.Folder, "portico-mkdocs-*"))
	require.NoError(t, globErr)
	require.Empty(t, left, "working folders remain")
	return output, report, lines.String(), err
}

func TestASiteIsBuilt(t *testing.T) {
	t.Parallel()
	config := settings(t)
	output, report, lines, err := build(t, config, map[string]string{
		"mkdocs.yml":     "site_name: Shop\nnav:\n  - index.md\n  - Guide: guide.md\n  - gone.md\nplugins:\n  - techdocs-core\n",
		"docs/index.md":  "# Home\n\nA [guide](guide.md), a [hole](nowhere.md) and\nanother [hole](nowhere.md).\n\n[dir](there/)\n",
		"docs/guide.md":  "# Guide\n\n!!! note\n    Text\n",
		"docs/data.json": "{}\n",
		".git/config":    "[remote]\n",
	}, techdocs.Options{ETag: "abc", RepoURL: "https://github.com/acme/shop", EditURI: "edit/main/docs"})
	require.NoError(t, err, lines)
	require.Contains(t, lines, "MkDocs 1.6.1 with mkdocs-techdocs-core 1.7.1 renders this site.")
	require.Contains(t, lines, "Building documentation to directory: output")

	require.Equal(t, "mkdocs", report.Engine)
	require.Equal(t, 2, report.Pages)
	require.Equal(t, []techdocs.Problem{
		{Severity: "warning", File: "mkdocs.yml", Line: 5, Message: "A reference to 'gone.md' is included in the 'nav' configuration, which is not found in the documentation files."},
		{Severity: "warning", File: "docs/index.md", Line: 3, Message: "Doc file 'index.md' contains a link 'nowhere.md', but the target is not found among documentation files."},
		{Severity: "warning", File: "docs/index.md", Line: 4, Message: "Doc file 'index.md' contains a link 'nowhere.md', but the target is not found among documentation files."},
		{Severity: "info", File: "docs/index.md", Line: 6, Message: "Doc file 'index.md' contains an unrecognized relative link 'there/', it was left as is."},
	}, report.Problems)

	page, err := os.ReadFile(filepath.Join(output, "guide", "index.html"))
	require.NoError(t, err)
	require.Contains(t, string(page), `<div class="admonition note">`)
	require.Contains(t, string(page), `href="https://github.com/acme/shop/edit/main/docs/guide.md" title="Edit this page"`)

	content, err := os.ReadFile(filepath.Join(output, "techdocs_metadata.json"))
	require.NoError(t, err)
	var metadata struct {
		SiteName  string   `json:"site_name"`
		Timestamp int64    `json:"build_timestamp"`
		Files     []string `json:"files"`
		ETag      string   `json:"etag"`
		Engine    string   `json:"engine"`
	}
	require.NoError(t, json.Unmarshal(content, &metadata))
	require.Equal(t, "Shop", metadata.SiteName)
	require.Equal(t, "abc", metadata.ETag)
	require.Equal(t, "mkdocs", metadata.Engine)
	require.Len(t, metadata.Files, report.Files)
	require.Subset(t, metadata.Files, []string{"index.html", "guide/index.html", "data.json", "search/search_index.json", "techdocs_metadata.json"})
	require.InDelta(t, time.Now().UnixMilli(), metadata.Timestamp, float64(time.Minute.Milliseconds()))

	// The next build of the site may have other files.
	_, err = mkdocs.New(config).Generate(t.Context(), tree(t, map[string]string{"docs/index.md": "# Home\n"}), output, techdocs.Options{})
	require.NoError(t, err)
	require.NoFileExists(t, filepath.Join(output, "guide", "index.html"))
	require.FileExists(t, filepath.Join(output, "index.html"))
}

func TestASiteWithoutConfigurationGetsOne(t *testing.T) {
	t.Parallel()
	config := settings(t)
	output, _, lines, err := build(t, config, map[string]string{"README.md": "# Read me\n"}, techdocs.Options{SiteName: "Fallback", CopyReadme: true})
	require.NoError(t, err, lines)
	page, err := os.ReadFile(filepath.Join(output, "index.html"))
	require.NoError(t, err)
	require.True(t, bytes.Contains(page, []byte("<title>Fallback</title>")) && bytes.Contains(page, []byte(">Read me<")))
}

func TestMistakesOfAuthorsAreProblems(t *testing.T) {
	t.Parallel()
	config := settings(t)
	page := map[string]string{"docs/index.md": "# Home\n"}
	for name, test := range map[string]struct {
		files   map[string]string
		problem techdocs.Problem
	}{
		"broken YAML": {
			files:   map[string]string{"mkdocs.yml": "site_name: x\nnav: [\n"},
			problem: techdocs.Problem{File: "mkdocs.yml", Line: 2, Message: "This is not valid YAML: did not find expected node content"},
		},
		"not a mapping": {
			files:   map[string]string{"mkdocs.yml": "- a\n"},
			problem: techdocs.Problem{File: "mkdocs.yml", Line: 1, Message: "The configuration has to be a mapping, such as site_name: Handbook."},
		},
		"wrong type": {
			files:   map[string]string{"mkdocs.yml": "site_name: x\n\nnav: 3\n"},
			problem: techdocs.Problem{File: "mkdocs.yml", Line: 3, Message: "Config value 'nav': Expected nav to be a list, got a int: 3"},
		},
		"docs_dir outside": {
			files:   map[string]string{"mkdocs.yml": "site_name: x\ndocs_dir: ../other\n"},
			problem: techdocs.Problem{File: "mkdocs.yml", Line: 2, Message: `docs_dir has to be a folder of the source, not "../other".`},
		},
		"a call of Python": {
			files:   map[string]string{"mkdocs.yml": "site_name: x\nextra:\n  a: !!python/object/apply:os.system ['id']\n"},
			problem: techdocs.Problem{File: "mkdocs.yml", Line: 3, Message: "The tag !!python/object/apply:os.system is not permitted."},
		},
		"an inherited call of Python": {
			files: map[string]string{
				"mkdocs.yml": "INHERIT: more/base.yml\nsite_name: x\n", "more/base.yml": "extra:\n  a: !!python/name:os.system\n",
			},
			problem: techdocs.Problem{File: "more/base.yml", Line: 2, Message: "The tag !!python/name:os.system is not permitted."},
		},
		"INHERIT from outside": {
			files:   map[string]string{"mkdocs.yml": "INHERIT: ../../../etc/passwd\nsite_name: x\n"},
			problem: techdocs.Problem{File: "../../../etc/passwd", Message: "../../../etc/passwd cannot be read: it is missing, or outside of the source."},
		},
		"a circle of INHERIT": {
			files:   map[string]string{"mkdocs.yml": "INHERIT: mkdocs.yml\n"},
			problem: techdocs.Problem{File: "mkdocs.yml", Message: "The files that INHERIT names lead back to mkdocs.yml, or there are more than eight."},
		},
		"a missing snippet": {
			files: map[string]string{
				"mkdocs.yml":    "site_name: x\nmarkdown_extensions:\n  - pymdownx.snippets:\n      check_paths: true\n",
				"docs/index.md": "--8<-- \"nosuch.md\"\n",
			},
			problem: techdocs.Problem{File: "docs/index.md", Message: "Error reading page 'index.md': Snippet at path 'nosuch.md' could not be found"},
		},
		"strict": {
			files:   map[string]string{"mkdocs.yml": "site_name: x\nstrict: true\nnav: [index.md, gone.md]\n"},
			problem: techdocs.Problem{File: "mkdocs.yml", Message: "MkDocs failed: Aborted with 1 warnings in strict mode!"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := config
			config.Folder = t.TempDir()
			files := map[string]string{}
			for _, some := range []map[string]string{page, test.files} {
				maps.Copy(files, some)
			}
			output, report, lines, err := build(t, config, files, techdocs.Options{})
			require.Equal(t, fault.Input, fault.KindOf(err), "%v\n%s", err, lines)
			require.ErrorContains(t, err, test.problem.Message)
			test.problem.Severity = "error"
			require.Contains(t, report.Problems, test.problem)
			written, readErr := os.ReadDir(output)
			require.NoError(t, readErr)
			require.Empty(t, written)
		})
	}
}

func TestWhatIsNotPermittedIsLeftOut(t *testing.T) {
	t.Parallel()
	_, report, lines, err := build(t, settings(t), map[string]string{
		"mkdocs.yml": `site_name: x
hooks: [hook.py]
theme:
  name: material
  custom_dir: overrides
plugins:
  - search
  - macros:
      module_name: evil
markdown_extensions:
  - toc
  - "hook:Thing"
`,
		"hook.py": "raise SystemExit('the hook ran')\n", "overrides/main.html": "{{ 1/0 }}", "docs/index.md": "# Home\n",
	}, techdocs.Options{})
	require.NoError(t, err, lines)
	require.Equal(t, []techdocs.Problem{
		{Severity: "warning", File: "mkdocs.yml", Line: 2, Message: "The key hooks is not permitted and was left out. An administrator can permit it in techdocs.generator.mkdocs.dangerouslyAllowAdditionalKeys."},
		{Severity: "warning", File: "mkdocs.yml", Line: 5, Message: "The key theme.custom_dir is not permitted and was left out. An administrator can permit it in techdocs.generator.mkdocs.dangerouslyAllowAdditionalKeys, by the word theme."},
		{Severity: "warning", File: "mkdocs.yml", Line: 12, Message: "The extension hook:Thing names a class and was left out."},
		{Severity: "warning", File: "mkdocs.yml", Line: 8, Message: "The plugin macros is not permitted and was left out. An administrator can permit it in techdocs.generator.mkdocs.dangerouslyAllowAdditionalPlugins."},
	}, report.Problems)
}
