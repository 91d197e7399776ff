package signin_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity/provider"
	"github.com/portico-dev/portico/identity/provider/oidc"
	"github.com/portico-dev/portico/identity/signin"
	"github.com/portico-dev/portico/internal/testkit/oidctest"
)

// TestTwoServersRenewOneSession: the provider gives a new refresh token each time, and refuses the one before.
func TestTwoServersRenewOneSession(t *testing.T) {
	t.Parallel()
	at := oidctest.Zitadel(t, "oidc")
	b := setUp(t, at)
	secret := b.signIn(t, at)
	servers := []*signin.Service{b.Service, signin.New(b.Options), signin.New(b.Options)}
	for range 5 {
		failures := make(chan error)
		for _, server := range servers {
			go func() {
				_, err := server.Refresh(context.WithoutCancel(t.Context()), "oidc", "test", secret)
				failures <- err
			}()
		}
		for range servers {
			require.NoError(t, <-failures)
		}
	}
	require.NotContains(t, b.log.String(), "a sign-in failed at the provider", "no server presents a token that another one has used")
}

// TestAServerThatDiesWhileItRenewsHoldsNoSession for ever.
func TestAServerThatDiesWhileItRenewsHoldsNoSession(t *testing.T) {
	t.Parallel()
	at, _ := oidctest.Mock(t, "oidc", nil)
	b := setUp(t, at)
	secret := b.signIn(t, at)
	held := func(until string) {
		_, err := b.pool.Exec(t.Context(), "update sign_in_sessions set renewing_until = clock_timestamp() + $1::interval", until)
		require.NoError(t, err)
	}
	held("1 minute")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := b.Refresh(ctx, "oidc", "test", secret)
	require.ErrorIs(t, err, context.DeadlineExceeded, "another server renews it")
	held("-1 second")
	_, err = signin.New(b.Options).Refresh(t.Context(), "oidc", "test", secret)
	require.NoError(t, err)
}

// TestARefusedSessionIsKeptWithTheReason: its tokens do not count, the audit log has it once, and a renewal
// that succeeds after all makes it valid again.
func TestARefusedSessionIsKeptWithTheReason(t *testing.T) {
	t.Parallel()
	at, _ := oidctest.Mock(t, "oidc", nil)
	b := setUp(t, at)
	cookie, back := b.start(t, at)
	session, secret, err := b.finish(t, "oidc", cookie, back, "")
	require.NoError(t, err)
	_, err = b.Issuer.Verify(t.Context(), session.Token)
	require.NoError(t, err)

	b.people.leave(at.Email)
	for range 2 {
		_, err = b.Refresh(t.Context(), "oidc", "test", secret)
		require.Equal(t, fault.Authentication, fault.KindOf(err))
	}
	_, err = b.Issuer.Verify(t.Context(), session.Token)
	require.EqualError(t, err, "The session of this token has ended. Sign in again")
	listed := b.sessions(t)
	require.Len(t, listed, 1)
	require.Equal(t, "the person is no User of the catalog any more", listed[0].Refusal)
	require.False(t, listed[0].RefusedAt.IsZero())
	events, err := audit.Find(t.Context(), b.pool, audit.Query{Actions: []audit.Action{audit.SessionRefuse}})
	require.NoError(t, err)
	require.Len(t, events, 1)
	require.Equal(t, []string{"user:default/oidc", "user:default/oidc"}, []string{events[0].Actor.Subject, events[0].Resource})
	require.Equal(t, audit.Change{Field: "refusal", New: "the person is no User of the catalog any more"}, events[0].Changes[2])

	b.people.join(at.Email, "user:default/oidc")
	again, err := b.Refresh(t.Context(), "oidc", "test", secret)
	require.NoError(t, err)
	_, err = b.Issuer.Verify(t.Context(), again.Token)
	require.NoError(t, err)
	require.Empty(t, b.sessions(t)[0].Refusal)
}

// TestWhyASessionIsRefused: each reason is stored. A failure that says nothing about the person leaves the session
// and its tokens valid, and the operator learns of it.
func TestWhyASessionIsRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(t *testing.T, b bench, at oidctest.Provider, tokens provider.Tokens)
		// refusal is "" for a session that stays valid. logged is what the log says in any case.
		refusal, logged string
	}{
		"the provider refuses": {func(t *testing.T, b bench, _ oidctest.Provider, tokens provider.Tokens) {
			t.Helper()
			_, err := b.Clients[0].OAuth.Logout(t.Context(), tokens, "")
			require.NoError(t, err)
		}, "the provider refused to renew it", "invalid_grant"},
		"another person": {func(_ *testing.T, b bench, _ oidctest.Provider, _ provider.Tokens) {
			b.Clients[0].OAuth = somebodyElse{b.Clients[0].OAuth}
		}, "the provider answered for somebody else", ""},
		"another user": {func(_ *testing.T, b bench, at oidctest.Provider, _ provider.Tokens) {
			b.people.join(at.Email, "user:default/other")
		}, "the person is another User now", ""},
		"two users": {func(_ *testing.T, b bench, _ oidctest.Provider, _ provider.Tokens) {
			b.people.fail(fault.New(fault.Conflict, "User lookup resulted in multiple matches"))
		}, "it is not clear any more which User the person is", "multiple matches"},
		"a failed search": {func(_ *testing.T, b bench, _ oidctest.Provider, _ provider.Tokens) {
			b.people.fail(context.Canceled)
		}, "", ""},
		"a wrong secret of the client": {func(_ *testing.T, b bench, at oidctest.Provider, _ provider.Tokens) {
			at.Options.ClientSecret = "another"
			b.Clients[0].OAuth = oidc.New(at.Options)
		}, "", "invalid_client"},
		"a client that the provider does not know": {func(_ *testing.T, b bench, at oidctest.Provider, _ provider.Tokens) {
			at.Options.ClientID = "another"
			b.Clients[0].OAuth = oidc.New(at.Options)
		}, "", "a sign-in failed at the provider"},
		"an identity token that is not valid": {func(_ *testing.T, b bench, at oidctest.Provider, _ provider.Tokens) {
			at.Options.Now = func() time.Time { return time.Now().AddDate(1, 0, 0) }
			b.Clients[0].OAuth = oidc.New(at.Options)
		}, "", "token is expired"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := oidctest.Zitadel(t, "oidc")
			b := setUp(t, at)
			cookie, back := b.start(t, at)
			session, secret, err := b.finish(t, "oidc", cookie, back, "")
			require.NoError(t, err)
			test.change(t, b, at, *session.Tokens)
			_, err = b.Refresh(t.Context(), "oidc", "test", secret)
			require.Error(t, err)
			require.Equal(t, test.refusal, b.sessions(t)[0].Refusal)
			require.Contains(t, b.log.String(), test.logged)
			_, err = b.Issuer.Verify(t.Context(), session.Token)
			if test.refusal != "" {
				require.Equal(t, fault.Authentication, fault.KindOf(err))
				return
			}
			require.NoError(t, err, "the token that the person has is valid")
			b.people.fail(nil)
			b.Clients[0].OAuth = oidc.New(at.Options)
			_, err = b.Refresh(t.Context(), "oidc", "test", secret)
			require.NoError(t, err, "and the session can be renewed when the cause is mended")
		})
	}
}

// somebodyElse is a provider that answers for another person when a session is renewed.
type somebodyElse struct{ provider.OAuth }

func (s somebodyElse) Refresh(ctx context.Context, last provider.Tokens) (provider.Login, error) {
	login, err := s.OAuth.Refresh(ctx, last)
	login.Person.Subject += "2"
	return login, err
}

// TestASessionThatEndsWhileItIsRenewed is not revived, and its new tokens end at the provider too.
func TestASessionThatEndsWhileItIsRenewed(t *testing.T) {
	t.Parallel()
	at := oidctest.Zitadel(t, "oidc")
	b := setUp(t, at)
	secret := b.signIn(t, at)
	meanwhile := &interrupted{OAuth: b.Clients[0].OAuth, then: func() {
		require.NoError(t, b.EndByID(t.Context(), audit.Actor{}, "", b.sessions(t)[0].ID))
	}}
	b.Clients[0].OAuth = meanwhile
	_, err := b.Refresh(t.Context(), "oidc", "test", secret)
	require.EqualError(t, err, "The session has ended. Sign in again")
	require.Empty(t, b.sessions(t))
	_, err = oidc.New(at.Options).Refresh(t.Context(), meanwhile.given)
	require.Equal(t, fault.Authentication, fault.KindOf(err), "the new refresh token is revoked")
}

// interrupted is a provider after whose answer something else happens.
type interrupted struct {
	provider.OAuth

	then  func()
	given provider.Tokens
}

func (i *interrupted) Refresh(ctx context.Context, last provider.Tokens) (provider.Login, error) {
	login, err := i.OAuth.Refresh(ctx, last)
	i.given = login.Tokens
	i.then()
	return login, err
}
