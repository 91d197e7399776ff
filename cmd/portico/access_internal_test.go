package main

import (
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/identity"
)

// legacyToken is what Backstage's older backends send each other.
func legacyToken(t *testing.T, secret string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(secret)}, nil)
	require.NoError(t, err)
	token, err := jwt.Signed(signer).Claims(jwt.Claims{Subject: "backstage-server", Expiry: jwt.NewNumericDate(time.Now().Add(time.Hour))}).Serialize()
	require.NoError(t, err)
	return token
}

// TestPluginsAreAskedForTheirKeysWhereTheyAre: a plugin that is not configured is nobody.
func TestPluginsAreAskedForTheirKeysWhereTheyAre(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 2)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		_, _ = w.Write([]byte(`{"keys":[]}`))
	}))
	t.Cleanup(server.Close)
	keys := pluginKeys(config.Discovery{Endpoints: []config.DiscoveryEndpoint{
		{Target: config.DiscoveryTarget{Internal: server.URL + "/api/{{pluginId}}"}, Plugins: []string{"search"}},
		{Target: config.DiscoveryTarget{Internal: server.URL + "/docs/"}, Plugins: []string{"techdocs"}},
		{Plugins: []string{"app"}},
	}}, slog.New(slog.DiscardHandler))
	require.Len(t, keys, 2)
	for plugin, path := range map[string]string{"search": "/api/search", "techdocs": "/docs"} {
		_, err := keys[plugin].Find(t.Context(), "ES256", "any")
		require.NoError(t, err)
		require.Equal(t, path+"/.backstage/auth/v1/jwks.json", <-asked)
	}
}

func TestExternalAccessIsReadFromTheConfiguration(t *testing.T) {
	t.Parallel()
	shared, older := strings.Repeat("shared", 6), strings.Repeat("older", 7)
	access, err := externalAccess(config.BackendAuth{
		ExternalAccess: []config.ExternalAccess{
			{Type: config.AccessStatic, Options: config.ExternalAccessOptions{Token: "static-token", Subject: "ci"}},
			{
				Type:    config.AccessLegacy,
				Options: config.ExternalAccessOptions{Secret: config.Secret(base64.URLEncoding.EncodeToString([]byte(shared))), Subject: "old-backend"},
				AccessRestrictions: []config.AccessRestriction{{
					Plugin: "catalog", Permission: []string{"catalog.entity.read"}, PermissionAttribute: config.PermissionAttribute{Action: []string{"read"}},
				}},
			},
			{Type: config.AccessJWKS, Options: config.ExternalAccessOptions{URL: "http://127.0.0.1:9/keys", Issuer: []string{"https://issuer.example"}}},
		},
		Keys: []config.SharedKey{{Secret: config.Secret(base64.StdEncoding.EncodeToString([]byte(older)))}},
	}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	authenticator := identity.NewAuthenticator(nil, access)
	for token, expected := range map[string]identity.Principal{
		"static-token":         {Subject: "ci"},
		legacyToken(t, shared): {Subject: "old-backend", Restrictions: []identity.Restriction{{Plugin: "catalog", Permissions: []string{"catalog.entity.read"}, Actions: []string{"read"}}}},
		legacyToken(t, older):  {Subject: "external:backstage-plugin"},
	} {
		principal, err := authenticator.Authenticate(t.Context(), token)
		require.NoError(t, err)
		expected.Kind, expected.Token = identity.KindService, token
		require.Equal(t, expected, principal)
	}
	_, err = externalAccess(config.BackendAuth{ExternalAccess: []config.ExternalAccess{{Type: "magic"}}}, nil)
	require.EqualError(t, err, `backend.auth.externalAccess[0]: type "magic" is not known`)
}

func TestRateLimitsAreThoseOfTheConfiguration(t *testing.T) {
	t.Parallel()
	local := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")}
	for text, expected := range map[string]map[string]api.RateLimit{
		"{}":                   nil,
		"{ rateLimit: true }":  {"": {Window: time.Minute, Requests: 5, Exempt: local}},
		"{ rateLimit: false }": {},
		"{ rateLimit: { window: 6s, incomingRequestLimit: 100, ipAllowList: [], skipFailedRequests: true } }": {
			"": {Window: 6 * time.Second, Requests: 100, SkipFailed: true}},
		"{ rateLimit: { global: false, plugin: { catalog: { incomingRequestLimit: 50, ipAllowList: 0:0:0:0:0:0:0:1 } } } }": {
			"catalog": {Window: time.Minute, Requests: 50, Exempt: local[1:]}},
	} {
		file := filepath.Join(t.TempDir(), "app-config.yaml")
		require.NoError(t, os.WriteFile(file, []byte("backend: "+text), 0o600))
		loaded, err := config.Load(t.Context(), config.Options{Files: []string{file}})
		require.NoError(t, err, text)
		require.Equal(t, expected, rateLimits(loaded.Backend.RateLimit), text)
	}
}
