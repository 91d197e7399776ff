package github_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	gogithub "github.com/google/go-github/v60/github"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
)

func TestPublishConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		b := setup(t)
		serve := func(*http.Request) forgetest.Fault { return gate.Serve }
		b.forge.Inject(serve)
		return actiontest.Fixture{
			Action: b.action,
			Input: fmt.Sprintf(`{"repoUrl":"%s?owner=demo&repo=shop","description":"A shop","topics":["go"],"secrets":{"KEY":"hunter2"},
				"repoVariables":{"A":"b"}}`, b.forge.Host),
			Files:  map[string]string{"README.md": "# Shop\n", "src/main.go": "package main\n"},
			State:  func(t testing.TB) []string { t.Helper(); return b.repositories(t) },
			Digest: b.forge.Digest,
			Use:    func(t testing.TB) { t.Helper(); b.push(t, true, "main") },
			Take: func(t testing.TB) {
				t.Helper()
				_, _, err := b.client.Repositories.Create(t.Context(), "demo", &gogithub.Repository{Name: new("shop")})
				require.NoError(t, err)
			},
			Hide: func(testing.TB) (show func()) {
				b.forge.Inject(hides(limitedTokens["a member's token"].faults))
				return func() { b.forge.Inject(serve) }
			},
		}
	})
}

// repositories lists the repositories of the organization.
func (b *bundle) repositories(t testing.TB) []string {
	t.Helper()
	listed := []string{}
	for _, name := range b.forge.Repositories(t, "demo") {
		one, _, err := b.client.Repositories.Get(t.Context(), "demo", name)
		require.NoError(t, err)
		commits, answer, err := b.client.Repositories.ListCommits(t.Context(), "demo", one.GetName(), nil)
		if answer == nil || answer.StatusCode != http.StatusConflict { // it is empty
			require.NoError(t, err)
		}
		variables, _, err := b.client.Actions.ListRepoVariables(t.Context(), "demo", one.GetName(), nil)
		require.NoError(t, err)
		listed = append(listed, fmt.Sprintf("%s (%s, %s): %s, %d commits on %s, %d variables", one.GetFullName(), one.GetVisibility(), one.GetDescription(),
			strings.Join(one.Topics, ", "), len(commits), one.GetDefaultBranch(), variables.TotalCount))
	}
	return listed
}
