package mkdocs_test

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/mkdocs"
)

func TestTheEngineOfASiteIsDetected(t *testing.T) {
	t.Parallel()
	permit := mkdocs.Permit{Plugins: []string{"macros", "include-markdown"}, Keys: []string{"hooks"}}
	for name, test := range map[string]struct {
		settings string
		reasons  []string
	}{
		"nothing":        {settings: "site_name: x\n"},
		"a usual site":   {settings: "site_name: x\nplugins: [techdocs-core, search]\nmarkdown_extensions:\n  - toc: {permalink: true}\n  - markdown.extensions.footnotes\n  - pymdownx.keys\n"},
		"not permitted":  {settings: "site_name: x\nplugins: [techdocs-core, mkdocstrings]\ntheme: {name: material, custom_dir: over}\n"},
		"not valid":      {settings: "site_name: [\n"},
		"a plugin":       {settings: "site_name: x\nplugins:\n  - macros\n", reasons: []string{"the plugin macros is one of MkDocs"}},
		"a map, a group": {settings: "plugins:\n  macros: {}\n  group:\n    plugins:\n      - include-markdown\n", reasons: []string{"the plugin macros is one of MkDocs", "the plugin include-markdown is one of MkDocs"}},
		"an extension":   {settings: "site_name: x\nmarkdown_extensions: [mkdocs-click]\n", reasons: []string{"the extension mkdocs-click is one of Python-Markdown"}},
		"a hook":         {settings: "site_name: x\nhooks: [a.py]\n", reasons: []string{"the key hooks runs code or templates of MkDocs"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			choice, err := mkdocs.Detect(tree(t, map[string]string{"mkdocs.yml": test.settings}), permit)
			require.NoError(t, err)
			require.Equal(t, test.reasons, choice.Reasons)
			engine := map[bool]string{true: "mkdocs", false: "portico"}[len(test.reasons) > 0]
			require.Equal(t, engine, choice.Engine)
		})
	}
}

// native notes that it was asked.
type native struct{}

func (native) Generate(_ context.Context, _, output string, _ techdocs.Options) (techdocs.Report, error) {
	return techdocs.Report{Engine: "portico", Pages: 1}, os.WriteFile(output+"/index.html", nil, 0o600)
}

func TestASiteThatNeedsMkDocsIsBuiltWithoutIfThereIsNone(t *testing.T) {
	t.Parallel()
	source := tree(t, map[string]string{"mkdocs.yml": "site_name: x\nplugins: [macros]\n", "docs/index.md": "# Home\n"})
	permit := mkdocs.Permit{Plugins: []string{"macros"}}
	lines := &log{}
	without := mkdocs.Choosing{Native: native{}, MkDocs: mkdocs.New(mkdocs.Config{Program: "no-such-program", Permit: permit})}
	report, err := without.Generate(t.Context(), source, t.TempDir(), techdocs.Options{Log: lines.add})
	require.NoError(t, err)
	require.Equal(t, "portico", report.Engine)
	require.Len(t, report.Problems, 1)
	require.Contains(t, report.Problems[0].Message, "This site needs MkDocs (the plugin macros is one of MkDocs), and was built without: MkDocs is not installed")
	require.Contains(t, lines.String(), "This site needs MkDocs: the plugin macros is one of MkDocs.")
}

func TestASiteIsBuiltByTheEngineThatItNeeds(t *testing.T) {
	t.Parallel()
	config := settings(t)
	config.Permit.Keys = []string{"hooks"}
	choosing := mkdocs.Choosing{Native: native{}, MkDocs: mkdocs.New(config)}
	report, err := choosing.Generate(t.Context(), tree(t, hooked("pass")), t.TempDir(), techdocs.Options{})
	require.NoError(t, err)
	require.Equal(t, "mkdocs", report.Engine)
	report, err = choosing.Generate(t.Context(), tree(t, map[string]string{"docs/index.md": "# Home\n"}), t.TempDir(), techdocs.Options{})
	require.NoError(t, err)
	require.Equal(t, "portico", report.Engine)
}
