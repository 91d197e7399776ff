package api_test

import (
	"io"
	"net/http"
	"testing"

	gogithub "github.com/google/go-github/v60/github"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/bitbucketcloud"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/integration/gitlab"
	"github.com/portico-dev/portico/integration/picker"
	"github.com/portico-dev/portico/internal/testkit/bitbucketcloudtest"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
	"github.com/portico-dev/portico/internal/testkit/gitlabtest"
	"github.com/portico-dev/portico/policy"
)

// TestAutocompletionAnswersLikeBackstage: its form fields ask with the person's token, and the hosts need no credentials
// of their own.
func TestAutocompletionAnswersLikeBackstage(t *testing.T) {
	t.Parallel()
	forge, lab, cloud := forgetest.Start(t), gitlabtest.Start(t), bitbucketcloudtest.Start(t)
	name := "shop"
	_, _, err := forge.Client(t).Repositories.Create(t.Context(), "demo", &gogithub.Repository{Name: &name})
	require.NoError(t, err)
	forge.Push(t, "demo/shop", "main", false, map[string]string{"README.md": "x"})
	lab.AddProject("acme/Shop", gitlabtest.Portico, nil)
	lab.AddProject("portico/notes", gitlabtest.Portico, nil)
	cloud.AddRepository("shop")
	cloud.Git.Commit("shop", "main", map[string]string{"README.md": "x"})
	hosts, err := forges.New(forges.Config{
		GitHub:         []github.Config{{Host: forge.Host, APIBaseURL: forge.APIBaseURL}},
		GitLab:         []gitlab.Config{{Host: lab.Host, BaseURL: lab.URL}},
		BitbucketCloud: []bitbucketcloud.Config{{Host: cloud.Host, APIBaseURL: cloud.APIURL, BaseURL: cloud.URL}},
	}, integration.Options{})
	require.NoError(t, err)
	server := newServer(t, io.Discard, func(options *api.Options) {
		options.Plugins = append(options.Plugins[:len(options.Plugins)-1], api.NewAutocompletePlugin(picker.New(picker.Options{Hosts: hosts, Decider: policy.AllowKnown{}})))
	})
	const at = "/api/scaffolder/v2/autocomplete/"
	asked := func(token, host, context string) string {
		return `{"token":"` + token + `","context":{"host":"` + host + `"` + context + `}}`
	}
	gitHub := func(context string) string { return asked(forge.Token(), forge.Host, context) }
	gitLab := func(context string) string { return asked(gitlabtest.Token, lab.Host, context) }
	bitbucket := func(context string) string { return asked(bitbucketcloudtest.AccessToken, cloud.Host, context) }
	for _, test := range []struct{ resource, body, results string }{
		{"github/owners", gitHub(""), `[{"id":"demo"}]`},
		{"github/repositoriesWithOwner", gitHub(""), `[{"id":"demo/shop"}]`},
		{"github/branches", gitHub(`,"owner":"demo","repository":"shop"`), `[{"id":"main"}]`},
		{"gitlab/groups", gitLab(""), `[{"id":"101","title":"acme"},{"id":"1","title":"portico"}]`},
		{"gitlab/repositories", gitLab(`,"id":"101"`), `[{"id":"Shop","title":"Shop"}]`},
		{"gitlab/repositories", gitLab(`,"id":"1"`), `[{"id":"notes","title":"notes"}]`},
		{"bitbucket-cloud/projects", bitbucket(`,"workspace":"acme"`), `[{"id":"WEB"}]`},
		{"bitbucket-cloud/repositories", bitbucket(`,"workspace":"acme","project":"WEB"`), `[{"id":"shop"}]`},
		{"bitbucket-cloud/branches", bitbucket(`,"workspace":"acme","repository":"shop"`), `[{"id":"main"}]`},
	} {
		answer := ask(t, server, http.MethodPost, at+test.resource, test.body)
		require.Equal(t, http.StatusOK, answer.Code, "%s: %s", test.resource, answer.Body)
		require.JSONEq(t, `{"results":`+test.results+`}`, answer.Body.String(), test.resource)
	}
	for _, test := range []struct {
		resource, body string
		status         int
		message        string
	}{
		{"azure/projects", gitHub(""), http.StatusBadRequest, "Unsupported provider: azure"},
		{"github/teams", gitHub(""), http.StatusBadRequest, "Invalid resource: teams"},
		{"github/owners", `{"token":"","context":{}}`, http.StatusBadRequest, "Missing token query parameter"},
		{"github/branches", gitHub(`,"owner":"demo"`), http.StatusBadRequest, "Missing owner and/or repository context parameter"},
		{"gitlab/repositories", gitLab(""), http.StatusBadRequest, "Missing groupId and userId context parameter"},
		{"bitbucket-cloud/repositories", bitbucket(`,"workspace":"acme"`), http.StatusBadRequest, "Missing workspace and/or project context parameter"},
		{"bitbucket-cloud/workspaces", bitbucket(""), http.StatusBadRequest, "403 Forbidden"},
		{"github/owners", asked("not-a-token", forge.Host, ""), http.StatusBadRequest, "401 Unauthorized"},
		{"github/owners", asked("a-token", "nowhere.example.com", ""), http.StatusNotFound, "No integration for host nowhere.example.com"},
		{"github/owners", asked(forge.Token(), lab.Host, ""), http.StatusBadRequest, "is a gitlab, not a github"},
	} {
		answer := ask(t, server, http.MethodPost, at+test.resource, test.body)
		require.Equal(t, test.status, answer.Code, "%s: %s", test.resource, answer.Body)
		require.Contains(t, answer.Body.String(), test.message)
		require.NotContains(t, answer.Body.String(), "not-a-token")
	}
}
