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

// readClaims decodes the claims of a token.
func readClaims(t *testing.T, token string, into any) {
	t.Helper()
	decoded, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(decoded, into))
}

// TestAnyBackendMakesTheLimitedTokenOfAUserToken builds it as Backstage's backends do: of texts, and of the
// signature in the claim uip.
func TestAnyBackendMakesTheLimitedTokenOfAUserToken(t *testing.T) {
	t.Parallel()
	issuer := newIssuer(t)
	token := issue(t, issuer, "user:default/ada", "group:default/team-a")
	var claims struct {
		Uip      string
		Iat, Exp json.Number
	}
	readClaims(t, token, &claims)
	header := `{"typ":"vnd.backstage.limited-user","alg":"ES256","kid":"` + keyOf(t, token) + `"}`
	text := `{"sub":"user:default/ada","iat":` + claims.Iat.String() + `,"exp":` + claims.Exp.String() + `}`
	built := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(text)) + "." + claims.Uip

	limited, err := identity.Limit(token)
	require.NoError(t, err)
	require.Equal(t, built, limited.Token)
	seconds, err := claims.Exp.Int64()
	require.NoError(t, err)
	require.Equal(t, seconds, limited.ExpiresAt.Unix())
	again, err := identity.Limit(limited.Token)
	require.NoError(t, err)
	require.Equal(t, limited, again)

	set, err := issuer.PublicKeys(t.Context())
	require.NoError(t, err)
	parsed, err := jwt.ParseSigned(built, []jose.SignatureAlgorithm{jose.ES256})
	require.NoError(t, err)
	require.NoError(t, parsed.Claims(set.Key(keyOf(t, token))[0], &jwt.Claims{}), "the published keys verify it")

	principal, err := identity.NewAuthenticator(issuer, nil).AuthenticateLimited(t.Context(), built)
	require.NoError(t, err)
	require.Equal(t, identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada", Ownership: []string{"user:default/ada", "group:default/team-a"}, Token: built}, principal)
}

func TestALimitedTokenIsNoUserToken(t *testing.T) {
	t.Parallel()
	issuer := newIssuer(t)
	limited, err := identity.Limit(issue(t, issuer))
	require.NoError(t, err)
	_, err = authenticate(t, issuer, limited.Token)
	require.EqualError(t, err, "Illegal limited user token")
	require.Equal(t, fault.Authentication, fault.KindOf(err))
	_, err = issuer.Verify(t.Context(), limited.Token)
	require.Equal(t, fault.Authentication, fault.KindOf(err))
}

func TestLimitedTokensThatAreRefused(t *testing.T) {
	t.Parallel()
	pool, encryption := testkit.Database(t), seal.GenerateKey("2026")
	issuer := process(t, pool, encryption)
	limited := func(issuer *identity.Issuer) string {
		made, err := identity.Limit(issue(t, issuer))
		require.NoError(t, err)
		return made.Token
	}
	good, full := limited(issuer), issue(t, issuer)
	header, _, _ := strings.Cut(good, ".")
	_, fullClaims, _ := strings.Cut(full, ".")
	for name, token := range map[string]string{
		"another's key":                        limited(newIssuer(t)),
		"a changed claim":                      withClaims(t, good, `{"sub":"user:default/root","iat":1,"exp":9999999999}`),
		"no signature":                         withoutSignature(good),
		"a user token that is called so":       header + "." + fullClaims,
		"another algorithm":                    signedWithHMAC(t, keyOf(t, good)),
		"our key's name":                       forged(t, keyOf(t, good)),
		"a limited token that is called other": strings.Split(full, ".")[0] + good[len(header):],
	} {
		_, err := identity.NewAuthenticator(issuer, nil).AuthenticateLimited(t.Context(), token)
		require.Equal(t, fault.Authentication, fault.KindOf(err), name)
	}
}

func TestLimitedTokensEnd(t *testing.T) {
	t.Parallel()
	token := issue(t, newIssuer(t))
	var claims struct{ Iat, Exp int64 }
	limited, err := identity.Limit(token)
	require.NoError(t, err)
	readClaims(t, limited.Token, &claims)
	require.Equal(t, int64(identity.TokenLifetime/time.Second), claims.Exp-claims.Iat)
	for name, other := range map[string]string{
		"a static token": "opensesame",
		"a token without the signature of a limited one": withClaims(t, token, `{"sub":"user:default/ada","iat":1,"exp":2}`),
		"a token of a service":                           sign(t, jose.HS256, padded(secret24), map[string]any{"sub": "backstage-server", "exp": in(time.Hour)}),
	} {
		_, err := identity.Limit(other)
		require.Equal(t, fault.Authentication, fault.KindOf(err), name)
	}
}
