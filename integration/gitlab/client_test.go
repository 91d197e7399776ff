package gitlab_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	client "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/gitlab"
)

// connect makes a client of a server that answers every request by handle.
func connect(t *testing.T, token string, handle http.HandlerFunc) *gitlab.Client {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	set, err := forges.New(forges.Config{GitLab: []gitlab.Config{{Host: host, BaseURL: server.URL, Token: "configured"}}}, integration.Options{})
	require.NoError(t, err)
	connected, err := gitlab.ClientFor(set, host, token)
	require.NoError(t, err)
	return connected
}

func TestTheStepsTokenReplacesTheConfiguredOne(t *testing.T) {
	t.Parallel()
	for given, sent := range map[string]string{"": "configured", "given": "given"} {
		var seen string
		connected := connect(t, given, func(w http.ResponseWriter, r *http.Request) {
			seen = r.Method + " " + r.URL.Path + " " + r.Header.Get("Authorization")
			_, _ = w.Write([]byte(`{"id":1}`))
		})
		_, _, err := connected.Users.CurrentUser()
		require.NoError(t, err)
		require.Equal(t, "GET /api/v4/user Bearer "+sent, seen)
		require.Equal(t, sent, connected.Token())
	}
}

func TestTheClientStaysOnItsHost(t *testing.T) {
	t.Parallel()
	reached := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	t.Cleanup(other.Close)
	connected := connect(t, "", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
	_, _, err := connected.Users.CurrentUser()
	require.ErrorContains(t, err, "leads away from")
	require.False(t, reached)
}

func TestWhatGitLabRefusesIsHeard(t *testing.T) {
	t.Parallel()
	connected := connect(t, "", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"message":"404 Project Not Found"}`))
	})
	listening, refusal := gitlab.Listen(context.WithoutCancel(t.Context()))
	_, _, err := connected.Projects.GetProject("acme/shop", nil, client.WithContext(listening))
	require.ErrorIs(t, err, client.ErrNotFound)
	require.JSONEq(t, `{"message":"404 Project Not Found"}`, string(refusal()))
}

func TestOnlyConfiguredHostsHaveClients(t *testing.T) {
	t.Parallel()
	set, err := forges.New(forges.Config{}, integration.Options{})
	require.NoError(t, err)
	for _, host := range []string{"github.com", "gitlab.example"} {
		_, err := gitlab.ClientFor(set, host, "")
		require.Equal(t, fault.Input, fault.KindOf(err))
		require.ErrorContains(t, err, "No matching integration configuration for host "+host)
	}
}
