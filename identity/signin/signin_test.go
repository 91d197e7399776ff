package signin_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/oauth2-proxy/mockoidc"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/identity/provider"
	"github.com/portico-dev/portico/identity/provider/guest"
	"github.com/portico-dev/portico/identity/provider/oidc"
	"github.com/portico-dev/portico/identity/resolver"
	"github.com/portico-dev/portico/identity/signin"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/oidctest"
	"github.com/portico-dev/portico/seal"
)

// people is a directory of users by one value of each, such as the email address. All are in one team.
type people struct {
	mutex sync.Mutex
	refs  map[string]string
	// failed is the error of every search, if any.
	failed error
}

func (p *people) FindUsers(_ context.Context, values map[string]string) ([]string, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.failed != nil {
		return nil, p.failed
	}
	for _, value := range values {
		if ref, known := p.refs[value]; known {
			return []string{ref}, nil
		}
	}
	return nil, nil
}

func (p *people) MemberOf(context.Context, string) ([]string, error) {
	return []string{"group:default/team-a"}, nil
}

func (p *people) join(value, ref string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.refs[value] = ref
}

func (p *people) leave(value string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	delete(p.refs, value)
}

// fail lets every search fail; nil lets none.
func (p *people) fail(err error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.failed = err
}

// bench is a service with clients at some providers.
type bench struct {
	*signin.Service

	pool   *pgxpool.Pool
	people *people
	log    *bytes.Buffer
}

func setUp(t *testing.T, providers ...oidctest.Provider) bench {
	t.Helper()
	seals, err := seal.NewKeyring(seal.GenerateKey("2026"))
	require.NoError(t, err)
	b := bench{pool: testkit.Database(t), people: &people{refs: map[string]string{}}, log: &bytes.Buffer{}}
	log := slog.New(slog.NewTextHandler(b.log, nil))
	b.Service = signin.New(signin.Options{Pool: b.pool, Seals: seals, Directory: b.people, Log: log, Known: []string{"oidc", "okta", "guest"},
		ReturnTo: "http://portico.localhost", Direct: map[string]provider.Direct{"guest": guest.Provider{UserRef: "user:default/guest", Allowed: true}},
		Issuer: identity.NewIssuer(identity.IssuerOptions{URL: "http://portico.localhost/api/auth", Keys: identity.NewSigningKeys(b.pool, seals, log),
			Ownerships: identity.NewOwnerships(b.pool)})})
	for _, at := range providers {
		b.people.join(at.Email, "user:default/"+at.Options.ID)
		b.add(t, at.Options.ID, oidc.New(at.Options), "emailMatchingUserEntityProfileEmail")
	}
	return b
}

// add adds a client at a provider.
func (b bench) add(t *testing.T, id string, oauth provider.OAuth, resolvedBy string) {
	t.Helper()
	chain, err := resolver.New(resolver.Options{Provider: id, Users: b.people, Entries: []resolver.Entry{{Name: resolvedBy}}})
	require.NoError(t, err)
	b.Clients = append(b.Clients, signin.Client{Provider: id, Environment: "test", OAuth: oauth, Resolvers: chain, SessionDuration: time.Hour})
}

// start begins a sign-in and goes to the provider. It returns the browser's cookie and the query that it is
// sent back with.
func (b bench) start(t *testing.T, at oidctest.Provider) (cookie string, back url.Values) {
	t.Helper()
	address, cookie, err := b.Start(t.Context(), signin.Request{Provider: at.Options.ID, Environment: "test", Origin: "http://portico.localhost"})
	require.NoError(t, err)
	return cookie, at.LogIn(t, address)
}

// finish takes the browser back. secret is the session that it had before.
func (b bench) finish(t *testing.T, id, cookie string, back url.Values, secret string) (signin.Session, string, error) {
	t.Helper()
	flow, err := b.Returning(id, cookie, back.Get("state"))
	if err != nil {
		return signin.Session{}, "", err
	}
	return b.Finish(t.Context(), flow, back, secret)
}

// signIn signs somebody in and returns the secret of the session.
func (b bench) signIn(t *testing.T, at oidctest.Provider) string {
	t.Helper()
	cookie, back := b.start(t, at)
	_, secret, err := b.finish(t, at.Options.ID, cookie, back, "")
	require.NoError(t, err)
	require.NotEmpty(t, secret)
	return secret
}

func TestSomebodySignsInStaysAndSignsOut(t *testing.T) {
	t.Parallel()
	mock, _ := oidctest.Mock(t, "oidc", nil)
	for name, at := range map[string]oidctest.Provider{"mockoidc": mock, "zitadel": oidctest.Zitadel(t, "oidc")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setUp(t, at)
			cookie, back := b.start(t, at)
			session, secret, err := b.finish(t, "oidc", cookie, back, "")
			require.NoError(t, err)
			require.Equal(t, "user:default/oidc", session.UserRef)
			require.Equal(t, []string{"user:default/oidc", "group:default/team-a"}, session.Ownership)
			require.Equal(t, at.Email, session.Profile.Email)
			require.NotEmpty(t, session.Tokens.Access)
			principal, err := b.Issuer.Verify(t.Context(), session.Token)
			require.NoError(t, err)
			require.Equal(t, session.Ownership, principal.Ownership)

			for range 2 { // the second needs the refresh token that the first brought
				again, err := b.Refresh(t.Context(), "oidc", "test", secret)
				require.NoError(t, err)
				require.Equal(t, "user:default/oidc", again.UserRef)
				require.Equal(t, at.Email, again.Profile.Email)
				require.NotEmpty(t, again.Tokens.Access)
			}

			_, err = b.SignOut(t.Context(), "oidc", "test", secret)
			require.NoError(t, err)
			_, err = b.Refresh(t.Context(), "oidc", "test", secret)
			require.Equal(t, fault.Authentication, fault.KindOf(err), "a cookie that was stolen before is worth nothing")
			require.EqualError(t, err, "The session has ended. Sign in again")
		})
	}
}

// TestTheAuditLogHasSessionsAndRefusedSignIns: and no token of the provider.
func TestTheAuditLogHasSessionsAndRefusedSignIns(t *testing.T) {
	t.Parallel()
	at := oidctest.Zitadel(t, "oidc")
	b := setUp(t, at)
	b.Refusals = audit.NewAttempts(b.pool, slog.New(slog.DiscardHandler))
	secret := b.signIn(t, at)
	_, err := b.SignOut(t.Context(), "oidc", "test", secret)
	require.NoError(t, err)
	b.people.leave(at.Email)
	cookie, back := b.start(t, at)
	_, _, err = b.finish(t, "oidc", cookie, back, "")
	require.Error(t, err)

	events, err := audit.Find(t.Context(), b.pool, audit.Query{})
	require.NoError(t, err)
	require.Len(t, events, 3)
	refused, ended, started := events[0], events[1], events[2]
	require.Equal(t, []any{audit.SessionStart, audit.Done, "user:default/oidc"}, []any{started.Action, started.Outcome, started.Actor.Subject})
	require.Equal(t, []any{audit.SessionEnd, audit.Done, "user:default/oidc"}, []any{ended.Action, ended.Outcome, ended.Actor.Subject})
	require.Equal(t, []any{audit.SessionStart, audit.Denied, "oidc"}, []any{refused.Action, refused.Outcome, refused.Resource})
	require.Equal(t, "NotFoundError by the resolvers: emailMatchingUserEntityProfileEmail", refused.Reason, "and nothing that the person chose")
	require.Equal(t, []string{"user:default/oidc", "user:default/oidc"}, []string{started.Resource, ended.Resource})
	require.NotContains(t, fmt.Sprint(events), secret)
}

// TestOnlyDecisionsAboutAPersonAreRefusals: a database that does not answer, or a browser that left, says
// nothing about the person.
func TestOnlyDecisionsAboutAPersonAreRefusals(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		failed error
		reason string
	}{
		"an error of the database": {errors.New("connection refused"), ""},
		"a browser that left":      {context.Canceled, ""},
		"two users":                {fault.New(fault.Conflict, "two"), "ConflictError by the resolvers: emailMatchingUserEntityProfileEmail"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at, _ := oidctest.Mock(t, "oidc", nil)
			b := setUp(t, at)
			b.Refusals = audit.NewAttempts(b.pool, slog.New(slog.DiscardHandler))
			b.people.failed = test.failed
			cookie, back := b.start(t, at)
			_, _, err := b.finish(t, "oidc", cookie, back, "")
			require.ErrorIs(t, err, test.failed)
			events, err := audit.Find(t.Context(), b.pool, audit.Query{})
			require.NoError(t, err)
			if test.reason == "" {
				require.Empty(t, events)
				require.NotContains(t, b.log.String(), "no resolver found a user")
				return
			}
			require.Len(t, events, 1)
			require.Equal(t, []any{audit.Denied, test.reason}, []any{events[0].Outcome, events[0].Reason})
		})
	}
}

// TestAProviderWithoutRefreshTokens: its people sign in by a popup window only, because a page that comes back
// has just the session that it can renew.
func TestAProviderWithoutRefreshTokens(t *testing.T) {
	t.Parallel()
	at, _ := oidctest.Mock(t, "oidc", nil)
	b := setUp(t, at)
	b.Clients[0].OAuth = withoutRefresh{b.Clients[0].OAuth}
	cookie, back := b.start(t, at)
	session, secret, err := b.finish(t, "oidc", cookie, back, "")
	require.NoError(t, err)
	require.Empty(t, secret)
	require.Equal(t, "user:default/oidc", session.UserRef)
	events, err := audit.Find(t.Context(), b.pool, audit.Query{})
	require.NoError(t, err)
	require.Len(t, events, 1)
	require.Equal(t, []any{audit.SessionStart, audit.Done, "user:default/oidc"}, []any{events[0].Action, events[0].Outcome, events[0].Actor.Subject})

	address, cookie, err := b.Start(t.Context(), signin.Request{Provider: "oidc", Environment: "test", Redirect: true, RedirectURL: "http://portico.localhost"})
	require.NoError(t, err)
	_, _, err = b.finish(t, "oidc", cookie, at.LogIn(t, address), "")
	require.Equal(t, fault.Authentication, fault.KindOf(err))
	require.ErrorContains(t, err, "The provider 'oidc' gave no refresh token")
	require.ErrorContains(t, err, "offline_access")
}

// withoutRefresh is a provider that gives no refresh tokens.
type withoutRefresh struct{ provider.OAuth }

func (w withoutRefresh) Callback(ctx context.Context, attempt provider.Attempt, query url.Values) (provider.Login, error) {
	login, err := w.OAuth.Callback(ctx, attempt, query)
	login.Tokens.Refresh = ""
	return login, err
}

// TestSigningOutEndsTheSessionAtTheProvider: the provider revokes the refresh token, and is told where the
// person goes after that.
func TestSigningOutEndsTheSessionAtTheProvider(t *testing.T) {
	t.Parallel()
	at := oidctest.Zitadel(t, "oidc")
	b := setUp(t, at)
	cookie, back := b.start(t, at)
	session, secret, err := b.finish(t, "oidc", cookie, back, "")
	require.NoError(t, err)
	address, err := b.SignOut(t.Context(), "oidc", "test", secret)
	require.NoError(t, err)
	require.NotContains(t, b.log.String(), "not at the provider")
	end, err := url.Parse(address)
	require.NoError(t, err)
	require.Equal(t, "/end_session", end.Path)
	require.Equal(t, session.Tokens.ID, end.Query().Get("id_token_hint"))
	require.Equal(t, "http://portico.localhost", end.Query().Get("post_logout_redirect_uri"))
	_, err = oidc.New(at.Options).Refresh(t.Context(), *session.Tokens)
	require.Equal(t, fault.Authentication, fault.KindOf(err), "the refresh token is revoked")
}

// TestIdentityTokensThatAreNotForThisSignInAreRefused changes one claim of an otherwise valid token.
func TestIdentityTokensThatAreNotForThisSignInAreRefused(t *testing.T) {
	t.Parallel()
	ago := func(by time.Duration) func(*mockoidc.IDTokenClaims) {
		return func(claims *mockoidc.IDTokenClaims) { claims.ExpiresAt = jwt.NewNumericDate(time.Now().Add(-by)) }
	}
	for name, test := range map[string]struct {
		change func(claims *mockoidc.IDTokenClaims)
		reason string
	}{
		"another nonce":     {func(claims *mockoidc.IDTokenClaims) { claims.Nonce = "another" }, "the nonce differs"},
		"no nonce":          {func(claims *mockoidc.IDTokenClaims) { claims.Nonce = "" }, "the nonce differs"},
		"another audience":  {func(claims *mockoidc.IDTokenClaims) { claims.Audience = jwt.ClaimStrings{"another"} }, "expected audience"},
		"a second audience": {func(claims *mockoidc.IDTokenClaims) { claims.Audience = append(claims.Audience, "another") }, "issued to another client"},
		"another issuer":    {func(claims *mockoidc.IDTokenClaims) { claims.Issuer = "https://elsewhere.example.com" }, "issued by a different provider"},
		"expired":           {ago(2 * time.Minute), "token is expired"},
		"expired within the tolerance for clocks": {ago(30 * time.Second), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at, _ := oidctest.Mock(t, "oidc", test.change)
			b := setUp(t, at)
			cookie, back := b.start(t, at)
			_, _, err := b.finish(t, "oidc", cookie, back, "")
			if test.reason == "" {
				require.NoError(t, err)
				return
			}
			require.Equal(t, fault.Authentication, fault.KindOf(err))
			require.ErrorContains(t, err, test.reason)
		})
	}
}

func TestAnIdentityTokenOfAnotherKeyIsRefused(t *testing.T) {
	t.Parallel()
	at, server := oidctest.Mock(t, "oidc", nil)
	published, err := server.Keypair.JWKS()
	require.NoError(t, err)
	next := server.Server.Handler
	server.Server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != mockoidc.JWKSEndpoint {
			next.ServeHTTP(w, r)
			return
		}
		_, _ = w.Write(published)
	})
	foreign, err := mockoidc.RandomKeypair(2048)
	require.NoError(t, err)
	server.Keypair = foreign
	b := setUp(t, at)
	cookie, back := b.start(t, at)
	_, _, err = b.finish(t, "oidc", cookie, back, "")
	require.Equal(t, fault.Authentication, fault.KindOf(err))
	require.ErrorContains(t, err, "failed to verify signature")
}

// TestACodeIsRedeemedOnce: whoever has both the cookie and the query of a finished sign-in gets nothing for them.
func TestACodeIsRedeemedOnce(t *testing.T) {
	t.Parallel()
	mock, _ := oidctest.Mock(t, "oidc", nil)
	for name, at := range map[string]oidctest.Provider{"mockoidc": mock, "zitadel": oidctest.Zitadel(t, "oidc")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setUp(t, at)
			cookie, back := b.start(t, at)
			_, _, err := b.finish(t, "oidc", cookie, back, "")
			require.NoError(t, err)
			_, _, err = b.finish(t, "oidc", cookie, back, "")
			require.Equal(t, fault.Authentication, fault.KindOf(err))
			require.ErrorContains(t, err, "refused the sign-in")
		})
	}
}

// TestACodeIsGoodInItsOwnSignInOnly: a code that was injected into another sign-in of the same client lacks
// that one's PKCE verifier.
func TestACodeIsGoodInItsOwnSignInOnly(t *testing.T) {
	t.Parallel()
	mock, _ := oidctest.Mock(t, "oidc", nil)
	for name, at := range map[string]oidctest.Provider{"mockoidc": mock, "zitadel": oidctest.Zitadel(t, "oidc")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setUp(t, at)
			_, stolen := b.start(t, at)
			cookie, back := b.start(t, at)
			back.Set("code", stolen.Get("code"))
			_, _, err := b.finish(t, "oidc", cookie, back, "")
			require.Equal(t, fault.Authentication, fault.KindOf(err))
		})
	}
}

func TestTheStateIsThatOfTheBrowser(t *testing.T) {
	t.Parallel()
	at, _ := oidctest.Mock(t, "oidc", nil)
	other, _ := oidctest.Mock(t, "okta", nil)
	b := setUp(t, at, other)
	mine, back := b.start(t, at)
	theirs, _ := b.start(t, at)
	elsewhere, _ := b.start(t, other)
	for name, test := range map[string]struct{ id, cookie, state, reason string }{
		"another browser's":          {"oidc", theirs, back.Get("state"), "Invalid nonce"},
		"no browser's":               {"oidc", "", back.Get("state"), "Auth response is missing cookie nonce"},
		"none":                       {"oidc", mine, "", "Invalid nonce"},
		"a cookie of another length": {"oidc", mine[:40], back.Get("state"), "Invalid nonce"},
		"no cookie at all":           {"oidc", "%", back.Get("state"), "Invalid nonce"},
		"another provider's cookie":  {"oidc", elsewhere, back.Get("state"), "Invalid nonce"},
		"at another provider":        {"okta", mine, back.Get("state"), "Invalid nonce"},
	} {
		_, err := b.Returning(test.id, test.cookie, test.state)
		require.Equal(t, fault.NotAllowed, fault.KindOf(err), name)
		require.EqualError(t, err, test.reason, name)
	}
	flow, err := b.Returning("oidc", mine, back.Get("state"))
	require.NoError(t, err)
	state, err := hex.DecodeString(flow.State)
	require.NoError(t, err)
	values, err := url.ParseQuery(string(state))
	require.NoError(t, err, "the state has Backstage's form")
	require.Equal(t, "test", values.Get("env"))
	require.Equal(t, "popup", values.Get("flow"))
	require.NotEmpty(t, values.Get("nonce"))
}

// TestAnAnswerOfAnotherProviderIsRefused: the code of one provider must not be sent to another (mix-up).
func TestAnAnswerOfAnotherProviderIsRefused(t *testing.T) {
	t.Parallel()
	at, _ := oidctest.Mock(t, "oidc", nil)
	other, _ := oidctest.Mock(t, "okta", nil)
	b := setUp(t, at, other)
	cookie, back := b.start(t, at)
	back.Set("iss", other.Options.Issuer) // RFC 9207
	_, _, err := b.finish(t, "oidc", cookie, back, "")
	require.Equal(t, fault.Authentication, fault.KindOf(err))
	require.EqualError(t, err, "The answer is not from the provider 'oidc' but from another issuer")

	cookie, back = b.start(t, at)
	_, foreign := b.start(t, other)
	back.Set("code", foreign.Get("code"))
	_, _, err = b.finish(t, "oidc", cookie, back, "")
	require.Equal(t, fault.Authentication, fault.KindOf(err), "a code that another provider issued")
}

// TestASessionIsNeverAdopted: a secret that somebody planted in the browser does not become its session.
func TestASessionIsNeverAdopted(t *testing.T) {
	t.Parallel()
	at, _ := oidctest.Mock(t, "oidc", nil)
	b := setUp(t, at)
	planted := b.signIn(t, at)
	cookie, back := b.start(t, at)
	_, secret, err := b.finish(t, "oidc", cookie, back, planted)
	require.NoError(t, err)
	require.NotEqual(t, planted, secret)
	_, err = b.Refresh(t.Context(), "oidc", "test", planted)
	require.Equal(t, fault.Authentication, fault.KindOf(err), "the session before has ended")
	_, err = b.Refresh(t.Context(), "oidc", "test", "made up")
	require.Equal(t, fault.Authentication, fault.KindOf(err))
}

// TestTheProvidersTokensAreSealed: neither a reader of the database nor one of the browser's cookies sees them.
func TestTheProvidersTokensAreSealed(t *testing.T) {
	t.Parallel()
	at, _ := oidctest.Mock(t, "oidc", nil)
	b := setUp(t, at)
	cookie, back := b.start(t, at)
	session, secret, err := b.finish(t, "oidc", cookie, back, "")
	require.NoError(t, err)
	var id, sealed []byte
	require.NoError(t, b.pool.QueryRow(t.Context(), "select id, tokens from sign_in_sessions").Scan(&id, &sealed))
	for name, text := range map[string]string{"the database": string(sealed), "the cookie": secret, "the log": b.log.String()} {
		require.NotContains(t, text, session.Tokens.Refresh, name)
		require.NotContains(t, text, session.Tokens.ID, name)
	}
	require.NotContains(t, string(id), secret)
	require.NotContains(t, b.log.String(), secret)
	opened, err := base64.RawURLEncoding.DecodeString(cookie)
	require.NoError(t, err)
	require.NotContains(t, string(opened), "verifier")
}

func TestWhoLeftTheCatalogIsSignedOutAtTheNextRefresh(t *testing.T) {
	t.Parallel()
	at, _ := oidctest.Mock(t, "oidc", nil)
	b := setUp(t, at)
	secret := b.signIn(t, at)
	b.people.leave(at.Email)
	_, err := b.Refresh(t.Context(), "oidc", "test", secret)
	require.Equal(t, fault.Authentication, fault.KindOf(err))
	require.ErrorContains(t, err, "Refresh failed; caused by NotFoundError: Failed to sign-in, unable to resolve user identity.")
}

// TestWhoIsNotInTheCatalogLearnsWhatToAskFor, and the operator which resolver looked for what.
func TestWhoIsNotInTheCatalogLearnsWhatToAskFor(t *testing.T) {
	t.Parallel()
	at, _ := oidctest.Mock(t, "oidc", nil)
	b := setUp(t, at)
	b.people.leave(at.Email)
	cookie, back := b.start(t, at)
	_, _, err := b.finish(t, "oidc", cookie, back, "")
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	require.ErrorContains(t, err, "Ask whoever runs the catalog for a User entity with spec.profile.email 'jane.doe@example.com'.")
	require.Contains(t, b.log.String(), `tried.emailMatchingUserEntityProfileEmail="no User with spec.profile.email 'jane.doe@example.com'"`)
	require.Contains(t, b.log.String(), "provider=oidc env=test subject=1234567890")
}

// TestTheTabsOfABrowserRefreshAtOnce: the provider takes a refresh token only once.
func TestTheTabsOfABrowserRefreshAtOnce(t *testing.T) {
	t.Parallel()
	at := oidctest.Zitadel(t, "oidc")
	b := setUp(t, at)
	secret := b.signIn(t, at)
	failures := make(chan error)
	const tabs = 8
	for range tabs {
		go func() {
			_, err := b.Refresh(t.Context(), "oidc", "test", secret)
			failures <- err
		}()
	}
	for range tabs {
		require.NoError(t, <-failures)
	}
	_, err := b.Refresh(t.Context(), "oidc", "test", secret)
	require.NoError(t, err)
}

// TestAnIssuerThatIsDownIsAskedAgain: it stops nobody else, and needs no restart.
func TestAnIssuerThatIsDownIsAskedAgain(t *testing.T) {
	t.Parallel()
	at, server := oidctest.Mock(t, "oidc", nil)
	var down atomic.Bool
	next := server.Server.Handler
	server.Server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		next.ServeHTTP(w, r)
	})
	down.Store(true)
	now := time.Now()
	options := at.Options
	options.Now = func() time.Time { return now }
	one := oidc.New(options)
	_, err := one.Start(t.Context(), provider.Attempt{})
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
	require.ErrorContains(t, err, "The sign-in provider 'oidc' cannot be used now")

	down.Store(false)
	_, err = one.Start(t.Context(), provider.Attempt{})
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "it is not asked for each sign-in")
	now = now.Add(10 * time.Second)
	_, err = one.Start(t.Context(), provider.Attempt{})
	require.NoError(t, err)

	down.Store(true)
	_, err = one.Refresh(t.Context(), provider.Tokens{Refresh: "anything"})
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "nobody's session ends because of that")
}

func TestProvidersThatAreNotThere(t *testing.T) {
	t.Parallel()
	at, _ := oidctest.Mock(t, "oidc", nil)
	b := setUp(t, at)
	for _, test := range []struct {
		id, environment string
		kind            fault.Kind
		message         string
	}{
		{"oidc", "", fault.Input, "No env provided in request query parameters"},
		{"oidc", "production", fault.NotFound, "No auth provider registered for 'oidc' in the environment 'production'"},
		{"okta", "test", fault.NotFound, "No auth provider registered for 'okta'"},
		{"saml", "test", fault.NotFound, "Unknown auth provider 'saml'"},
	} {
		_, _, err := b.Start(t.Context(), signin.Request{Provider: test.id, Environment: test.environment})
		require.Equal(t, test.kind, fault.KindOf(err))
		require.EqualError(t, err, test.message)
	}
	require.Equal(t, []string{"guest", "oidc"}, b.Configured("test"))
	require.Equal(t, []string{"guest"}, b.Configured("production"))
}
