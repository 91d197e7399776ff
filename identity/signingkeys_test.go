package identity_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/seal"
)

// process is an issuer as in a server process: with a database and encryption keys.
func process(t testing.TB, pool *pgxpool.Pool, encryption ...seal.Key) *identity.Issuer {
	t.Helper()
	return issuerAt(t, issuerURL, pool, encryption...)
}

func issuerAt(t testing.TB, url string, pool *pgxpool.Pool, encryption ...seal.Key) *identity.Issuer {
	t.Helper()
	return identity.NewIssuer(identity.IssuerOptions{URL: url, Keys: signingKeys(t, pool, encryption...), Ownerships: identity.NewOwnerships(pool)})
}

func signingKeys(t testing.TB, pool *pgxpool.Pool, encryption ...seal.Key) *identity.SigningKeys {
	t.Helper()
	seals, err := seal.NewKeyring(encryption...)
	require.NoError(t, err)
	return identity.NewSigningKeys(pool, seals, slog.New(slog.DiscardHandler))
}

func keyOf(t *testing.T, token string) string {
	t.Helper()
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	require.NoError(t, err)
	return parsed.Headers[0].KeyID
}

func keyIDs(t *testing.T, issuer *identity.Issuer) []string {
	t.Helper()
	set, err := issuer.PublicKeys(t.Context())
	require.NoError(t, err)
	var ids []string
	for _, key := range set.Keys {
		ids = append(ids, key.KeyID)
	}
	return ids
}

func requireGood(t *testing.T, issuer *identity.Issuer, token string) {
	t.Helper()
	principal, err := issuer.Verify(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, "user:default/ada", principal.Subject)
}

// TestProcessesThatStartAtOnceShareAKey: a token of one process is valid in all others immediately, and there
// is one key.
func TestProcessesThatStartAtOnceShareAKey(t *testing.T) {
	t.Parallel()
	pool, encryption := testkit.Database(t), seal.GenerateKey("2026")
	processes, tokens := make([]*identity.Issuer, 8), make([]string, 8)
	var group errgroup.Group
	for i := range processes {
		processes[i] = process(t, pool, encryption)
		group.Go(func() (err error) {
			tokens[i], err = processes[i].Issue(t.Context(), "user:default/ada", nil)
			return err
		})
	}
	require.NoError(t, group.Wait())
	for _, token := range tokens {
		require.Equal(t, keyOf(t, tokens[0]), keyOf(t, token))
		for _, issuer := range processes {
			requireGood(t, issuer, token)
		}
		requireGood(t, process(t, pool, encryption), token)
	}
}

func TestANewEncryptionKeySignsNobodyOut(t *testing.T) {
	t.Parallel()
	pool, old, replaced := testkit.Database(t), seal.GenerateKey("old"), seal.GenerateKey("new")
	before := process(t, pool, old)
	token := issue(t, before)

	both := process(t, pool, replaced, old)
	requireGood(t, both, token)
	require.Equal(t, keyOf(t, token), keyOf(t, issue(t, both)), "a key that can be opened still signs")

	after := process(t, pool, replaced)
	requireGood(t, after, token)
	fresh := issue(t, after)
	require.NotEqual(t, keyOf(t, token), keyOf(t, fresh), "a key that cannot be opened is replaced")
	requireGood(t, before, fresh)
	requireGood(t, both, fresh)
	require.Equal(t, keyOf(t, fresh), keyOf(t, issue(t, process(t, pool, replaced))), "which is made once")
	require.ElementsMatch(t, []string{keyOf(t, token), keyOf(t, fresh)}, keyIDs(t, after))

	mistaken := process(t, pool, seal.GenerateKey("new"))
	requireGood(t, mistaken, issue(t, mistaken))
	requireGood(t, mistaken, fresh)
}

func TestKeysAreRotatedAndVerifyUntilTheirTokensExpire(t *testing.T) {
	t.Parallel()
	pool, encryption := testkit.Database(t), seal.GenerateKey("2026")
	token := issue(t, process(t, pool, encryption))
	var signs, checks float64
	require.NoError(t, pool.QueryRow(t.Context(), `select extract(epoch from signs_until - now())::float8, extract(epoch from verifies_until - signs_until)::float8
		from signing_keys`).Scan(&signs, &checks))
	require.InDelta(t, 24*60*60, signs, 60)
	require.Greater(t, checks, identity.TokenLifetime.Seconds(), "the last token that it signs")

	_, err := pool.Exec(t.Context(), "update signing_keys set signs_until = now()")
	require.NoError(t, err)
	next := process(t, pool, encryption)
	second := issue(t, next)
	require.NotEqual(t, keyOf(t, token), keyOf(t, second))
	requireGood(t, next, token)
	require.Equal(t, []string{keyOf(t, second), keyOf(t, token)}, keyIDs(t, next), "others check both, too")

	_, err = pool.Exec(t.Context(), "update signing_keys set signs_until = now(), verifies_until = case id when $1 then now() else verifies_until end", keyOf(t, token))
	require.NoError(t, err)
	last := process(t, pool, encryption)
	_, err = last.Verify(t.Context(), token)
	require.Equal(t, fault.Authentication, fault.KindOf(err))
	requireGood(t, last, issue(t, last))
	var kept int
	require.NoError(t, pool.QueryRow(t.Context(), "select count(*) from signing_keys").Scan(&kept))
	require.Equal(t, 2, kept, "what checks nothing any more is deleted")
}

func TestPrivateKeysAreStoredSealed(t *testing.T) {
	t.Parallel()
	pool, encryption := testkit.Database(t), seal.GenerateKey("2026")
	issuer := process(t, pool, encryption)
	issue(t, issuer)
	var id string
	var sealed, public []byte
	require.NoError(t, pool.QueryRow(t.Context(), "select id, sealed, public_key from signing_keys").Scan(&id, &sealed, &public))
	seals, err := seal.NewKeyring(encryption)
	require.NoError(t, err)
	private, err := seals.Open(sealed, "signing key "+id)
	require.NoError(t, err)
	require.False(t, bytes.Contains(sealed, private))
	require.NotContains(t, string(public), `"d"`)
}

func TestKnownKeysVerifyTokensWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	pool, encryption := testkit.Database(t), seal.GenerateKey("2026")
	issuer := process(t, pool, encryption)
	token := issue(t, issuer)
	elsewhere := issue(t, process(t, testkit.Database(t), encryption))
	pool.Close()

	requireGood(t, issuer, token)
	_, err := issuer.Verify(t.Context(), elsewhere)
	require.Error(t, err)
	require.Empty(t, fault.KindOf(err), "the token cannot be checked now")
	_, err = process(t, pool, encryption).Issue(t.Context(), "user:default/ada", nil)
	require.Error(t, err)
	_, err = issuer.Verify(t.Context(), forged(t, "../../etc/passwd"))
	require.Equal(t, fault.Authentication, fault.KindOf(err), "the database is not asked for what can be no key of ours")
}

// forged is a token that names a key.
func forged(t *testing.T, keyID string) string {
	t.Helper()
	header, err := json.Marshal(map[string]string{"alg": "ES256", "typ": "vnd.backstage.user", "kid": keyID})
	require.NoError(t, err)
	encode := base64.RawURLEncoding.EncodeToString
	return encode(header) + "." + encode([]byte(`{"sub":"user:default/root"}`)) + "." + encode(make([]byte, 64))
}
