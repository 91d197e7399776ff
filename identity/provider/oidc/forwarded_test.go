package oidc_test

import (
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oauth2-proxy/mockoidc"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity/provider"
	"github.com/portico-dev/portico/identity/provider/oidc"
	"github.com/portico-dev/portico/internal/testkit/oidctest"
)

const forwardedHeader = "X-Oauth2-Proxy-Id-Token"

// behind is a Portico behind an oauth2-proxy that is the client of a provider.
func behind(t *testing.T, at oidctest.Provider) *oidc.Forwarded {
	t.Helper()
	options, header, err := oidc.ConfigureOAuth2Proxy(config.OAuth2Proxy{Issuer: at.Options.Issuer, Audience: at.Options.ClientID})
	require.NoError(t, err)
	return oidc.NewForwarded(options, header)
}

// TestWhomOAuth2ProxyHasAuthenticated: with the identity tokens of two providers.
func TestWhomOAuth2ProxyHasAuthenticated(t *testing.T) {
	t.Parallel()
	mock, _ := oidctest.Mock(t, oidc.OAuth2Proxy, nil)
	for name, at := range map[string]oidctest.Provider{"mockoidc": mock, "zitadel": oidctest.Zitadel(t, oidc.OAuth2Proxy)} {
		client := oidc.New(at.Options)
		attempt := provider.Attempt{State: "a state", Nonce: "a nonce", Verifier: "a verifier that is long enough for all providers"}
		address, err := client.Start(t.Context(), attempt)
		require.NoError(t, err, name)
		login, err := client.Callback(t.Context(), attempt, at.LogIn(t, address))
		require.NoError(t, err, name)
		for _, prefix := range []string{"", "Bearer ", "bearer "} {
			person, err := behind(t, at).Identify(t.Context(), http.Header{forwardedHeader: {prefix + login.Tokens.ID}})
			require.NoError(t, err, name)
			require.Equal(t, at.Subject, person.Subject, name)
		}
	}
}

// TestForwardedTokensThatAreRefused changes one thing of an otherwise valid token.
func TestForwardedTokensThatAreRefused(t *testing.T) {
	t.Parallel()
	at, mock := oidctest.Mock(t, oidc.OAuth2Proxy, nil)
	foreign, err := mockoidc.RandomKeypair(2048)
	require.NoError(t, err)
	valid := jwt.MapClaims{"iss": at.Options.Issuer, "aud": at.Options.ClientID, "sub": "118", "email": "ada@example.com", "preferred_username": "ada",
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(), "at_hash": "of-an-access-token-that-is-not-here"}
	sign := func(with *mockoidc.Keypair, name string, value any) string {
		stated := maps.Clone(valid)
		stated[name] = value
		if value == nil {
			delete(stated, name)
		}
		token, err := with.SignJWT(stated)
		require.NoError(t, err)
		return token
	}
	header := func(tokens ...string) http.Header { return http.Header{forwardedHeader: tokens} }
	through := behind(t, at)
	good := sign(mock.Keypair, "sub", "118")
	person, err := through.Identify(t.Context(), header(good))
	require.NoError(t, err)
	require.Equal(t, "of-an-access-token-that-is-not-here", person.Claims["at_hash"])
	person.Claims = nil
	require.Equal(t, provider.Person{Subject: "118", UserID: "118", Username: "ada", Profile: provider.Profile{Email: "ada@example.com"}}, person)
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, valid).SignedString(jwt.UnsafeAllowNoneSignatureType)
	require.NoError(t, err)
	shared, err := jwt.NewWithClaims(jwt.SigningMethodHS256, valid).SignedString([]byte(at.Options.ClientSecret))
	require.NoError(t, err)

	for name, test := range map[string]struct {
		headers http.Header
		reason  string
	}{
		"the headers that Backstage believes": {http.Header{"X-Forwarded-User": {"118"}, "X-Forwarded-Email": {"ada@example.com"},
			"X-Forwarded-Preferred-Username": {"ada"}, "Authorization": {"Bearer " + good}}, "did not come through the proxy"},
		"another client's":          {header(sign(mock.Keypair, "aud", "another")), "expected audience"},
		"two clients' without azp":  {header(sign(mock.Keypair, "aud", []string{at.Options.ClientID, "another"})), "issued to another client"},
		"issued to another client":  {header(sign(mock.Keypair, "azp", "another")), "issued to another client"},
		"no audience":               {header(sign(mock.Keypair, "aud", nil)), "expected audience"},
		"another issuer's":          {header(sign(mock.Keypair, "iss", "https://elsewhere.example.com")), "different provider"},
		"expired":                   {header(sign(mock.Keypair, "exp", time.Now().Add(-2*time.Minute).Unix())), "expired"},
		"never expires":             {header(sign(mock.Keypair, "exp", nil)), "expired"},
		"about nobody":              {header(sign(mock.Keypair, "sub", nil)), "about nobody"},
		"a foreign key":             {header(sign(foreign, "sub", "118")), "failed to verify signature"},
		"unsigned":                  {header(unsigned), "not valid"},
		"signed with a shared word": {header(shared), "not valid"},
		"no token":                  {header("Bearer "), "there is none"},
		"an opaque token":           {header("Bearer gho_abc"), "not valid"},
		"several":                   {header(good, good), "there are several"},
		"a megabyte":                {header(strings.Repeat("a", 1<<20)), "too large"},
	} {
		person, err := through.Identify(t.Context(), test.headers)
		require.Equal(t, fault.Authentication, fault.KindOf(err), name)
		require.ErrorContains(t, err, test.reason, name)
		require.Empty(t, person, name)
	}
}

// TestAnIssuerThatDoesNotAnswerLetsNobodyIn, and says that it is not the person's fault.
func TestAnIssuerThatDoesNotAnswerLetsNobodyIn(t *testing.T) {
	t.Parallel()
	at, mock := oidctest.Mock(t, oidc.OAuth2Proxy, nil)
	token, err := mock.Keypair.SignJWT(jwt.MapClaims{"sub": "118"})
	require.NoError(t, err)
	at.Options.Issuer = "http://127.0.0.1:1/oidc"
	through := behind(t, at)
	_, err = through.Identify(t.Context(), http.Header{forwardedHeader: {token}})
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
	require.Equal(t, fault.Unavailable, fault.KindOf(through.Check(t.Context())))
}

func TestOAuth2ProxyNeedsAnIssuer(t *testing.T) {
	t.Parallel()
	for _, configured := range []config.OAuth2Proxy{{}, {Issuer: "https://id.example.com"}, {Audience: "a"}} {
		_, _, err := oidc.ConfigureOAuth2Proxy(configured)
		require.ErrorContains(t, err, "issuer and audience are missing")
	}
	options, header, err := oidc.ConfigureOAuth2Proxy(config.OAuth2Proxy{Issuer: "https://id.example.com/.well-known/openid-configuration", Audience: "a", JWTHeader: "authorization"})
	require.NoError(t, err)
	require.Equal(t, oidc.Options{ID: "oauth2Proxy", Issuer: "https://id.example.com", ClientID: "a"}, options)
	require.Equal(t, "authorization", header)
}

// counted counts the requests for keys on their way to an issuer.
type counted struct{ keys atomic.Int32 }

func (c *counted) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Path == mockoidc.JWKSEndpoint {
		c.keys.Add(1)
	}
	return http.DefaultTransport.RoundTrip(request)
}

// TestNamesOfInventedKeysAreNotFetched: anybody can send such tokens, and each would be a request to the issuer.
func TestNamesOfInventedKeysAreNotFetched(t *testing.T) {
	t.Parallel()
	at, mock := oidctest.Mock(t, oidc.OAuth2Proxy, nil)
	requests := &counted{}
	at.Options.Transport = requests
	through := oidc.NewForwarded(at.Options, forwardedHeader)
	claims := jwt.MapClaims{"iss": at.Options.Issuer, "aud": at.Options.ClientID, "sub": "118", "exp": time.Now().Add(time.Minute).Unix()}
	good, err := mock.Keypair.SignJWT(claims)
	require.NoError(t, err)
	identify := func(token string) error {
		_, err := through.Identify(t.Context(), http.Header{forwardedHeader: {token}})
		return err
	}
	require.NoError(t, identify(good))
	foreign, err := mockoidc.RandomKeypair(2048)
	require.NoError(t, err)
	for n := range 20 {
		invented := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
		invented.Header["kid"] = strconv.Itoa(n)
		token, err := invented.SignedString(foreign.PrivateKey)
		require.NoError(t, err)
		require.Equal(t, fault.Authentication, fault.KindOf(identify(token)))
	}
	require.Equal(t, int32(1), requests.keys.Load(), "the keys are fetched once")
	require.NoError(t, identify(good), "whose key is still known")
}

// TestKeysOfAnIssuerThatCannotBeFetchedLetNobodyIn, and say that it is not the person's fault.
func TestKeysOfAnIssuerThatCannotBeFetchedLetNobodyIn(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"an error":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"not found":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
		"no keys":       func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"too many keys": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 2<<20)) },
	} {
		at, mock := oidctest.Mock(t, oidc.OAuth2Proxy, nil)
		next := mock.Server.Handler
		mock.Server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == mockoidc.JWKSEndpoint {
				answer(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
		token, err := mock.Keypair.SignJWT(jwt.MapClaims{"iss": at.Options.Issuer, "aud": at.Options.ClientID, "sub": "118", "exp": time.Now().Add(time.Minute).Unix()})
		require.NoError(t, err)
		at.Options.Log = slog.New(slog.DiscardHandler)
		_, err = oidc.NewForwarded(at.Options, forwardedHeader).Identify(t.Context(), http.Header{forwardedHeader: {token}})
		require.Equal(t, fault.Unavailable, fault.KindOf(err), name)
	}
}
