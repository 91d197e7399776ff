package fetch_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/fetch"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// cut runs fetch:cookiecutter on a template of these files, by path.
func cut(t *testing.T, input string, files map[string]string) (*actiontest.Harness, error) {
	t.Helper()
	beside := t.TempDir()
	for name, content := range files {
		path := filepath.Join(beside, "cutter", name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	}
	harness := actiontest.NewHarness(t)
	harness.Template = action.TemplateInfo{Base: provenance.Sent(filepath.Join(beside, "template.yaml"))}
	return harness, cutAgain(t, harness, input)
}

func cutAgain(t *testing.T, harness *actiontest.Harness, input string) error {
	t.Helper()
	local, err := integration.NewFiles(nil, integration.Limits{})
	require.NoError(t, err)
	_, err = harness.Run(t, actions(t, fetch.Options{Files: local})["fetch:cookiecutter"], input)
	return err
}

// TestCookiecutter fills in a whole directory, as Backstage does: a directory like {{ cookiecutter.slug }} in it is one like others.
func TestCookiecutter(t *testing.T) {
	t.Parallel()
	harness, err := cut(t, `{"url":"./cutter","targetPath":"t","copyWithoutRender":["raw/*"],"values":{"name":"My Shop","extra":"{{ 1 + 1 }}"}}`, map[string]string{
		"cookiecutter.json": `{"name":"x","slug":"{{ cookiecutter.name | lower | replace(' ', '-') }}","license":["MIT","Apache"],"flags":{"a":1},
			"_copy_without_render":["*.html","static/*"],"_extensions":["jinja2_time.TimeExtension"]}`,
		"a.txt": "{{ cookiecutter.slug }} {{ cookiecutter.license }} {{ cookiecutter.flags.a }} {{ cookiecutter.extra }}\n",
		"{% if cookiecutter.license == 'MIT' %}LICENSE{% endif %}": "MIT",
		"{{ cookiecutter.slug }}/{{ cookiecutter.slug }}.html":     "{{ not }}",
		"static/deep/x":             "{{ not }}",
		"raw/x":                     "{{ not }}",
		"hooks/post_gen_project.py": "print('{{ cookiecutter.name }}')",
	})
	require.NoError(t, err)
	for name, want := range map[string]string{
		"t/a.txt": "my-shop MIT 1 {{ 1 + 1 }}\n", "t/LICENSE": "MIT", "t/my-shop/my-shop.html": "{{ not }}", "t/static/deep/x": "{{ not }}", "t/raw/x": "{{ not }}",
		"t/hooks/post_gen_project.py": "print('My Shop')",
	} {
		content, err := harness.Workspace.ReadFile(name)
		require.NoError(t, err, name)
		require.Equal(t, want, string(content), name)
	}
	content, err := harness.Workspace.ReadFile("t/cookiecutter.json")
	require.NoError(t, err)
	require.Contains(t, string(content), `"slug":"my-shop"`)
}

func TestCookiecutterWithoutDefaults(t *testing.T) {
	t.Parallel()
	harness, err := cut(t, `{"url":"./cutter","values":{"slug":"x"}}`, map[string]string{"{{ cookiecutter.slug }}": "{{ cookiecutter.slug }}"})
	require.NoError(t, err)
	content, err := harness.Workspace.ReadFile("x")
	require.NoError(t, err)
	require.Equal(t, "x", string(content))
}

func TestCookiecutterReplacesFiles(t *testing.T) {
	t.Parallel()
	harness, err := cut(t, `{"url":"./cutter","values":{"of":"one step"}}`, map[string]string{"a": "{{ cookiecutter.of }}"})
	require.NoError(t, err)
	require.NoError(t, cutAgain(t, harness, `{"url":"./cutter","values":{"of":"a later step"}}`))
	content, err := harness.Workspace.ReadFile("a")
	require.NoError(t, err)
	require.Equal(t, "a later step", string(content))
}

func TestCookiecutterRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		input   string
		files   map[string]string
		message string
	}{
		"extensions":       {`,"extensions":["jinja2_time.TimeExtension"]`, map[string]string{"a": ""}, "the template has extensions of Cookiecutter"},
		"options of Jinja": {"", map[string]string{"cookiecutter.json": `{"_jinja2_env_vars":{"lstrip_blocks":true}}`}, "the template has options of Cookiecutter (_jinja2_env_vars)"},
		"bad JSON":         {"", map[string]string{"cookiecutter.json": `{`}, "cookiecutter.json: invalid JSON"},
		"no object":        {"", map[string]string{"cookiecutter.json": `[]`}, "cookiecutter.json is not an object"},
		"a directory":      {"", map[string]string{"cookiecutter.json/x": ``}, "cookiecutter.json is not a file"},
		"bad default":      {"", map[string]string{"cookiecutter.json": `{"a":"{{ "}`, "a": ""}, "the default of a: "},
		"bad file":         {"", map[string]string{"a": "{{ "}, "rendering a: "},
		"outside":          {`,"targetPath":"../x"`, map[string]string{"a": ""}, "outside its parent"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := cut(t, `{"url":"./cutter","values":{}`+test.input+`}`, test.files)
			require.ErrorContains(t, err, test.message)
			require.False(t, action.IsTransient(err))
		})
	}
}
