package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

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
		`{"host":"`+forge.Host+`","type":"github","hasCredentials":true,"tellsOwners":true}`)
	require.Contains(t, ask(t, server, http.MethodGet, at+"/"+forge.Host+"/owners", "").Body.String(), `{"name":"demo","kind":"organization"}`)
	require.JSONEq(t, `{"owners":[],"reason":"Portico cannot ask gitlab.com for its owners"}`,
		ask(t, server, http.MethodGet, at+"/gitlab.com/owners", "").Body.String())
	require.JSONEq(t, `{"state":"available"}`, ask(t, server, http.MethodGet, at+"/"+forge.Host+"/repositories/demo/new", "").Body.String())
	nested := httptest.NewRecorder()
	server.ServeHTTP(nested, newRequest(t.Context(), http.MethodGet, at+"/"+forge.Host+"/repositories/group%2Fsubgroup/new", ""))
	require.JSONEq(t, `{"state":"refused","reason":"owner and repo may hold letters, digits and any of [-_.]"}`, nested.Body.String())
	require.Equal(t, http.StatusNotFound, ask(t, server, http.MethodGet, at+"/nowhere.example.com/owners", "").Code)
	require.Equal(t, http.StatusUnauthorized, ask(t, server, http.MethodGet, at, "", "Authorization", "").Code)
}
