package fetch_test

import (
	"net/http"
	"testing"

	gogithub "github.com/google/go-github/v60/github"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/fetch"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	githubhost "github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// TestActionsConform lets the actions read from a repository of the local forge.
func TestActionsConform(t *testing.T) {
	t.Parallel()
	inputs := map[string]string{
		"fetch:plain":             `{"url":"./skeleton","targetPath":"t"}`,
		"fetch:plain:file":        `{"url":"./one.njk","targetPath":"t/one"}`,
		"fetch:template":          `{"url":"./skeleton","values":{"x":"y"}}`,
		"fetch:template:file":     `{"url":"./one.njk","targetPath":"one","values":{"x":"y"}}`,
		"fetch:cookiecutter":      `{"url":"./cutter","targetPath":"t","values":{"name":"x"}}`,
		"workspace:template":      `{"sourcePath":"src","targetPath":"out","values":{"x":"y"}}`,
		"workspace:template:file": `{"sourcePath":"src/one.njk","targetPath":"out/one","values":{"x":"y"}}`,
	}
	for id, input := range inputs {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
				t.Helper()
				forge, sources := newForge(t)
				forge.Inject(func(*http.Request) forgetest.Fault { return gate.Serve })
				return actiontest.Fixture{
					Action: actions(t, fetch.Options{Sources: sources})[id], Input: input, Files: map[string]string{"there.txt": "before", "src/one.njk": "# ${{ values.x }}"},
					Template: action.TemplateInfo{
						EntityRef: "template:default/service", Base: provenance.At(provenance.URL, forge.URL+"/demo/templates/blob/main/service/template.yaml"),
					},
				}
			})
		})
	}
}

// newForge is a forge with a template in demo/templates.
func newForge(t testing.TB) (*forgetest.Server, *integration.Set) {
	t.Helper()
	forge := forgetest.Start(t)
	_, _, err := forge.Client(t).Repositories.Create(t.Context(), "demo", &gogithub.Repository{Name: new("templates")})
	require.NoError(t, err)
	forge.Push(t, "demo/templates", "main", false, map[string]string{
		"service/skeleton/${{ values.x }}.txt": "${{ values.x }}", "service/skeleton/deep/b.bin": "\x00", "service/one.njk": "# ${{ values.x }}",
		"service/cutter/cookiecutter.json": `{"name":"a","upper":"{{ cookiecutter.name | upper }}"}`, "service/cutter/{{ cookiecutter.upper }}.txt": "{{ cookiecutter.upper }}",
	})
	set, err := forges.New(forges.Config{
		GitHub: []githubhost.Config{{Host: forge.Host, APIBaseURL: forge.APIBaseURL, Token: forge.Token()}},
	}, integration.Options{})
	require.NoError(t, err)
	return forge, set
}
