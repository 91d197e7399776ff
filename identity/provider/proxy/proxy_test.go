package proxy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity/provider"
	"github.com/portico-dev/portico/identity/provider/proxy"
)

const audience = "/projects/4711/global/backendServices/42"

// newKey is a key of the proxy with an id.
func newKey(t *testing.T, id string) jose.JSONWebKey {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return jose.JSONWebKey{Key: private, KeyID: id, Algorithm: string(jose.ES256), Use: "sig"}
}

// iap is Google's proxy, whose keys are at a server of the test.
func iap(t *testing.T, keys http.Handler) *proxy.Provider {
	t.Helper()
	server := httptest.NewServer(keys)
	t.Cleanup(server.Close)
	options, err := proxy.IAP(config.GCPIAP{Audience: audience})
	require.NoError(t, err)
	options.KeysURL, options.Log = server.URL, slog.New(slog.DiscardHandler)
	return proxy.New(options)
}

// publish serves the public part of keys.
func publish(t *testing.T, keys ...jose.JSONWebKey) http.Handler {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, key := range keys {
		set.Keys = append(set.Keys, key.Public())
	}
	encoded, err := json.Marshal(set)
	require.NoError(t, err)
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(encoded) })
}

// claims are those of a valid assertion about Ada.
func claims() map[string]any {
	return map[string]any{"iss": "https://cloud.google.com/iap", "aud": audience, "sub": "accounts.google.com:118", "email": "ada@example.com",
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}
}

func sign(t *testing.T, key jose.JSONWebKey, algorithm jose.SignatureAlgorithm, stated map[string]any) http.Header {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, nil)
	require.NoError(t, err)
	assertion, err := jwt.Signed(signer).Claims(stated).Serialize()
	require.NoError(t, err)
	return http.Header{"X-Goog-Iap-Jwt-Assertion": {assertion}}
}

func TestWhomTheProxyHasAuthenticated(t *testing.T) {
	t.Parallel()
	key := newKey(t, "a")
	at := iap(t, publish(t, newKey(t, "b"), key))
	person, err := at.Identify(t.Context(), sign(t, key, jose.ES256, claims()))
	require.NoError(t, err)
	require.Equal(t, "ada@example.com", person.Claims["email"])
	person.Claims = nil
	require.Equal(t, provider.Person{Subject: "accounts.google.com:118", UserID: "accounts.google.com:118", Profile: provider.Profile{Email: "ada@example.com"}}, person)
}

// TestAssertionsThatAreRefused changes one thing of an otherwise valid assertion.
func TestAssertionsThatAreRefused(t *testing.T) {
	t.Parallel()
	key := newKey(t, "a")
	at := iap(t, publish(t, key))
	with := func(name string, value any) http.Header {
		changed := claims()
		changed[name] = value
		return sign(t, key, jose.ES256, changed)
	}
	without := func(name string) http.Header {
		changed := claims()
		delete(changed, name)
		return sign(t, key, jose.ES256, changed)
	}
	twice := with("sub", "1")
	twice.Add("X-Goog-Iap-Jwt-Assertion", twice.Get("X-Goog-Iap-Jwt-Assertion"))
	good := sign(t, key, jose.ES256, claims()).Get("X-Goog-Iap-Jwt-Assertion")
	secret := jose.JSONWebKey{Key: []byte("a secret that is known to the attacker"), KeyID: "a"}
	for name, test := range map[string]struct {
		headers http.Header
		reason  string
	}{
		"none, but the headers that IAP does not sign": {http.Header{"X-Goog-Authenticated-User-Email": {"accounts.google.com:ada@example.com"},
			"X-Forwarded-Email": {"ada@example.com"}}, "did not come through the proxy"},
		"another issuer":              {with("iss", "https://elsewhere.example.com"), "invalid issuer"},
		"no issuer":                   {without("iss"), "invalid issuer"},
		"another service's audience":  {with("aud", "/projects/4711/global/backendServices/43"), "invalid audience"},
		"no audience":                 {without("aud"), "invalid audience"},
		"expired":                     {with("exp", time.Now().Add(-2*time.Minute).Unix()), "token is expired"},
		"never expires":               {without("exp"), "it never expires"},
		"not valid yet":               {with("nbf", time.Now().Add(5*time.Minute).Unix()), "token not valid yet"},
		"issued in the future":        {with("iat", time.Now().Add(5*time.Minute).Unix()), "issued in the future"},
		"about nobody":                {without("sub"), "it is about nobody"},
		"a foreign key":               {sign(t, newKey(t, "a"), jose.ES256, claims()), "no key of the proxy has signed it"},
		"an unknown key":              {sign(t, newKey(t, "z"), jose.ES256, claims()), "no key of the proxy has signed it"},
		"another algorithm":           {sign(t, secret, jose.HS256, claims()), "it is not signed with ES256"},
		"unsigned":                    {http.Header{"X-Goog-Iap-Jwt-Assertion": {"eyJhbGciOiJub25lIn0." + strings.Split(good, ".")[1] + "."}}, "it is not signed with ES256"},
		"several":                     {twice, "there are several"},
		"a megabyte":                  {http.Header{"X-Goog-Iap-Jwt-Assertion": {strings.Repeat("a", 1<<20)}}, "too large"},
		"no assertion at all":         {http.Header{"X-Goog-Iap-Jwt-Assertion": {"ada@example.com"}}, "it is not signed with ES256"},
		"claims that are no claims":   {sign(t, key, jose.ES256, map[string]any{"exp": "soon"}), "no key of the proxy has signed it"},
		"an assertion with no claims": {sign(t, key, jose.ES256, map[string]any{}), "invalid issuer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			person, err := at.Identify(t.Context(), test.headers)
			require.Equal(t, fault.Authentication, fault.KindOf(err))
			require.ErrorContains(t, err, test.reason)
			require.Empty(t, person)
		})
	}
}

// TestKeysThatCannotBeReadLetNobodyIn, and say that it is not the person's fault.
func TestKeysThatCannotBeReadLetNobodyIn(t *testing.T) {
	t.Parallel()
	at := iap(t, http.NotFoundHandler())
	_, err := at.Identify(t.Context(), sign(t, newKey(t, "a"), jose.ES256, claims()))
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
}

func TestProxiesAreConfigurations(t *testing.T) {
	t.Parallel()
	options, err := proxy.Cloudflare(config.CFAccess{TeamName: "acme", Audience: "4714c1358e65fe4b408ad6d432a5f878"})
	require.NoError(t, err)
	require.Equal(t, proxy.Options{ID: "cfaccess", Header: "cf-access-jwt-assertion", Issuer: "https://acme.cloudflareaccess.com",
		Audience: "4714c1358e65fe4b408ad6d432a5f878", KeysURL: "https://acme.cloudflareaccess.com/cdn-cgi/access/certs", Algorithm: jose.RS256}, options)
	options, err = proxy.IAP(config.GCPIAP{Audience: audience, JWTHeader: "x-assertion"})
	require.NoError(t, err)
	require.Equal(t, proxy.Options{ID: "gcpIap", Header: "x-assertion", Issuer: "https://cloud.google.com/iap", Audience: audience,
		KeysURL: "https://www.gstatic.com/iap/verify/public_key-jwk", Algorithm: jose.ES256}, options)

	_, err = proxy.IAP(config.GCPIAP{})
	require.ErrorContains(t, err, "audience is missing")
	_, err = proxy.Cloudflare(config.CFAccess{TeamName: "acme"})
	require.EqualError(t, err, "audience is missing: it is the application's AUD tag")
	_, err = proxy.Cloudflare(config.CFAccess{TeamName: "elsewhere.example.com/", Audience: "a"})
	require.EqualError(t, err, "teamName must be the part of <team>.cloudflareaccess.com before the first dot")
}
