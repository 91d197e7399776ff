package api_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/seal"
)

// TestARunAsksThePluginOfItsToken: as its starter, at no other plugin, and the audit log says that it was the run.
func TestARunAsksThePluginOfItsToken(t *testing.T) {
	t.Parallel()
	pool, log := testkit.Database(t), slog.New(slog.DiscardHandler)
	keys, err := seal.NewKeyring(seal.GenerateKey("test"))
	require.NoError(t, err)
	issuer := identity.NewIssuer(identity.IssuerOptions{URL: portal + "/api/auth", Keys: identity.NewSigningKeys(pool, keys, log), Ownerships: identity.NewOwnerships(pool)})
	authenticator := identity.NewAuthenticator(issuer, nil)
	server := newServer(t, io.Discard, func(o *api.Options) {
		o.Refusals, o.Authenticator, o.Limited = audit.NewAttempts(pool, log), authenticator, authenticator.AuthenticateLimited
		o.Plugins = []api.Plugin{api.NewCatalogPlugin(catalog.New(catalog.Options{Pool: pool, Decider: policy.AllowKnown{}})), api.NewBookmarksPlugin(nil)}
	})
	token, err := issuer.IssueRun(t.Context(), "4711", identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada"}, "catalog")
	require.NoError(t, err)
	send := func(method, path, body string) int {
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, newRequest(t.Context(), method, path, body, "Authorization", "Bearer "+token))
		return answer.Code
	}
	require.Equal(t, http.StatusOK, send(http.MethodGet, "/api/catalog/entities", ""))
	require.Equal(t, http.StatusCreated, send(http.MethodPost, "/api/catalog/locations", `{"type":"url","target":"https://example.com/run"}`))
	require.Equal(t, http.StatusForbidden, send(http.MethodGet, "/api/portico/v1/me/stars", ""), "another plugin")
	var actor, onBehalfOf string
	require.NoError(t, pool.QueryRow(t.Context(), "select actor, on_behalf_of from audit_events where action = 'location.create'").Scan(&actor, &onBehalfOf))
	require.Equal(t, "run:4711", actor)
	require.Equal(t, "user:default/ada", onBehalfOf)
}
