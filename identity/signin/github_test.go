package signin_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity/provider/github"
	"github.com/portico-dev/portico/identity/signin"
	"github.com/portico-dev/portico/internal/testkit/githubtest"
)

const (
	byID    = "userIdMatchingUserEntityAnnotation"
	byLogin = "usernameMatchingUserEntityName"
	byEmail = "emailMatchingUserEntityProfileEmail"
)

// gitHubBench is a service with one client at a GitHub, where Octocat is signed in.
type gitHubBench struct {
	bench

	at        *githubtest.Server
	transport *outage
}

func setUpGitHub(t *testing.T, resolvedBy string) gitHubBench {
	t.Helper()
	b := gitHubBench{setUp(t), githubtest.Run(t), &outage{}}
	options, err := github.Configure(config.OAuthProvider{ClientID: githubtest.ClientID, ClientSecret: githubtest.ClientSecret, EnterpriseInstanceURL: b.at.URL},
		githubtest.CallbackURL)
	require.NoError(t, err)
	options.Transport = b.transport
	b.add(t, github.ID, github.New(options), resolvedBy)
	for _, value := range []string{"583231", "octocat", "octocat@example.com"} {
		b.people.join(value, "user:default/octo")
	}
	return b
}

func (b gitHubBench) start(t *testing.T) (cookie string, back url.Values) {
	t.Helper()
	address, cookie, err := b.Start(t.Context(), signin.Request{Provider: github.ID, Environment: "test", Scope: "read:user repo"})
	require.NoError(t, err)
	return cookie, b.at.Visit(t, address)
}

// attempt signs in and returns what Finish does.
func (b gitHubBench) attempt(t *testing.T) (signin.Session, string, error) {
	t.Helper()
	cookie, back := b.start(t)
	return b.finish(t, github.ID, cookie, back, "")
}

func (b gitHubBench) signIn(t *testing.T) (session signin.Session, secret string) {
	t.Helper()
	session, secret, err := b.attempt(t)
	require.NoError(t, err)
	require.NotEmpty(t, secret)
	return session, secret
}

func (b gitHubBench) refresh(t *testing.T, secret string) (signin.Session, error) {
	t.Helper()
	return b.Refresh(t.Context(), github.ID, "test", secret)
}

func TestSomebodySignsInWithGitHubStaysAndSignsOut(t *testing.T) {
	t.Parallel()
	for _, resolvedBy := range []string{byID, byLogin, byEmail} {
		t.Run(resolvedBy, func(t *testing.T) {
			t.Parallel()
			b := setUpGitHub(t, resolvedBy)
			session, secret := b.signIn(t)
			require.Equal(t, "user:default/octo", session.UserRef)
			require.Equal(t, "octocat@example.com", session.Profile.Email, "the primary address, not the public one")
			require.Equal(t, "monalisa octocat", session.Profile.DisplayName)
			require.NotEmpty(t, session.Profile.Picture)
			require.Equal(t, "read:user user:email repo", session.Tokens.Scope)
			require.True(t, session.Tokens.Expiry.IsZero(), "tokens of OAuth apps do not expire")

			for range 2 {
				again, err := b.refresh(t, secret)
				require.NoError(t, err)
				require.Equal(t, "user:default/octo", again.UserRef)
				require.Equal(t, session.Profile, again.Profile)
				require.Equal(t, session.Tokens, again.Tokens, "there is one access token for the whole session")
			}

			require.True(t, b.at.Accepts(session.Tokens.Access))
			address, err := b.SignOut(t.Context(), github.ID, "test", secret)
			require.NoError(t, err)
			require.Empty(t, address, "GitHub has no address for it")
			require.False(t, b.at.Accepts(session.Tokens.Access), "the token is revoked")
			_, err = b.refresh(t, secret)
			require.EqualError(t, err, "The session has ended. Sign in again")
			require.NotContains(t, b.log.String(), "not at the provider")
			require.NotContains(t, b.log.String(), session.Tokens.Access)
		})
	}
}

// TestTheTokensOfAGitHubAppExpire: it has refresh tokens, which GitHub accepts once.
func TestTheTokensOfAGitHubAppExpire(t *testing.T) {
	t.Parallel()
	b := setUpGitHub(t, byID)
	b.at.Expire()
	session, secret := b.signIn(t)
	require.False(t, session.Tokens.Expiry.IsZero())
	for range 2 {
		again, err := b.refresh(t, secret)
		require.NoError(t, err)
		require.NotEqual(t, session.Tokens.Access, again.Tokens.Access)
	}
	b.at.RevokeAll()
	_, err := b.refresh(t, secret)
	require.Equal(t, fault.Authentication, fault.KindOf(err))
	require.EqualError(t, err, "The provider 'github' refused the sign-in: bad_refresh_token")
}

func TestATokenThatWasRevokedAtGitHubEndsTheSession(t *testing.T) {
	t.Parallel()
	b := setUpGitHub(t, byID)
	_, secret := b.signIn(t)
	b.at.RevokeAll()
	_, err := b.refresh(t, secret)
	require.Equal(t, fault.Authentication, fault.KindOf(err))
	require.EqualError(t, err, "The provider 'github' does not accept the sign-in any more. Sign in again")

	_, err = b.SignOut(t.Context(), github.ID, "test", secret)
	require.NoError(t, err)
	require.NotContains(t, b.log.String(), "not at the provider", "the token has ended before")
}

// TestWhoTakesTheNameOfARenamedAccountIsSomebodyElse: GitHub gives a login that its owner left to others.
func TestWhoTakesTheNameOfARenamedAccountIsSomebodyElse(t *testing.T) {
	t.Parallel()
	b := setUpGitHub(t, byID)
	_, secret := b.signIn(t)
	renamed, successor := githubtest.Octocat(), githubtest.Octocat()
	renamed.Login = "octocat-before"
	successor.ID = 9000
	b.at.SignIn(renamed)
	again, err := b.refresh(t, secret)
	require.NoError(t, err)
	require.Equal(t, "user:default/octo", again.UserRef, "the person is the same under the new login")

	b.at.SignIn(successor)
	_, _, err = b.attempt(t)
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	require.ErrorContains(t, err, "Ask whoever runs the catalog for a User entity with metadata.annotations.github.com/user-id '9000'.")
}

// TestASessionBelongsToOneAccount, also where the login and the address decide who it is.
func TestASessionBelongsToOneAccount(t *testing.T) {
	t.Parallel()
	for _, resolvedBy := range []string{byID, byLogin, byEmail} {
		b := setUpGitHub(t, resolvedBy)
		_, secret := b.signIn(t)
		other := githubtest.Octocat()
		other.ID = 9000
		b.people.join("9000", "user:default/octo")
		b.at.Reassign(other)
		_, err := b.refresh(t, secret)
		require.Equal(t, fault.Authentication, fault.KindOf(err), resolvedBy)
		require.EqualError(t, err, "The provider 'github' answered for somebody else. Sign in again", resolvedBy)
	}
}

func TestAddressesThatGitHubDidNotVerifyAreIgnored(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(at *githubtest.Server){
		"the primary address is not verified": func(at *githubtest.Server) {
			account := githubtest.Octocat()
			account.Emails[1].Verified = false
			at.SignIn(account)
		},
		"the app may not read addresses": func(at *githubtest.Server) { at.Withhold("user:email") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setUpGitHub(t, byEmail)
			b.people.join("octocat@github.com", "user:default/octo") // the public address of the profile
			b.people.join("spare@example.com", "user:default/octo")
			change(b.at)
			_, _, err := b.attempt(t)
			require.Equal(t, fault.NotFound, fault.KindOf(err))
			require.Contains(t, b.log.String(), "the provider gave no verified email address")
		})
	}
}

// TestWhatGitHubRefuses: its token endpoint answers with status 200 also then.
func TestWhatGitHubRefuses(t *testing.T) {
	t.Parallel()
	b := setUpGitHub(t, byID)
	cookie, back := b.start(t)
	_, _, err := b.finish(t, github.ID, cookie, back, "")
	require.NoError(t, err)
	refused := func(cookie string, back url.Values, message string) {
		t.Helper()
		_, secret, err := b.finish(t, github.ID, cookie, back, "")
		require.Equal(t, fault.Authentication, fault.KindOf(err))
		require.EqualError(t, err, message)
		require.Empty(t, secret)
	}
	const badCode = "The provider 'github' refused the sign-in: bad_verification_code"
	refused(cookie, back, badCode) // a code is redeemed once

	_, stolen := b.start(t)
	cookie, back = b.start(t)
	back.Set("code", stolen.Get("code"))
	refused(cookie, back, badCode) // a code of another sign-in lacks this one's verifier

	cookie, back = b.start(t)
	back.Del("code")
	refused(cookie, back, "The provider 'github' sent no code")

	b.at.Deny()
	cookie, back = b.start(t)
	refused(cookie, back, "The provider 'github' refused the sign-in: access_denied: The user has denied your application access.")
}

func TestTheStateOfAnotherBrowserIsRefusedAtGitHub(t *testing.T) {
	t.Parallel()
	b := setUpGitHub(t, byID)
	mine, _ := b.start(t)
	_, theirs := b.start(t)
	_, _, err := b.finish(t, github.ID, mine, theirs, "")
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	require.EqualError(t, err, "Invalid nonce")
}

// TestAGitHubThatDoesNotAnswerEndsNoSession: a rate limit says nothing about the person.
func TestAGitHubThatDoesNotAnswerEndsNoSession(t *testing.T) {
	t.Parallel()
	answer := func(status int, body string, headers ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for n := 0; n < len(headers); n += 2 {
				w.Header().Set(headers[n], headers[n+1])
			}
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("another host was sent %q", r.Header.Get("Authorization"))
	}))
	t.Cleanup(elsewhere.Close)
	b := setUpGitHub(t, byID)
	_, secret := b.signIn(t)
	for name, fails := range map[string]http.HandlerFunc{
		"the rate limit": answer(http.StatusForbidden, `{"message": "API rate limit exceeded for user ID 583231."}`,
			"X-RateLimit-Limit", "5000", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "4102444800"),
		"the secondary rate limit": answer(http.StatusForbidden, `{"message": "You have exceeded a secondary rate limit.",
			"documentation_url": "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits"}`, "Retry-After", "60"),
		"too many requests":   answer(http.StatusTooManyRequests, `{"message": "API rate limit exceeded"}`),
		"an error":            answer(http.StatusBadGateway, "<html>Unicorn!</html>"),
		"a redirect":          answer(http.StatusMovedPermanently, "", "Location", elsewhere.URL),
		"an answer too large": answer(http.StatusOK, `{"id": 583231, "login": "`+strings.Repeat("o", 2<<20)+`"}`),
	} {
		b.at.Fail(fails)
		_, err := b.refresh(t, secret)
		require.Equal(t, fault.Unavailable, fault.KindOf(err), name)
		require.EqualError(t, err, "The sign-in provider 'github' does not answer. Try again later", name)
		_, _, err = b.attempt(t)
		require.Equal(t, fault.Unavailable, fault.KindOf(err), name)
	}
	b.at.Fail(nil)
	_, err := b.refresh(t, secret)
	require.NoError(t, err)
}

// TestTheAccessTokenIsSealed: neither a reader of the database nor one of the browser's cookies sees it.
func TestTheAccessTokenIsSealed(t *testing.T) {
	t.Parallel()
	b := setUpGitHub(t, byID)
	session, secret := b.signIn(t)
	var sealed []byte
	require.NoError(t, b.pool.QueryRow(t.Context(), "select tokens from sign_in_sessions").Scan(&sealed))
	for name, text := range map[string]string{"the database": string(sealed), "the cookie": secret, "the log": b.log.String()} {
		require.NotContains(t, text, session.Tokens.Access, name)
	}
}
