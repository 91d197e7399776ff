package identity

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/seal"
)

func TestATokenExpiresAfterAnHour(t *testing.T) {
	t.Parallel()
	seals, err := seal.NewKeyring(seal.GenerateKey("2026"))
	require.NoError(t, err)
	pool := testkit.Database(t)
	issuer := NewIssuer(IssuerOptions{URL: "http://localhost:7007/api/auth", Keys: NewSigningKeys(pool, seals, slog.New(slog.DiscardHandler)),
		Ownerships: NewOwnerships(pool)})
	token, err := issuer.Issue(t.Context(), "user:default/ada", nil)
	require.NoError(t, err)
	limited, err := Limit(token)
	require.NoError(t, err)
	for _, test := range []struct {
		after time.Duration
		good  bool
	}{
		{0, true},
		{-clockSkew / 2, true}, // another server's clock is behind
		{TokenLifetime - time.Second, true},
		{TokenLifetime + clockSkew/2, true},
		{TokenLifetime + 2*clockSkew, false},
		{-2 * clockSkew, false},
	} {
		issuer.now = func() time.Time { return time.Now().Add(test.after) }
		_, err := issuer.Verify(t.Context(), token)
		_, limitedErr := issuer.verifyLimited(t.Context(), limited.Token)
		if test.good {
			require.NoError(t, err, "after %s", test.after)
			require.NoError(t, limitedErr, "after %s", test.after)
			continue
		}
		require.Equal(t, fault.Authentication, fault.KindOf(err), "after %s", test.after)
		require.Equal(t, fault.Authentication, fault.KindOf(limitedErr), "after %s", test.after)
	}
}
