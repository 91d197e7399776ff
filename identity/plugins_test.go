package identity_test

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
)

// pluginToken is what a plugin of a Backstage sends.
func pluginToken(t *testing.T, key jose.JSONWebKey, values claims) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithType("vnd.backstage.plugin"))
	require.NoError(t, err)
	token, err := jwt.Signed(signer).Claims(map[string]any(values)).Serialize()
	require.NoError(t, err)
	return token
}

func TestPluginsOfABackstageCall(t *testing.T) {
	t.Parallel()
	issuer := newIssuer(t)
	key, public := newKey(t, "search-key")
	foreign, _ := newKey(t, "search-key")
	published := &issuerOfKeys{}
	published.publish(t, public)
	source := identity.NewKeySource("https://backstage.example/api/search/keys", &http.Client{Transport: published}, slog.New(slog.DiscardHandler))
	authenticator := identity.NewAuthenticator(issuer, nil).WithPlugins(identity.PluginKeys{"search": source})
	limited, err := identity.Limit(issue(t, issuer, "user:default/ada", "group:default/team-a"))
	require.NoError(t, err)
	good := claims{"sub": "search", "aud": "catalog", "iat": in(0), "exp": in(time.Hour)}
	catalog := []identity.Restriction{{Plugin: "catalog"}}

	token := pluginToken(t, key, good)
	principal, err := authenticator.Authenticate(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, identity.Principal{Kind: identity.KindService, Subject: "plugin:search", Restrictions: catalog, Token: token}, principal)
	_, err = principal.At("scaffolder")
	require.Equal(t, fault.NotAllowed, fault.KindOf(err), "it is for the catalog")

	token = pluginToken(t, key, good.with(claims{"obo": limited.Token}))
	principal, err = authenticator.Authenticate(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada", Ownership: []string{"user:default/ada", "group:default/team-a"}, Via: "plugin:search",
		Restrictions: catalog, Token: token}, principal)
	require.Equal(t, audit.Actor{Kind: "user", Subject: "user:default/ada", Via: "plugin:search"}, principal.Actor(), "the audit log has both")

	strangers, err := identity.Limit(issue(t, newIssuer(t)))
	require.NoError(t, err)
	for name, token := range map[string]string{
		"a foreign key":                pluginToken(t, foreign, good),
		"a plugin that is unknown":     pluginToken(t, key, good.with(claims{"sub": "evil"})),
		"no plugin":                    pluginToken(t, key, good.with(claims{"sub": nil})),
		"no called plugin":             pluginToken(t, key, good.with(claims{"aud": nil})),
		"two called plugins":           pluginToken(t, key, good.with(claims{"aud": []string{"catalog", "scaffolder"}})),
		"expired":                      pluginToken(t, key, good.with(claims{"exp": in(-time.Hour)})),
		"without an end":               pluginToken(t, key, good.with(claims{"exp": nil})),
		"for a year":                   pluginToken(t, key, good.with(claims{"exp": in(365 * 24 * time.Hour)})),
		"for a user of another issuer": pluginToken(t, key, good.with(claims{"obo": strangers.Token})),
		"for a user with a full token": pluginToken(t, key, good.with(claims{"obo": issue(t, issuer)})),
		"for a user who is only named": pluginToken(t, key, good.with(claims{"obo": "user:default/ada"})),
	} {
		_, err := authenticator.Authenticate(t.Context(), token)
		require.Equal(t, fault.Authentication, fault.KindOf(err), name)
	}
	_, err = identity.NewAuthenticator(issuer, nil).Authenticate(t.Context(), pluginToken(t, key, good))
	require.EqualError(t, err, "Illegal token", "without configuration")
}

func TestAPluginWithoutItsKeysCannotCallNow(t *testing.T) {
	t.Parallel()
	key, _ := newKey(t, "search-key")
	down := &issuerOfKeys{}
	down.status.Store(http.StatusBadGateway)
	source := identity.NewKeySource("https://backstage.example/api/search/keys", &http.Client{Transport: down}, slog.New(slog.DiscardHandler))
	_, err := identity.NewAuthenticator(nil, nil).WithPlugins(identity.PluginKeys{"search": source}).Authenticate(t.Context(),
		pluginToken(t, key, claims{"sub": "search", "aud": "catalog", "iat": in(0), "exp": in(time.Hour)}))
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
}
