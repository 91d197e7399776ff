package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	gogithub "github.com/google/go-github/v60/github"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/integration/picker"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
	"github.com/portico-dev/portico/policy"
)

func TestThePickerListsHostsForRepositories(t *testing.T) {
	t.Parallel()
	forge := forgetest.Start(t)
	hosts, err := forges.New(forges.Config{GitHub: []github.Config{{Host: forge.Host, APIBaseURL: forge.APIBaseURL, Token: forge.Token()}}},
		integration.Options{})
	require.NoError(t, err)
	server := newServer(t, io.Discard, func(options *api.Options) {
		options.Plugins = append(options.Plugins, api.NewHostsPlugin(picker.New(picker.Options{Hosts: hosts, Decider: policy.AllowKnown{}})))
	})
	const at = "/api/portico/v1/hosts"
	require.Contains(t, ask(t, server, http.MethodGet, at, "").Body.String(),
		`{"host":"`+forge.Host+`","type":"github","hasCredentials":true,"lists":{"owner":[],"repo":["owner"]},"tellsNames":true,"tellsBranches":true}`)
	require.Contains(t, ask(t, server, http.MethodGet, at+"/"+forge.Host+"/parts/owner", "").Body.String(), `{"value":"demo","kind":"organization"}`)
	require.JSONEq(t, `{"choices":[],"reason":"Portico cannot ask gitlab.com for the values of workspace"}`,
		ask(t, server, http.MethodGet, at+"/gitlab.com/parts/workspace", "").Body.String())
	require.Equal(t, http.StatusBadRequest, ask(t, server, http.MethodGet, at+"/"+forge.Host+"/parts/repo", "").Code, "without an owner")
	name := "shop"
	_, _, err = forge.Client(t).Repositories.Create(t.Context(), "demo", &gogithub.Repository{Name: &name})
	require.NoError(t, err)
	forge.Push(t, "demo/shop", "main", false, map[string]string{"README.md": "x"})
	require.JSONEq(t, `{"branches":["main"]}`, ask(t, server, http.MethodGet, at+"/"+forge.Host+"/branches?owner=demo&repo=shop&prefix=m", "").Body.String())
	require.JSONEq(t, `{"choices":[{"value":"shop"}]}`, ask(t, server, http.MethodGet, at+"/"+forge.Host+"/parts/repo?owner=demo", "").Body.String())
	require.Equal(t, http.StatusBadRequest, ask(t, server, http.MethodGet, at+"/"+forge.Host+"/branches?owner=demo", "").Code)
	require.JSONEq(t, `{"state":"available"}`, ask(t, server, http.MethodGet, at+"/"+forge.Host+"/repositories/demo/new", "").Body.String())
	nested := httptest.NewRecorder()
	server.ServeHTTP(nested, newRequest(t.Context(), http.MethodGet, at+"/"+forge.Host+"/repositories/group%2Fsubgroup/new", ""))
	require.JSONEq(t, `{"state":"refused","reason":"owner and repo may hold letters, digits and any of [-_.]"}`, nested.Body.String())
	require.Equal(t, http.StatusNotFound, ask(t, server, http.MethodGet, at+"/nowhere.example.com/parts/owner", "").Code)
	require.Equal(t, http.StatusUnauthorized, ask(t, server, http.MethodGet, at, "", "Authorization", "").Code)
}
