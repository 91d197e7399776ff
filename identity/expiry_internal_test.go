package identity

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
)

func TestATokenIsGoodForAnHour(t *testing.T) {
	t.Parallel()
	issuer, err := NewIssuer("http://localhost:7007/api/auth", []byte("secret"))
	require.NoError(t, err)
	token, err := issuer.Issue("user:default/ada", nil)
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
		_, err := issuer.Verify(token)
		if test.good {
			require.NoError(t, err, "after %s", test.after)
			continue
		}
		require.Equal(t, fault.Authentication, fault.KindOf(err), "after %s", test.after)
	}
}
