package site_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/site"
)

func TestSnippetsAreFoundInTheirFolders(t *testing.T) {
	t.Parallel()
	for name, base := range map[string]string{"one": "docs/.parts", "a list": "[nowhere, docs/.parts]", "relative to the docs": "!relative $docs_dir/.parts"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source, output := t.TempDir(), t.TempDir()
			for path, content := range map[string]string{
				"mkdocs.yml": "site_name: x\nmarkdown_extensions:\n  - pymdownx.snippets:\n      check_paths: true\n      base_path: " + base +
					"\n      auto_append: [words.txt]\n",
				"docs/index.md": "# Home\n\n--8<-- \"part.md\"\n\nThe API.\n", "docs/.parts/part.md": "Of the *part*.\n", "docs/.parts/words.txt": "*[API]: Interface\n",
			} {
				full := filepath.Join(source, filepath.FromSlash(path))
				require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o755))
				require.NoError(t, os.WriteFile(full, []byte(content), 0o600))
			}
			report, err := site.New(site.Config{}).Generate(t.Context(), source, output, techdocs.Options{})
			require.NoError(t, err, "%+v", report)
			page, err := os.ReadFile(filepath.Join(output, "index.html"))
			require.NoError(t, err)
			require.Contains(t, string(page), "Of the <em>part</em>.")
			require.Contains(t, string(page), `<abbr title="Interface">API</abbr>`)
		})
	}
}

func TestAStrictSiteMayMissASnippet(t *testing.T) {
	t.Parallel()
	output, report, err := generate(t, map[string]string{
		"mkdocs.yml": plainConfig + "strict: true\n", "docs/index.md": "# Home\n\n--8<-- \"gone.md\"\n",
	}, techdocs.Options{})
	require.NoError(t, err)
	require.Equal(t, []techdocs.Problem{{
		Severity: techdocs.Info, File: "docs/index.md", Line: 3, Message: "there is no file gone.md for a snippet; its path is relative to .",
	}}, report.Problems)
	require.NotContains(t, read(t, output, "index.html"), "gone.md")
}
