package config_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/site/config"
	"github.com/portico-dev/portico/techdocs/site/source"
)

// folder is a source in memory, with the folder docs.
type folder map[string]string

func (f folder) ReadFile(name string, limit int64) ([]byte, error) {
	content, is := f[name]
	switch {
	case !is:
		return nil, fs.ErrNotExist
	case int64(len(content)) > limit:
		return nil, source.ErrTooLarge
	}

	return []byte(content), nil
}

func (folder) IsDir(name string) (bool, error) { return name == "docs" || name == ".", nil }

func TestMistakesHaveTheirPlace(t *testing.T) {
	t.Parallel()

	for _, one := range []struct {
		name, yaml   string
		line, column int
		message      string
	}{
		{"bad indent", "site_name: X\nnav:\n  - A: b.md\n  C: d.md\n", 4, 3, "no valid YAML"},
		{"tab", "a:\n\t- b\n", 2, 1, "no valid YAML"},
		{"unknown alias", "site_name: *nope\n", 1, 1, "unknown anchor"},
		{"two documents", "site_name: X\n---\nsite_name: Y\n", 2, 1, "second document"},
		{"list", "- a\n", 1, 1, "must be a mapping"},
		{"name missing", "nav: []\n", 0, 0, "site_name is missing"},
		{"name is a number", "site_name: 12\n", 1, 12, "must be a text, not the number 12"},
		{"name is a truth value", "site_name: yes\n", 1, 12, "must be a text, not the truth value True"},
		{"flag", "site_name: X\nstrict: maybe\n", 2, 9, "must be true or false"},
		{"url", "site_name: X\nrepo_url: example.org/x\n", 2, 11, "must be a URL"},
		{"docs_dir above", "site_name: X\ndocs_dir: ../other\n", 2, 1, "not in the folder"},
		{"docs_dir absolute", "site_name: X\ndocs_dir: /etc\n", 2, 1, "not in the folder"},
		{"docs_dir missing", "site_name: X\ndocs_dir: nowhere\n", 2, 1, "no such folder"},
		{"nav is a mapping", "site_name: X\nnav:\n  A: a.md\n", 3, 3, "nav must be a list"},
		{"nav with null", "site_name: X\nnav:\n  - A:\n", 3, 5, "not nothing"},
		{"nav with two titles", "site_name: X\nnav:\n  - A: a.md\n    B: b.md\n", 3, 5, "one title"},
		{"python name", "site_name: X\nextra:\n  x: !!python/name:os.getcwd\n", 3, 6, "would load Python code"},
		{"python call", "site_name: X\nextra:\n  x: !!python/object/apply:os.system ['id']\n", 3, 6, "would run Python code"},
		{"unknown tag", "site_name: X\nextra:\n  x: !secret y\n", 3, 6, "is not known"},
		{"relative", "site_name: X\nextra:\n  x: !relative $home/x\n", 3, 6, "knows $config_dir and $docs_dir"},
		{"theme", "site_name: X\ntheme: windmill\n", 2, 8, "not installed"},
		{"theme without name", "site_name: X\ntheme:\n  name: null\n", 3, 9, "has no name"},
		{"plugin", "site_name: X\nplugins:\n  - nosuch\n", 3, 5, "not installed"},
		{"plugin options", "site_name: X\nplugins:\n  - redirects: 5\n", 3, 16, "must be a mapping"},
		{"extension", "site_name: X\nmarkdown_extensions:\n  - toc: 5\n", 3, 10, "must be a mapping"},
		{"validation", "site_name: X\nvalidation:\n  anchors: loud\n", 3, 12, "warn, info or ignore"},
		{"inherit missing", "INHERIT: base.yml\n", 1, 10, "does not exist"},
		{"inherit outside", "INHERIT: ../base.yml\n", 1, 10, "not in the folder"},
		{"inherit itself", "INHERIT: mkdocs.yml\n", 1, 10, "inherits from itself"},
		{"edit_uri_template", "site_name: X\nedit_uri_template: 'x{nope}'\n", 2, 20, "the fields are"},
		{"deep", "x: " + strings.Repeat("[", 300) + strings.Repeat("]", 300) + "\n", 1, 104, "nested deeper"},
	} {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			_, problems, err := config.Read(folder{"mkdocs.yml": one.yaml}, nil, config.Defaults{})
			mistake, is := errors.AsType[*config.MistakeError](err)
			require.True(t, is, "%v", err)
			require.Equal(t, "mkdocs.yml", mistake.Problem.File)
			require.Contains(t, mistake.Problem.Message, one.message)
			require.Equal(t, []int{one.line, one.column}, []int{mistake.Problem.Line, mistake.Problem.Column})
			require.Contains(t, problems, mistake.Problem)
		})
	}
}

func TestManyAliasesAreRefused(t *testing.T) {
	t.Parallel()

	text := "site_name: X\na: &a [1,1,1,1,1,1,1,1,1,1]\n"
	for c := 'b'; c < 'k'; c++ {
		text += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 10), ",") + "]\n"
	}
	_, problems, err := config.Read(folder{"mkdocs.yml": text}, nil, config.Defaults{})
	require.Error(t, err)
	require.Contains(t, problems[0].Message, "stands for more than 200000 values")
}

func TestLargeFilesAreRefused(t *testing.T) {
	t.Parallel()

	_, problems, err := config.Read(folder{"mkdocs.yml": "site_name: X\nextra: " + strings.Repeat("x", 5<<20)}, nil, config.Defaults{})
	require.Error(t, err)
	require.Contains(t, problems[0].Message, "more than 4194304 bytes")
}

func TestEnvironment(t *testing.T) {
	t.Setenv("SITE_SECRET", "of the process") // Not parallel: the test needs a variable of the process.
	env := func(name string) (string, bool) {
		value, is := map[string]string{"NAME": "Handbook", "FLAG": "false"}[name]

		return value, is
	}
	read, _, err := config.Read(folder{"mkdocs.yml": "site_name: !ENV NAME\nuse_directory_urls: !ENV [NOPE, FLAG, true]\nsite_description: !ENV [SITE_SECRET, none]\n"}, env, config.Defaults{})
	require.NoError(t, err)
	require.Equal(t, "Handbook", read.SiteName)
	require.False(t, read.UseDirectoryURLs)
	require.Equal(t, "none", read.SiteDescription, "variables of the process are not for repositories")
}

func TestInheritedKeysAreMerged(t *testing.T) {
	t.Parallel()

	read, problems, err := config.Read(folder{
		"mkdocs.yml":    "INHERIT: conf/base.yml\nsite_name: Child\nvalidation:\n  links:\n    anchors: warn\n",
		"conf/base.yml": "INHERIT: root.yml\nsite_name: Parent\nvalidation:\n  links:\n    not_found: ignore\nnav: [a.md]\n",
		"conf/root.yml": "nav: [b.md]\nsite_author: Root\n",
	}, nil, config.Defaults{})
	require.NoError(t, err)
	require.Empty(t, problems)
	require.Equal(t, []string{"Child", "Root", "a.md"}, []string{read.SiteName, read.SiteAuthor, read.Nav[0].Path})
	require.Equal(t, "conf/base.yml", read.Nav[0].At.File)
	require.Equal(t, []config.Level{config.Warn, config.Ignore}, []config.Level{read.Validation.LinksAnchors, read.Validation.LinksNotFound})
}

func TestBackstagesNameOfTheFileComesFirst(t *testing.T) {
	t.Parallel()

	read, _, err := config.Read(folder{"mkdocs.yml": "site_name: A\n", "mkdocs.yaml": "site_name: B\n"}, nil, config.Defaults{})
	require.NoError(t, err)
	require.Equal(t, []string{"mkdocs.yaml", "B"}, []string{read.File, read.SiteName})
	read, _, err = config.Read(folder{}, nil, config.Defaults{})
	require.NoError(t, err)
	require.Equal(t, []string{"", "Documentation Site"}, []string{read.File, read.SiteName})
}

func TestPluginsThatNeedMkDocsAreNamed(t *testing.T) {
	t.Parallel()

	read, problems, err := config.Read(folder{"mkdocs.yml": "site_name: X\nplugins:\n  - techdocs-core\n  - macros\n  - search: {enabled: false}\n"}, nil, config.Defaults{})
	require.NoError(t, err)
	require.Len(t, read.Plugins, 1)
	require.Equal(t, []techdocs.Problem{{
		Severity: techdocs.Warning, File: "mkdocs.yml", Line: 4, Column: 5,
		Message: `the plugin "macros" needs the real MkDocs; the site is built without it. Set the generator to mkdocs if it is needed`,
	}}, problems)
}

func FuzzRead(f *testing.F) {
	for _, text := range []string{
		"site_name: X\nnav:\n  - A: a.md\n  - [b]\n", "a: &a [*a]\n", "<<: {a: 1}\nb: *x\n", "x: !ENV [A, {b: c}]\n", "INHERIT: mkdocs.yml", "nav: {a: {b: [c]}}\n",
		"plugins: {redirects: {redirect_maps: {a.md: 5}}}\nsite_name: x\n", "theme: {name: material, features: [1, a]}\nsite_name: x\nvalidation: {nav: 5}\n",
		"x: 0x_\ny: 1_0:59\nz: 2024-01-01\n", "edit_uri_template: '{{}{path!q}'\n", "\"\\xZZ\"", "? [a]\n: b\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		read, problems, err := config.Read(folder{"mkdocs.yml": text}, nil, config.Defaults{})
		if err == nil {
			require.NotEmpty(t, read.SiteName+"x")

			return
		}
		_, is := errors.AsType[*config.MistakeError](err)
		require.True(t, is, "%v", err)
		require.NotEmpty(t, problems)
	})
}
