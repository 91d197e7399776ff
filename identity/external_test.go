package identity_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/seal"
)

// claims are those of a token, by name.
type claims map[string]any

// with returns the claims with some replaced; nil removes one.
func (c claims) with(others claims) claims {
	changed := maps.Clone(c)
	for name, value := range others {
		changed[name] = value
		if value == nil {
			delete(changed, name)
		}
	}
	return changed
}

func sign(t *testing.T, algorithm jose.SignatureAlgorithm, key any, values claims) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, nil)
	require.NoError(t, err)
	token, err := jwt.Signed(signer).Claims(map[string]any(values)).Serialize()
	require.NoError(t, err)
	return token
}

func in(wait time.Duration) int64 { return time.Now().Add(wait).Unix() }

// secret24 is as long as Backstage suggests, which is shorter than go-jose accepts.
var secret24 = []byte("0123456789abcdef01234567")

// padded is the same key to HMAC.
func padded(secret []byte) []byte {
	return append(slices.Clip(secret), make([]byte, 8)...)
}

func TestLegacyTokens(t *testing.T) {
	t.Parallel()
	restrictions := []identity.Restriction{{Plugin: "catalog"}}
	external := []identity.ExternalAccess{
		identity.LegacyAccess([]byte(strings.Repeat("another", 6)), "another", nil),
		identity.LegacyAccess(secret24, "old-backend", restrictions),
	}
	good := claims{"sub": "backstage-server", "exp": in(time.Hour)}
	for name, token := range map[string]string{
		"as Backstage makes them": sign(t, jose.HS256, padded(secret24), good),
		"without an end":          sign(t, jose.HS256, padded(secret24), good.with(claims{"exp": nil})),
	} {
		principal, err := authenticate(t, nil, token, external...)
		require.NoError(t, err, name)
		require.Equal(t, identity.Principal{Kind: identity.KindService, Subject: "old-backend", Token: token, Restrictions: restrictions}, principal)
	}
	for name, test := range map[string]struct{ token, says string }{
		"another secret":    {sign(t, jose.HS256, []byte(strings.Repeat("x", 32)), good), "Illegal token"},
		"another algorithm": {sign(t, jose.HS512, []byte(strings.Repeat("another", 10)), good), "Illegal token"},
		"another subject":   {sign(t, jose.HS256, padded(secret24), good.with(claims{"sub": "user:default/root"})), "Illegal token"},
		"an audience":       {sign(t, jose.HS256, padded(secret24), good.with(claims{"aud": "backstage"})), "Illegal token"},
		"over":              {sign(t, jose.HS256, padded(secret24), good.with(claims{"exp": in(-time.Hour)})), "This token has expired"},
		"not yet":           {sign(t, jose.HS256, padded(secret24), good.with(claims{"nbf": in(time.Hour)})), "This token is not valid yet"},
	} {
		_, err := authenticate(t, nil, test.token, external...)
		require.EqualError(t, err, test.says, name)
		require.Equal(t, fault.Authentication, fault.KindOf(err))
	}
}

// issuerOfKeys serves a replaceable key set, and counts the requests.
type issuerOfKeys struct {
	set   atomic.Value
	asked atomic.Int64
	// status is the response's status instead of 200, unless it is 0.
	status atomic.Int64
	// log takes what is logged about it.
	log strings.Builder
}

func (i *issuerOfKeys) publish(t *testing.T, keys ...jose.JSONWebKey) {
	t.Helper()
	encoded, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	require.NoError(t, err)
	i.set.Store(encoded)
}

func (i *issuerOfKeys) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	i.asked.Add(1)
	if status := i.status.Load(); status != 0 {
		w.WriteHeader(int(status))
		return
	}
	_, _ = w.Write(i.set.Load().([]byte))
}

// RoundTrip lets a client ask without a network.
func (i *issuerOfKeys) RoundTrip(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	i.ServeHTTP(recorder, r)
	return recorder.Result(), nil
}

func (i *issuerOfKeys) access(configured identity.KeySet) identity.ExternalAccess {
	configured.URL, configured.Client = "https://issuer.example/keys", &http.Client{Transport: i}
	configured.Log = slog.New(slog.NewTextHandler(&i.log, nil))
	return identity.KeySetAccess(configured, nil)
}

func newKey(t *testing.T, id string) (jose.JSONWebKey, jose.JSONWebKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return jose.JSONWebKey{Key: key, KeyID: id}, jose.JSONWebKey{Key: &key.PublicKey, KeyID: id, Use: "sig"}
}

func TestTokensOfAKeySet(t *testing.T) {
	t.Parallel()
	first, firstPublic := newKey(t, "first")
	stranger, _ := newKey(t, "first")
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	issuer := &issuerOfKeys{}
	issuer.publish(t, firstPublic, jose.JSONWebKey{Key: &rsaKey.PublicKey, KeyID: "rsa", Algorithm: "RS256"},
		jose.JSONWebKey{Key: &rsaKey.PublicKey, KeyID: "for-encryption", Use: "enc"})
	good := claims{"iss": "https://issuer.example", "aud": []string{"portico", "other"}, "sub": "deployer", "exp": in(time.Hour)}
	strict := identity.KeySet{Issuers: []string{"https://issuer.example", "https://old.example"}, Audiences: []string{"portico"}}
	prefixed := strict
	prefixed.SubjectPrefix = "ci"
	onlyRSA := strict
	onlyRSA.Algorithms = []string{"RS256"}
	for name, test := range map[string]struct {
		configured identity.KeySet
		token      string
		subject    string
	}{
		"as it should be":       {strict, sign(t, jose.ES256, first, good), "external:deployer"},
		"with a prefix":         {prefixed, sign(t, jose.ES256, first, good), "external:ci:deployer"},
		"nothing is asked for":  {identity.KeySet{}, sign(t, jose.ES256, first, good.with(claims{"iss": nil, "aud": nil})), "external:deployer"},
		"without a key's id":    {strict, sign(t, jose.ES256, first.Key, good), "external:deployer"},
		"another algorithm":     {strict, sign(t, jose.RS256, jose.JSONWebKey{Key: rsaKey, KeyID: "rsa"}, good), "external:deployer"},
		"not that algorithm":    {onlyRSA, sign(t, jose.ES256, first, good), ""},
		"not the key's own":     {strict, sign(t, jose.RS512, jose.JSONWebKey{Key: rsaKey, KeyID: "rsa"}, good), ""},
		"a key for encryption":  {strict, sign(t, jose.RS256, jose.JSONWebKey{Key: rsaKey, KeyID: "for-encryption"}, good), ""},
		"another's key":         {strict, sign(t, jose.ES256, stranger, good), ""},
		"another issuer":        {strict, sign(t, jose.ES256, first, good.with(claims{"iss": "https://evil.example"})), ""},
		"no issuer":             {strict, sign(t, jose.ES256, first, good.with(claims{"iss": nil})), ""},
		"for another audience":  {strict, sign(t, jose.ES256, first, good.with(claims{"aud": "other"})), ""},
		"without a subject":     {strict, sign(t, jose.ES256, first, good.with(claims{"sub": nil})), ""},
		"signed with a secret":  {identity.KeySet{Algorithms: []string{"HS256"}}, sign(t, jose.HS256, padded(secret24), good), ""},
		"signed with a key set": {strict, sign(t, jose.HS256, fmt.Append(nil, issuer.set.Load()), good), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			principal, err := authenticate(t, nil, test.token, identity.StaticAccess("something-else", "x", nil), issuer.access(test.configured))
			if test.subject == "" {
				require.EqualError(t, err, "Illegal token")
				return
			}
			require.NoError(t, err)
			require.Equal(t, identity.Principal{Kind: identity.KindService, Subject: test.subject, Token: test.token}, principal)
		})
	}
	for says, changed := range map[string]claims{
		"This token has expired":                            {"exp": in(-time.Hour)},
		"This token is not valid yet":                       {"nbf": in(time.Hour)},
		"This token never expires, and is refused for that": {"exp": nil},
	} {
		_, err := authenticate(t, nil, sign(t, jose.ES256, first, good.with(changed)), issuer.access(strict))
		require.EqualError(t, err, says)
		require.Equal(t, fault.Authentication, fault.KindOf(err))
	}
}

// inBubble is a bubble of time in which an authenticator takes the tokens of an issuer.
func inBubble(t *testing.T, test func(t *testing.T, issuer *issuerOfKeys, ask func(key jose.JSONWebKey) error)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		issuer := &issuerOfKeys{}
		authenticator := identity.NewAuthenticator(nil, []identity.ExternalAccess{issuer.access(identity.KeySet{})})
		test(t, issuer, func(key jose.JSONWebKey) error {
			_, err := authenticator.Authenticate(t.Context(), sign(t, jose.ES256, key, claims{"sub": "ci", "exp": in(time.Hour)}))
			return err
		})
	})
}

func pass(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // in a bubble, where it takes no time
}

func TestKeysAreCached(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, issuer *issuerOfKeys, ask func(jose.JSONWebKey) error) {
		t.Helper()
		first, firstPublic := newKey(t, "first")
		second, secondPublic := newKey(t, "second")
		issuer.publish(t, firstPublic)
		for range 100 {
			require.NoError(t, ask(first))
		}
		require.EqualValues(t, 1, issuer.asked.Load())

		issuer.publish(t, firstPublic, secondPublic)
		for range 100 {
			require.EqualError(t, ask(second), "Illegal token", "an unknown key is not fetched at once")
		}
		pass(30 * time.Second)
		require.NoError(t, ask(second))
		require.EqualValues(t, 2, issuer.asked.Load())

		issuer.publish(t, secondPublic)
		pass(9 * time.Minute)
		require.NoError(t, ask(first))
		pass(time.Minute)
		require.EqualError(t, ask(first), "Illegal token", "a key that was withdrawn is not good for long")
		require.EqualValues(t, 3, issuer.asked.Load())
	})
}

func TestKnownKeysStayValidWhileTheIssuerDoesNotAnswer(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, issuer *issuerOfKeys, ask func(jose.JSONWebKey) error) {
		t.Helper()
		key, public := newKey(t, "first")
		stranger, _ := newKey(t, "stranger")
		issuer.publish(t, public)
		issuer.status.Store(http.StatusBadGateway)
		for range 10 {
			err := ask(key)
			require.EqualError(t, err, "This token cannot be checked now: the keys of its issuer could not be fetched")
			require.Equal(t, fault.Unavailable, fault.KindOf(err))
		}
		require.EqualValues(t, 1, issuer.asked.Load())
		require.Equal(t, 1, strings.Count(issuer.log.String(), "https://issuer.example/keys answered 502"), issuer.log.String())

		issuer.status.Store(0)
		pass(30 * time.Second)
		require.NoError(t, ask(key))
		issuer.status.Store(http.StatusBadGateway)
		pass(50 * time.Minute)
		require.NoError(t, ask(key), "known keys stay valid for a while")
		require.Equal(t, fault.Unavailable, fault.KindOf(ask(stranger)))
		pass(10 * time.Minute)
		require.Equal(t, fault.Unavailable, fault.KindOf(ask(key)))
	})
}

func TestKeySetsAreBounded(t *testing.T) {
	t.Parallel()
	key, public := newKey(t, "first")
	many := make([]jose.JSONWebKey, 101)
	for n := range many {
		many[n] = public
	}
	tooMany, err := json.Marshal(jose.JSONWebKeySet{Keys: many})
	require.NoError(t, err)
	for name, set := range map[string]string{
		"too many keys": string(tooMany), "too many bytes": `{"keys": []` + strings.Repeat(" ", 1<<20) + `}`, "no JSON": `<html>`,
	} {
		issuer := &issuerOfKeys{}
		issuer.set.Store([]byte(set))
		_, err := authenticate(t, nil, sign(t, jose.ES256, key, claims{"sub": "ci", "exp": in(time.Hour)}), issuer.access(identity.KeySet{}))
		require.Equal(t, fault.Unavailable, fault.KindOf(err), name)
	}
}

// roundTrip is a transport without a network.
type roundTrip func(r *http.Request) *http.Response

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

// TestKeysComeFromTheirAddressOnly: a redirect could lead to an address without https, or within the network.
func TestKeysComeFromTheirAddressOnly(t *testing.T) {
	t.Parallel()
	key, public := newKey(t, "first")
	elsewhere := &issuerOfKeys{}
	elsewhere.publish(t, public)
	client := &http.Client{Transport: roundTrip(func(r *http.Request) *http.Response {
		answer := httptest.NewRecorder()
		if r.URL.Host == "issuer.example" {
			http.Redirect(answer, r, "http://elsewhere.example/keys", http.StatusFound)
		} else {
			elsewhere.ServeHTTP(answer, r)
		}
		return answer.Result()
	})}
	access := identity.KeySetAccess(identity.KeySet{URL: "https://issuer.example/keys", Client: client, Log: slog.New(slog.DiscardHandler)}, nil)
	_, err := authenticate(t, nil, sign(t, jose.ES256, key, claims{"sub": "ci", "exp": in(time.Hour)}), access)
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
	require.Zero(t, elsewhere.asked.Load())
}

// TestUnknownKeysInAKeySetAreIgnored, as RFC 7517 has it.
func TestUnknownKeysInAKeySetAreIgnored(t *testing.T) {
	t.Parallel()
	key, public := newKey(t, "first")
	encoded, err := public.MarshalJSON()
	require.NoError(t, err)
	issuer := &issuerOfKeys{}
	issuer.set.Store([]byte(`{"keys": [{"kty": "quantum"}, {"kty": "oct", "k": "c2VjcmV0"}, 7, ` + string(encoded) + `]}`))
	_, err = authenticate(t, nil, sign(t, jose.ES256, key, claims{"sub": "ci", "exp": in(time.Hour)}), issuer.access(identity.KeySet{}))
	require.NoError(t, err)
}

// TestAnUnreachableIssuerDoesNotAffectOthers.
func TestAnUnreachableIssuerDoesNotAffectOthers(t *testing.T) {
	t.Parallel()
	silent, speaking := &issuerOfKeys{}, &issuerOfKeys{}
	silent.status.Store(http.StatusServiceUnavailable)
	key, public := newKey(t, "first")
	speaking.publish(t, public)
	token := sign(t, jose.ES256, key, claims{"sub": "ci", "exp": in(time.Hour)})
	_, err := authenticate(t, nil, token, silent.access(identity.KeySet{}), speaking.access(identity.KeySet{}))
	require.NoError(t, err)
	_, err = authenticate(t, nil, "not-a-jwt-at-all", silent.access(identity.KeySet{}))
	require.EqualError(t, err, "Illegal token")
}

func FuzzAuthenticate(f *testing.F) {
	issuer := process(f, testkit.Database(f), seal.GenerateKey("2026"))
	token, err := issuer.Issue(f.Context(), "user:default/ada", nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJiYWNrc3RhZ2Utc2VydmVyIn0.c2lnbmF0dXJl")
	keys := &issuerOfKeys{}
	keys.set.Store([]byte(`{"keys": []}`))
	authenticator := identity.NewAuthenticator(issuer, []identity.ExternalAccess{
		identity.StaticAccess("static-token", "ci", nil), identity.LegacyAccess(secret24, "old", nil), keys.access(identity.KeySet{}),
	})
	f.Fuzz(func(t *testing.T, token string) {
		principal, err := authenticator.Authenticate(t.Context(), token)
		if err == nil {
			require.Contains(t, []string{"user:default/ada", "ci", "old"}, principal.Subject)
			return
		}
		require.Equal(t, fault.Authentication, fault.KindOf(err))
	})
}
