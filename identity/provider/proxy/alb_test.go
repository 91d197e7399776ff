package proxy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity/provider"
	"github.com/portico-dev/portico/identity/provider/proxy"
)

const (
	albIssuer = "https://id.example.com"
	albSigner = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/portico/0123456789abcdef"
	albKeyID  = "5c1c1f4d-4e0f-4f9c-9a7e-0a1b2c3d4e5f"
)

func newPrivateKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func inPEM(t *testing.T, public any) []byte {
	t.Helper()
	encoded, err := x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: encoded})
}

// keyStore is the region's store of keys, which answers 403 for what it does not have, as S3 does.
type keyStore struct {
	files map[string][]byte
	asked atomic.Int32
	// down means that it does not answer, and empty that all its keys are withdrawn.
	down, empty atomic.Bool
}

func (s *keyStore) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	s.asked.Add(1)
	file, is := s.files[request.URL.Path]
	switch {
	case s.down.Load():
		w.WriteHeader(http.StatusServiceUnavailable)
	case !is || s.empty.Load():
		w.WriteHeader(http.StatusForbidden)
	default:
		_, _ = w.Write(file)
	}
}

// behindALB is a Portico behind a load balancer, whose key is at a server of the test.
func behindALB(t *testing.T, store *keyStore) *proxy.ALB {
	t.Helper()
	return behindALBAt(t, store, time.Now)
}

func behindALBAt(t *testing.T, store *keyStore, now func() time.Time) *proxy.ALB {
	t.Helper()
	server := httptest.NewServer(store)
	t.Cleanup(server.Close)
	options, err := proxy.ConfigureALB(config.AWSALB{Issuer: albIssuer, Signer: albSigner, Region: "eu-central-1"})
	require.NoError(t, err)
	options.KeysURL, options.Now = server.URL+"/", now
	return proxy.NewALB(options)
}

func albHeader() map[string]any {
	return map[string]any{"typ": "JWT", "alg": "ES256", "kid": albKeyID, "signer": albSigner, "iss": albIssuer, "client": "portico", "exp": time.Now().Add(2 * time.Minute).Unix()}
}

func albClaims() map[string]any {
	return map[string]any{"sub": "118", "email": "ada@example.com", "name": "Ada", "iss": albIssuer, "exp": time.Now().Add(2 * time.Minute).Unix()}
}

// albSign signs as a load balancer does: over parts that are padded.
func albSign(t *testing.T, key *ecdsa.PrivateKey, header, claims any) string {
	t.Helper()
	part := func(of any) string {
		encoded, err := json.Marshal(of)
		require.NoError(t, err)
		return base64.URLEncoding.EncodeToString(encoded)
	}
	signed := part(header) + "." + part(claims)
	digest := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	require.NoError(t, err)
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signed + "." + base64.URLEncoding.EncodeToString(signature)
}

func fromALB(assertions ...string) http.Header { return http.Header{"X-Amzn-Oidc-Data": assertions} }

func TestWhomTheLoadBalancerHasAuthenticated(t *testing.T) {
	t.Parallel()
	key := newPrivateKey(t)
	store := &keyStore{files: map[string][]byte{"/" + albKeyID: inPEM(t, key.Public())}}
	at := behindALB(t, store)
	assertion := albSign(t, key, albHeader(), albClaims())
	require.Contains(t, assertion, "=", "the parts are padded, as a load balancer's are")
	ada := provider.Person{Subject: "118", UserID: "118", Profile: provider.Profile{Email: "ada@example.com", DisplayName: "Ada"}}
	for range 3 {
		person, err := at.Identify(t.Context(), fromALB(assertion))
		require.NoError(t, err)
		require.Equal(t, "Ada", person.Claims["name"])
		person.Claims = nil
		require.Equal(t, ada, person)
	}
	require.Equal(t, int32(1), store.asked.Load(), "the key is kept")

	store.down.Store(true)
	_, err := at.Identify(t.Context(), fromALB(assertion))
	require.NoError(t, err, "a kept key does without its store")

	unverified := albClaims()
	unverified["email_verified"] = "false"
	person, err := at.Identify(t.Context(), fromALB(albSign(t, key, albHeader(), unverified)))
	require.NoError(t, err)
	require.Empty(t, person.Profile.Email)
}

// TestAssertionsOfLoadBalancersThatAreRefused changes one thing of an otherwise valid assertion.
func TestAssertionsOfLoadBalancersThatAreRefused(t *testing.T) {
	t.Parallel()
	key := newPrivateKey(t)
	large, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	store := &keyStore{files: map[string][]byte{"/" + albKeyID: inPEM(t, key.Public()), "/elsewhere/key": inPEM(t, key.Public())}}
	at := behindALB(t, store)
	changed := func(of map[string]any, name string, value any) map[string]any {
		of = maps.Clone(of)
		of[name] = value
		if value == nil {
			delete(of, name)
		}
		return of
	}
	header := func(name string, value any) string {
		return albSign(t, key, changed(albHeader(), name, value), albClaims())
	}
	claim := func(name string, value any) string {
		return albSign(t, key, albHeader(), changed(albClaims(), name, value))
	}
	good := albSign(t, key, albHeader(), albClaims())
	parts := strings.Split(good, ".")
	bob, err := json.Marshal(changed(albClaims(), "email", "bob@example.com"))
	require.NoError(t, err)
	past := time.Now().Add(-2 * time.Minute).Unix()
	for name, test := range map[string]struct {
		headers http.Header
		reason  string
	}{
		"none, but headers that are not signed": {http.Header{"X-Amzn-Oidc-Identity": {"118"}, "X-Amzn-Oidc-Accesstoken": {good}}, "did not come through the proxy"},
		"another load balancer of the region":   {fromALB(header("signer", strings.Replace(albSigner, "123456789012", "210987654321", 1))), "another load balancer"},
		"no signer":                             {fromALB(header("signer", nil)), "another load balancer"},
		"the signer among the claims only":      {fromALB(albSign(t, key, changed(albHeader(), "signer", nil), changed(albClaims(), "signer", albSigner))), "another load balancer"},
		"another issuer in the header":          {fromALB(header("iss", "https://elsewhere.example.com")), "another issuer"},
		"another issuer in the claims":          {fromALB(claim("iss", "https://elsewhere.example.com")), "another issuer"},
		"no issuer":                             {fromALB(albSign(t, key, changed(albHeader(), "iss", nil), changed(albClaims(), "iss", nil))), "another issuer"},
		"expired":                               {fromALB(header("exp", past)), "expired"},
		"expired at the issuer":                 {fromALB(claim("exp", past)), "expired"},
		"never expires":                         {fromALB(albSign(t, key, changed(albHeader(), "exp", nil), changed(albClaims(), "exp", nil))), "never expires"},
		"not valid yet":                         {fromALB(claim("nbf", time.Now().Add(2*time.Minute).Unix())), "not valid yet"},
		"about nobody":                          {fromALB(claim("sub", nil)), "about nobody"},
		"a foreign key":                         {fromALB(albSign(t, newPrivateKey(t), albHeader(), albClaims())), "no key of the region"},
		"an unknown key":                        {fromALB(header("kid", "00000000-0000-0000-0000-000000000000")), "no key of the region"},
		"a key's id that is a path":             {fromALB(header("kid", "elsewhere/key")), "no key of the region"},
		"a key's id that is another host's":     {fromALB(header("kid", "@elsewhere.example.com")), "no key of the region"},
		"no key":                                {fromALB(header("kid", nil)), "no key of the region"},
		"no algorithm":                          {fromALB(header("alg", "none")), "not signed with ES256"},
		"another algorithm":                     {fromALB(header("alg", "HS256")), "not signed with ES256"},
		"claims that were exchanged":            {fromALB(parts[0] + "." + base64.URLEncoding.EncodeToString(bob) + "." + parts[2]), "no key of the region"},
		"no signature":                          {fromALB(parts[0] + "." + parts[1] + "."), "no key of the region"},
		"a signature of zeros":                  {fromALB(parts[0] + "." + parts[1] + "." + base64.URLEncoding.EncodeToString(make([]byte, 64))), "no key of the region"},
		"four parts":                            {fromALB(good + ".a"), "no signed assertion"},
		"no base64":                             {fromALB("!." + parts[1] + "." + parts[2]), "no signed assertion"},
		"no JSON":                               {fromALB("YQ==." + parts[1] + "." + parts[2]), "no signed assertion"},
		"several":                               {fromALB(good, good), "there are several"},
		"a megabyte":                            {fromALB(strings.Repeat("a", 1<<20)), "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			person, err := at.Identify(t.Context(), test.headers)
			require.Equal(t, fault.Authentication, fault.KindOf(err))
			require.ErrorContains(t, err, test.reason)
			require.Empty(t, person)
		})
	}

	private, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	for name, file := range map[string][]byte{"no PEM": []byte("a key"), "no key": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte{1}}),
		"RSA": inPEM(t, private.Public()), "another curve": inPEM(t, large.Public()), "too large": make([]byte, 1<<20)} {
		broken := behindALB(t, &keyStore{files: map[string][]byte{"/" + albKeyID: file}})
		_, err := broken.Identify(t.Context(), fromALB(good))
		require.Equal(t, fault.Unavailable, fault.KindOf(err), name)
	}
}

// TestNamesOfUnknownKeysAreBounded: each would be a request.
func TestNamesOfUnknownKeysAreBounded(t *testing.T) {
	t.Parallel()
	key := newPrivateKey(t)
	store := &keyStore{files: map[string][]byte{"/" + albKeyID: inPEM(t, key.Public())}}
	at := behindALB(t, store)
	good := fromALB(albSign(t, key, albHeader(), albClaims()))
	_, err := at.Identify(t.Context(), good)
	require.NoError(t, err)
	for n := range 500 {
		header := albHeader()
		header["kid"] = "unknown-" + strconv.Itoa(n)
		_, err := at.Identify(t.Context(), fromALB(albSign(t, key, header, albClaims())))
		require.Error(t, err)
	}
	require.Less(t, store.asked.Load(), int32(50))
	_, err = at.Identify(t.Context(), good)
	require.NoError(t, err, "the kept key is not forgotten for them")
}

// TestAKeyIsFetchedAgainWhateverOthersAreNamed: whoever invents names cannot keep a withdrawn key in use, nor people
// out.
func TestAKeyIsFetchedAgainWhateverOthersAreNamed(t *testing.T) {
	t.Parallel()
	key := newPrivateKey(t)
	// The region has more keys of others than are kept, which anybody may name.
	files := map[string][]byte{"/" + albKeyID: inPEM(t, key.Public())}
	for n := range 40 {
		files["/others-"+strconv.Itoa(n)] = inPEM(t, newPrivateKey(t).Public())
	}
	store := &keyStore{files: files}
	now := time.Now()
	at := behindALBAt(t, store, func() time.Time { return now })
	named := func(id string) http.Header {
		header, claims := albHeader(), albClaims()
		header["kid"], header["exp"], claims["exp"] = id, now.Add(time.Minute).Unix(), now.Add(time.Minute).Unix()
		return fromALB(albSign(t, key, header, claims))
	}
	invent := func() {
		for n := range 100 {
			_, err := at.Identify(t.Context(), named("others-"+strconv.Itoa(n)))
			require.Error(t, err)
			require.NotContains(t, err.Error(), "expired", "the key is what is wrong")
		}
	}
	identify := func() (asked int32, err error) {
		before := store.asked.Load()
		_, err = at.Identify(t.Context(), named(albKeyID))
		return store.asked.Load() - before, err
	}
	_, err := identify()
	require.NoError(t, err)
	for range 5 { // enough for all keys that exist
		now = now.Add(10 * time.Second)
		invent()
	}
	asked, err := identify()
	require.NoError(t, err)
	require.Zero(t, asked, "the key is kept")

	for name, later := range map[string]time.Duration{"after an hour": time.Hour, "after a night without anybody": 9 * time.Hour} {
		now = now.Add(later)
		invent()
		asked, err = identify()
		require.NoError(t, err, name)
		require.Equal(t, int32(1), asked, name)
	}

	store.down.Store(true)
	now = now.Add(time.Hour)
	for _, expected := range []int32{1, 0} {
		asked, err = identify()
		require.NoError(t, err, "the key is used while its store is down")
		require.Equal(t, expected, asked, "and its store is not asked for each request")
	}
	now = now.Add(time.Hour)
	for _, expected := range []int32{1, 0} {
		asked, err = identify()
		require.Equal(t, fault.Unavailable, fault.KindOf(err), "but not for ever")
		require.Equal(t, expected, asked)
	}

	store.down.Store(false)
	store.empty.Store(true)
	now = now.Add(time.Minute)
	_, err = identify()
	require.Equal(t, fault.Authentication, fault.KindOf(err), "nor after it was withdrawn")
}

func TestLoadBalancersAreConfigurations(t *testing.T) {
	t.Parallel()
	options, err := proxy.ConfigureALB(config.AWSALB{Issuer: albIssuer, Signer: albSigner, Region: "eu-central-1"})
	require.NoError(t, err)
	require.Equal(t, proxy.ALBOptions{Issuer: albIssuer, Signer: albSigner, KeysURL: "https://public-keys.auth.elb.eu-central-1.amazonaws.com/"}, options)
	government := strings.NewReplacer("arn:aws:", "arn:aws-us-gov:", "eu-central-1", "us-gov-west-1").Replace(albSigner)
	options, err = proxy.ConfigureALB(config.AWSALB{Issuer: albIssuer, Signer: government, Region: "us-gov-west-1"})
	require.NoError(t, err)
	require.Equal(t, "https://s3-us-gov-west-1.amazonaws.com/aws-elb-public-keys-prod-us-gov-west-1/", options.KeysURL)

	for _, test := range []struct {
		configured config.AWSALB
		reason     string
	}{
		{config.AWSALB{Signer: albSigner, Region: "eu-central-1"}, "issuer is missing"},
		{config.AWSALB{Issuer: albIssuer, Region: "eu-central-1"}, "signer must be the load balancer's ARN"},
		{config.AWSALB{Issuer: albIssuer, Signer: albSigner + "/*", Region: "eu-central-1"}, "signer must be the load balancer's ARN"},
		{config.AWSALB{Issuer: albIssuer, Signer: albSigner, Region: "eu-west-1"}, "signer is a load balancer of the region eu-central-1, and region is eu-west-1"},
		{config.AWSALB{Issuer: albIssuer, Signer: albSigner, Region: "elsewhere.example.com/"}, "region must be"},
	} {
		_, err := proxy.ConfigureALB(test.configured)
		require.ErrorContains(t, err, test.reason)
	}
}
