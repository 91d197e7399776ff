package signin_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity/provider/oidc"
	"github.com/portico-dev/portico/identity/signin"
	"github.com/portico-dev/portico/internal/testkit/oidctest"
)

// sessions are all sessions.
func (b bench) sessions(t *testing.T) []signin.Stored {
	t.Helper()
	listed, err := b.Sessions(t.Context(), "", uuid.Nil, 100)
	require.NoError(t, err)
	return listed
}

var admin = audit.Actor{Kind: "user", Subject: "user:default/admin"}

// TestASessionThatIsEndedEndsEverywhere: its cookie and its tokens are worth nothing here, and its refresh
// token nothing at the provider.
func TestASessionThatIsEndedEndsEverywhere(t *testing.T) {
	t.Parallel()
	at := oidctest.Zitadel(t, "oidc")
	b := setUp(t, at)
	cookie, back := b.start(t, at)
	session, secret, err := b.finish(t, "oidc", cookie, back, "")
	require.NoError(t, err)
	principal, err := b.Issuer.Verify(t.Context(), session.Token)
	require.NoError(t, err)
	listed := b.sessions(t)
	require.Len(t, listed, 1)
	require.Equal(t, listed[0].ID, principal.Session)

	err = b.EndByID(t.Context(), admin, "user:default/other", listed[0].ID)
	require.Equal(t, fault.NotFound, fault.KindOf(err), "it is not theirs")
	require.NoError(t, b.EndByID(t.Context(), admin, "", listed[0].ID))
	require.Equal(t, fault.NotFound, fault.KindOf(b.EndByID(t.Context(), admin, "", listed[0].ID)))

	_, err = b.Refresh(t.Context(), "oidc", "test", secret)
	require.EqualError(t, err, "The session has ended. Sign in again")
	_, err = b.Issuer.Verify(t.Context(), session.Token)
	require.Equal(t, fault.Authentication, fault.KindOf(err))
	_, err = oidc.New(at.Options).Refresh(t.Context(), *session.Tokens)
	require.Equal(t, fault.Authentication, fault.KindOf(err), "the refresh token is revoked")

	events, err := audit.Find(t.Context(), b.pool, audit.Query{Actions: []audit.Action{audit.SessionEnd}})
	require.NoError(t, err)
	require.Len(t, events, 1)
	require.Equal(t, []string{"user:default/admin", "user:default/oidc"}, []string{events[0].Actor.Subject, events[0].Resource})
}

// TestAllSessionsOfAUserEndButOne, however many, and nobody else's.
func TestAllSessionsOfAUserEndButOne(t *testing.T) {
	t.Parallel()
	at, _ := oidctest.Mock(t, "oidc", nil)
	b := setUp(t, at)
	b.signIn(t, at)
	kept := b.sessions(t)[0].ID
	const others = 250 // more than are ended at once
	_, err := b.pool.Exec(t.Context(), `insert into sign_in_sessions (id, provider, environment, user_ref, subject, tokens, expires_at)
		select decode(lpad(to_hex(n), 64, '0'), 'hex'), 'gone', 'test', case when n = 1 then 'user:default/other' else 'user:default/oidc' end, 'x', '', now() + interval '1 hour'
		from generate_series(1, $1::int) n`, others)
	require.NoError(t, err)
	ended, err := b.EndAll(t.Context(), admin, "user:default/oidc", kept)
	require.NoError(t, err)
	require.Equal(t, others-1, ended)
	left := b.sessions(t)
	require.Len(t, left, 2)
	require.ElementsMatch(t, []string{"user:default/oidc", "user:default/other"}, []string{left[0].UserRef, left[1].UserRef})
}

// TestASessionShowsItsBrowser as it was at the last renewal, bounded, and whatever bytes it sent.
func TestASessionShowsItsBrowser(t *testing.T) {
	t.Parallel()
	at, _ := oidctest.Mock(t, "oidc", nil)
	b := setUp(t, at)
	secret := b.signIn(t, at)
	require.Empty(t, b.sessions(t)[0].Address)
	for sent, stored := range map[string]string{"Mozilla/5.0 (X11)": "Mozilla/5.0 (X11)", "a\x00b\xff": "ab", strings.Repeat("é", 5000): strings.Repeat("é", 150)} {
		ctx := audit.WithOrigin(t.Context(), audit.Origin{Address: "192.0.2.7", UserAgent: sent})
		_, err := b.Refresh(ctx, "oidc", "test", secret)
		require.NoError(t, err)
		shown := b.sessions(t)[0]
		require.Equal(t, []string{"192.0.2.7", stored}, []string{shown.Address, shown.UserAgent})
		require.True(t, shown.RenewedAt.After(shown.StartedAt))
	}
}

// TestExpiredSessionsAreDeletedInBatches, and those that were refused a week ago.
func TestExpiredSessionsAreDeletedInBatches(t *testing.T) {
	t.Parallel()
	at, _ := oidctest.Mock(t, "oidc", nil)
	b := setUp(t, at)
	b.signIn(t, at)
	_, err := b.pool.Exec(t.Context(), `insert into sign_in_sessions (id, provider, environment, user_ref, subject, tokens, expires_at, refused_at)
		select decode(lpad(to_hex(n), 64, '0'), 'hex'), 'oidc', 'test', 'user:default/x', 'x', '', now() + case when n > 5 then interval '-1 second' else interval '1 hour' end,
			now() - n * interval '2 days' from generate_series(1, 1200) n`)
	require.NoError(t, err)
	more, err := signin.DeleteExpired(t.Context(), b.pool)
	require.NoError(t, err)
	require.True(t, more)
	more, err = signin.DeleteExpired(t.Context(), b.pool)
	require.NoError(t, err)
	require.False(t, more)
	require.Len(t, b.sessions(t), 1+3, "those of today, and those that were refused within the week")
}
