package identity_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/seal"
)

const issuerURL = "http://localhost:7007/api/auth"

// newIssuer is an issuer with keys of its own.
func newIssuer(t *testing.T) *identity.Issuer {
	t.Helper()
	return process(t, testkit.Database(t), seal.GenerateKey("2026"))
}

func issue(t *testing.T, issuer *identity.Issuer, ownership ...string) string {
	t.Helper()
	token, err := issuer.Issue(t.Context(), "user:default/ada", ownership)
	require.NoError(t, err)
	return token
}

func TestATokenNamesItsPrincipal(t *testing.T) {
	t.Parallel()
	issuer := newIssuer(t)
	token := issue(t, issuer, "user:default/ada", "group:default/team-a")
	principal, err := issuer.Verify(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada",
		Ownership: []string{"user:default/ada", "group:default/team-a"}, Token: token}, principal)
	require.Equal(t, "user:default/ada", principal.UserRef())
}

func TestTokensOfOtherIssuersAreRefused(t *testing.T) {
	t.Parallel()
	pool, encryption := testkit.Database(t), seal.GenerateKey("2026")
	ours := process(t, pool, encryption)
	token := issue(t, ours)
	for name, foreign := range map[string]string{
		"another's key":     issue(t, newIssuer(t)),
		"another issuer":    issue(t, issuerAt(t, "https://elsewhere/api/auth", pool, encryption)),
		"a changed claim":   withClaims(t, token, `{"sub":"user:default/root"}`),
		"no signature":      withoutSignature(token),
		"another algorithm": signedWithHMAC(t, keyOf(t, token)),
		"no key":            forged(t, ""),
		"our key's name":    forged(t, keyOf(t, token)),
		"no token at all":   "opensesame",
		"nothing":           "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := authenticate(t, ours, foreign)
			require.Equal(t, fault.Authentication, fault.KindOf(err))
		})
	}
}

// withClaims replaces the claims of a token and keeps its signature.
func withClaims(t *testing.T, token, claims string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	require.Len(t, parts, 3)
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(claims))
	return strings.Join(parts, ".")
}

func withoutSignature(token string) string {
	parts := strings.Split(token, ".")
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
	return header + "." + parts[1] + "."
}

// signedWithHMAC is a token with the id of a public key, signed with that public key as HMAC secret.
func signedWithHMAC(t *testing.T, keyID string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: []byte(keyID), KeyID: keyID}},
		(&jose.SignerOptions{}).WithType("vnd.backstage.user"))
	require.NoError(t, err)
	token, err := jwt.Signed(signer).Claims(jwt.Claims{Issuer: issuerURL, Subject: "user:default/root", Audience: jwt.Audience{"backstage"},
		Expiry: jwt.NewNumericDate(time.Now().Add(time.Hour))}).Serialize()
	require.NoError(t, err)
	return token
}

// TestATokenHasBackstagesClaims: its clients look into it.
func TestATokenHasBackstagesClaims(t *testing.T) {
	t.Parallel()
	issuer := newIssuer(t)
	parts := strings.Split(issue(t, issuer, "group:default/team-a"), ".")
	var header struct{ Typ, Alg, Kid string }
	var claims struct {
		Iss, Sub string
		Aud      any
		Ent      []string
		Iat, Exp int64
	}
	for i, into := range []any{&header, &claims} {
		decoded, err := base64.RawURLEncoding.DecodeString(parts[i])
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(decoded, into))
	}
	require.Equal(t, "vnd.backstage.user", header.Typ)
	require.Equal(t, "ES256", header.Alg)
	require.Equal(t, []string{header.Kid}, keyIDs(t, issuer))
	require.Equal(t, issuerURL, claims.Iss)
	require.Equal(t, "user:default/ada", claims.Sub)
	require.Equal(t, "backstage", claims.Aud)
	require.Empty(t, claims.Ent, "as of Backstage 1.50")
	require.Equal(t, int64(identity.TokenLifetime/time.Second), claims.Exp-claims.Iat)
	require.InDelta(t, time.Now().Unix(), claims.Iat, 60)
}

func TestPublicKeysVerifyTokensAndContainNoSecret(t *testing.T) {
	t.Parallel()
	issuer := newIssuer(t)
	token := issue(t, issuer)
	keys, err := issuer.PublicKeys(t.Context())
	require.NoError(t, err)
	published, err := json.Marshal(keys)
	require.NoError(t, err)
	require.NotContains(t, string(published), `"d"`, "the private part")
	var set jose.JSONWebKeySet
	require.NoError(t, json.Unmarshal(published, &set))
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	require.NoError(t, err)
	require.NoError(t, parsed.Claims(set.Key(parsed.Headers[0].KeyID)[0], &jwt.Claims{}))
}

// authenticate uses an authenticator with these and the issuer's tokens; nil is an issuer that is never
// asked.
func authenticate(t *testing.T, issuer *identity.Issuer, token string, external ...identity.ExternalAccess) (identity.Principal, error) {
	t.Helper()
	return identity.NewAuthenticator(issuer, external).Authenticate(t.Context(), token)
}

func TestStaticTokens(t *testing.T) {
	t.Parallel()
	restrictions := []identity.Restriction{{Plugin: "search"}}
	external := []identity.ExternalAccess{
		identity.StaticAccess("full-access-token", "ci", nil), identity.StaticAccess("search-only-token", "crawler", restrictions),
	}
	for token, expected := range map[string]identity.Principal{
		"full-access-token": {Kind: identity.KindService, Subject: "ci", Token: "full-access-token"},
		"search-only-token": {Kind: identity.KindService, Subject: "crawler", Token: "search-only-token", Restrictions: restrictions},
	} {
		principal, err := authenticate(t, nil, token, external...)
		require.NoError(t, err)
		require.Equal(t, expected, principal)
		require.Empty(t, principal.UserRef(), "a machine is no user")
	}
	for _, token := range []string{"full-access-toke", "full-access-token ", "", strings.Repeat("x", 1<<16)} {
		_, err := authenticate(t, nil, token, external...)
		require.EqualError(t, err, "Illegal token")
		require.Equal(t, fault.Authentication, fault.KindOf(err))
	}
	issuer := newIssuer(t)
	_, err := authenticate(t, issuer, issue(t, issuer), external...)
	require.NoError(t, err, "users are known beside them")
}

func TestATokenMayCallOnlyItsPlugins(t *testing.T) {
	t.Parallel()
	free := identity.Principal{Kind: identity.KindService, Subject: "ci"}
	entered, err := free.At("catalog")
	require.NoError(t, err)
	require.Equal(t, free, entered)

	restricted := free
	restricted.Restrictions = []identity.Restriction{{Plugin: "catalog", Permissions: []string{"catalog.entity.read"}}, {Plugin: "search"}}
	entered, err = restricted.At("catalog")
	require.NoError(t, err)
	require.Equal(t, restricted.Restrictions[:1], entered.Restrictions, "what it is good for elsewhere does not matter here")
	_, err = restricted.At("scaffolder")
	require.EqualError(t, err, "This token's access is restricted to plugin(s) 'catalog', 'search'")
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	restricted.Restrictions = []identity.Restriction{}
	_, err = restricted.At("catalog")
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
}

// TestWhatAUserOwnsIsStored: tokens have no ent claim by default, so that their size does not depend on the
// number of groups.
func TestWhatAUserOwnsIsStored(t *testing.T) {
	t.Parallel()
	pool, encryption := testkit.Database(t), seal.GenerateKey("2026")
	issuer := process(t, pool, encryption)
	token := issue(t, issuer, "user:default/ada", "group:default/team-a")
	require.NotContains(t, payload(t, token), "ent")
	principal, err := process(t, pool, encryption).Verify(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, []string{"user:default/ada", "group:default/team-a"}, principal.Ownership, "another process reads it from the database")

	issue(t, issuer, "user:default/ada", "group:default/team-b")
	principal, err = issuer.Verify(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, []string{"user:default/ada", "group:default/team-b"}, principal.Ownership, "as of the latest sign-in")

	_, err = pool.Exec(t.Context(), "delete from user_ownership")
	require.NoError(t, err)
	principal, err = process(t, pool, encryption).Verify(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, []string{"user:default/ada"}, principal.Ownership)
}

func TestTheOwnershipClaimCanBeHadAgain(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	issuer := identity.NewIssuer(identity.IssuerOptions{URL: issuerURL, Keys: signingKeys(t, pool, seal.GenerateKey("2026")),
		Ownerships: identity.NewOwnerships(pool), OwnershipClaim: true})
	token := issue(t, issuer, "user:default/ada", "group:default/team-a")
	require.Equal(t, []any{"user:default/ada", "group:default/team-a"}, payload(t, token)["ent"])
}

// payload decodes the claims of a token without verifying it.
func payload(t *testing.T, token string) map[string]any {
	t.Helper()
	encoded, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	require.NoError(t, err)
	var claims map[string]any
	require.NoError(t, json.Unmarshal(encoded, &claims))
	return claims
}

func TestPrincipals(t *testing.T) {
	t.Parallel()
	require.Equal(t, "system:catalog processing", identity.System("catalog processing").Subject)
	require.Empty(t, identity.System("x").UserRef())
	require.Empty(t, identity.Principal{}.UserRef())
	require.Equal(t, identity.KindNone, identity.Principal{}.Kind, "the zero principal is unauthenticated")
}
