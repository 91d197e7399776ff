package expression_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/expression"
)

// refused marks an expression that cannot be rendered and keeps its source text.
const refused = "refused"

func TestFilters(t *testing.T) {
	t.Parallel()
	for source, expected := range map[string]string{
		`"github.com?owner=acme&repo=shop" | parseRepoUrl`:                   `{"host":"github.com","owner":"acme","repo":"shop"}`,
		`"localhost:3000?repo=shop&owner=acme" | parseRepoUrl`:               `{"host":"localhost:3000","owner":"acme","repo":"shop"}`,
		`"github.com?owner=%2Facme%2F&repo=/shop/" | parseRepoUrl`:           `{"host":"github.com","owner":"acme","repo":"shop"}`,
		`"github.com?owner=acme" | parseRepoUrl`:                             refused,
		`"github.com?repo=shop" | parseRepoUrl`:                              refused,
		`"unknown.example?owner=a&repo=b" | parseRepoUrl`:                    refused,
		`"github.com?%zz" | parseRepoUrl`:                                    refused,
		`5 | parseRepoUrl`:                                                   refused,
		`"dev.azure.com?organization=o&project=p&repo=r" | parseRepoUrl`:     `{"host":"dev.azure.com","repo":"r","organization":"o","project":"p"}`,
		`"dev.azure.com?organization=o&repo=r" | parseRepoUrl`:               refused,
		`"bitbucket.org?workspace=w&project=p&repo=r" | parseRepoUrl`:        `{"host":"bitbucket.org","repo":"r","workspace":"w","project":"p"}`,
		`"bitbucket.org?project=p&repo=r" | parseRepoUrl`:                    refused,
		`"bitbucket.local?project=p&repo=r" | parseRepoUrl`:                  `{"host":"bitbucket.local","repo":"r","project":"p"}`,
		`"gitlab.com?owner=g%2Fsub&repo=r" | parseRepoUrl`:                   `{"host":"gitlab.com","owner":"g/sub","repo":"r"}`,
		`"gitlab.com?project=7" | parseRepoUrl`:                              `{"host":"gitlab.com","project":"7"}`,
		`"gitlab.com?repo=r" | parseRepoUrl`:                                 refused,
		`"gitea.com?repo=r" | parseRepoUrl`:                                  `{"host":"gitea.com","repo":"r"}`,
		`"gerrit.local?repo=r&owner=o" | parseRepoUrl`:                       `{"host":"gerrit.local","owner":"o","repo":"r"}`,
		`("github.com?owner=acme&repo=shop" | parseRepoUrl) | pick("owner")`: `"acme"`,
		`parameters.repo | projectSlug`:                                      `"acme/shop"`,
		`"github.com?owner=acme" | projectSlug`:                              refused,

		`"component:default/shop" | parseEntityRef`:                                    `{"kind":"component","namespace":"default","name":"shop"}`,
		`"component:shop" | parseEntityRef`:                                            `{"kind":"component","namespace":"default","name":"shop"}`,
		`"Group:ops/team-a" | parseEntityRef`:                                          `{"kind":"Group","namespace":"ops","name":"team-a"}`,
		`"shop" | parseEntityRef`:                                                      refused,
		`"ops/shop" | parseEntityRef`:                                                  refused,
		`"shop" | parseEntityRef({defaultKind: "component", defaultNamespace: "ops"})`: `{"kind":"component","namespace":"ops","name":"shop"}`,
		`"user:x" | parseEntityRef({defaultKind: "group", defaultNamespace: "ops"})`:   `{"kind":"user","namespace":"ops","name":"x"}`,
		`{kind: "api", name: "pets"} | parseEntityRef`:                                 `{"kind":"api","namespace":"default","name":"pets"}`,
		`{name: "pets"} | parseEntityRef({defaultKind: "api"})`:                        `{"kind":"api","namespace":"default","name":"pets"}`,
		`{kind: "api"} | parseEntityRef`:                                               refused,
		`"" | parseEntityRef`:                                                          refused,
		`":x" | parseEntityRef`:                                                        refused,
		`"a:/x" | parseEntityRef`:                                                      refused,
		`7 | parseEntityRef`:                                                           refused,

		`parameters.o | pick("k")`:                        `[1,"2"]`,
		`parameters | pick("o.k[1]")`:                     `"2"`,
		`parameters | pick("o['k'].0")`:                   `1`,
		`parameters | pick("o[\"k\"].length")`:            `2`,
		`{"a.b": 1, a: {b: 2} } | pick("a.b")`:            `1`,
		`parameters | pick("o.k[7]")`:                     `undefined`,
		`parameters | pick("nothing.at.all")`:             `undefined`,
		`missing | pick("a")`:                             `undefined`,
		`parameters | pick(5)`:                            `undefined`,
		`(parameters.repo | parseRepoUrl).organization`:   `undefined`,
		`(parameters.repo | parseRepoUrl) | dump`:         `"{\"host\":\"github.com\",\"owner\":\"acme\",\"repo\":\"shop\"}"`,
		`("component:a/b" | parseEntityRef).name | upper`: `"B"`,
	} {
		whole := "${{ " + source + " }}"
		rendered := show(t, render(t, renderer(), whole))
		if expected == refused {
			expected = show(t, whole)
		}
		require.Equal(t, expected, rendered, source)
	}
}

func TestParseRepoURLFailsWithoutIntegrations(t *testing.T) {
	t.Parallel()
	source := "${{ parameters.repo | parseRepoUrl }}"
	require.Equal(t, source, render(t, expression.New(expression.Options{}), source))
}

// TestSkeletonFilesHaveTheFilters tests the environment of fetch:template.
func TestSkeletonFilesHaveTheFilters(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cookiecutter, trim, strip bool
		source, expected          string
	}{
		"filters":      {false, false, false, "${{ parameters.repo | projectSlug }}", "acme/shop"},
		"cookiecutter": {true, false, false, "{{ parameters.o | jsonify }} ${{ n }}", "{\"k\":[1,\"2\"]} $5"},
		"trim":         {false, true, false, "{% if t %}\nx{% endif %}", "x"},
		"no trim":      {false, false, false, "{% if t %}\nx{% endif %}", "\nx"},
		"strip":        {false, false, true, "  {% if t %}x{% endif %}", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			template, err := renderer().Files(test.cookiecutter, test.trim, test.strip).Parse(test.source)
			require.NoError(t, err)
			text, err := template.Render(t.Context(), testData(t))
			require.NoError(t, err)
			require.Equal(t, test.expected, text)
		})
	}
}
