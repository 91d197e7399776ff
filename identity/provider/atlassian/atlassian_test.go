package atlassian_test

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity/provider"
	"github.com/portico-dev/portico/identity/provider/atlassian"
)

const secret = "a secret of the client"

var attempt = provider.Attempt{State: "a state", Nonce: "a nonce", Verifier: "a verifier that is long enough for all providers", Scopes: []string{"read:jira-user"}}

// account is what an API says about a person.
type account map[string]any

// both is what the two APIs say about one person: /me is Atlassian's, the rest is Bitbucket's.
func both() map[string]any {
	return map[string]any{
		"/me": account{"account_id": "712020:ada", "email": "ada@example.com", "email_verified": true, "name": "Ada Lovelace", "nickname": "boss",
			"picture": "https://avatar.example.com/ada"},
		"/user": account{"uuid": "{4711}", "username": "ada", "display_name": "Ada Lovelace", "links": account{"avatar": account{"href": "https://avatar.example.com/ada"}}},
		"/user/emails": account{"values": []account{{"email": "spare@example.com", "is_primary": false, "is_confirmed": true},
			{"email": "ada@example.com", "is_primary": true, "is_confirmed": true}}},
	}
}

// server is a provider with one client. The token endpoint is as in RFC 6749, and accepts each code and each refresh
// token once.
type server struct {
	mutex    sync.Mutex
	answers  map[string]any
	statuses map[string]int
	// given are the codes and refresh tokens that can be redeemed, and access the access tokens.
	given, access map[string]bool
}

func (s *server) change(f func()) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	f()
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	status, answer := http.StatusOK, s.answers[r.URL.Path]
	switch {
	case s.statuses[r.URL.Path] != 0:
		status, answer = s.statuses[r.URL.Path], nil
	case r.URL.Path == "/token":
		status, answer = s.token(r)
	case !s.access[r.Header.Get("Authorization")]:
		status, answer = http.StatusUnauthorized, nil
	}
	encoded, err := json.Marshal(answer)
	if err != nil {
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(encoded)
}

func (s *server) token(r *http.Request) (int, any) {
	id, password, inHeader := r.BasicAuth()
	if inHeader {
		password, _ = url.QueryUnescape(password)
	} else {
		id, password = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	if id != "portico" || password != secret {
		return http.StatusUnauthorized, account{"error": "access_denied", "error_description": "Unauthorized"}
	}
	redeemed := r.PostFormValue("code") + r.PostFormValue("refresh_token")
	if !s.given[redeemed] || r.PostFormValue("grant_type") == "authorization_code" && r.PostFormValue("code_verifier") != attempt.Verifier {
		return http.StatusForbidden, account{"error": "invalid_grant", "error_description": "Unknown or invalid refresh token."}
	}
	delete(s.given, redeemed)
	access, refresh := rand.Text(), rand.Text()
	s.access["Bearer "+access], s.given[refresh] = true, true
	return http.StatusOK, account{"access_token": access, "refresh_token": refresh, "expires_in": 3600, "token_type": "bearer", "scopes": "account"}
}

// run runs a provider, and returns a client at it.
func run(t *testing.T, id, clientSecret string) (*server, *atlassian.Provider) {
	t.Helper()
	at := &server{answers: both(), statuses: map[string]int{}, given: map[string]bool{"a code": true}, access: map[string]bool{}}
	listener := httptest.NewServer(at)
	t.Cleanup(listener.Close)
	options, err := atlassian.Configure(id, config.OAuthProvider{ClientID: "portico", ClientSecret: config.Secret(clientSecret)}, "https://portico.example.com/frame")
	require.NoError(t, err)
	options.Endpoint.TokenURL, options.APIURL = listener.URL+"/token", listener.URL
	return at, atlassian.New(options)
}

var (
	ada = map[string]provider.Person{
		atlassian.Atlassian: {Subject: "712020:ada", UserID: "712020:ada"},
		atlassian.Bitbucket: {Subject: "{4711}", UserID: "{4711}", Username: "ada"},
	}
	back = url.Values{"code": {"a code"}, "state": {"a state"}}
)

func TestSomebodySignsInAndStays(t *testing.T) {
	t.Parallel()
	for id, expected := range ada {
		expected.Profile = provider.Profile{Email: "ada@example.com", DisplayName: "Ada Lovelace", Picture: "https://avatar.example.com/ada"}
		_, client := run(t, id, secret)
		login, err := client.Callback(t.Context(), attempt, back)
		require.NoError(t, err, id)
		for range 3 {
			require.NotEmpty(t, login.Person.Claims, id)
			login.Person.Claims = nil
			require.Equal(t, expected, login.Person)
			require.Equal(t, "account", login.Tokens.Scope)
			require.NotEmpty(t, login.Tokens.Access)
			before := login.Tokens
			login, err = client.Refresh(t.Context(), before)
			require.NoError(t, err, id)
			require.NotEqual(t, before.Refresh, login.Tokens.Refresh, "each refresh token is accepted once")
		}
		_, err = client.Callback(t.Context(), attempt, back)
		require.Equal(t, fault.Authentication, fault.KindOf(err), "a code is redeemed once")
		address, err := client.Logout(t.Context(), login.Tokens, "https://portico.example.com")
		require.NoError(t, err)
		require.Empty(t, address)
	}
}

func TestTheBrowserIsSentToTheProvider(t *testing.T) {
	t.Parallel()
	for id, expected := range map[string]struct {
		address string
		query   url.Values
	}{
		atlassian.Atlassian: {"https://auth.atlassian.com/authorize", url.Values{"scope": {"offline_access read:me read:jira-user"}, "audience": {"api.atlassian.com"}, "prompt": {"consent"}}},
		atlassian.Bitbucket: {"https://bitbucket.org/site/oauth2/authorize", url.Values{"scope": {"account read:jira-user"}}},
	} {
		_, client := run(t, id, secret)
		address, err := client.Start(t.Context(), attempt)
		require.NoError(t, err)
		at, err := url.Parse(address)
		require.NoError(t, err)
		for name, value := range map[string]string{"client_id": "portico", "redirect_uri": "https://portico.example.com/frame", "response_type": "code", "state": "a state",
			"code_challenge": oauth2.S256ChallengeFromVerifier(attempt.Verifier), "code_challenge_method": "S256"} {
			expected.query.Set(name, value)
		}
		require.Equal(t, expected.query, at.Query())
		at.RawQuery = ""
		require.Equal(t, expected.address, at.String())
	}
}

func TestAddressesThatAreNotConfirmedAreIgnored(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		id     string
		change func(at *server)
	}{
		"Atlassian says that it is not": {atlassian.Atlassian, func(at *server) { at.answers["/me"].(account)["email_verified"] = false }},
		"the primary one is not": {atlassian.Bitbucket, func(at *server) {
			at.answers["/user/emails"] = account{"values": []account{{"email": "spare@example.com", "is_confirmed": true}, {"email": "ada@example.com", "is_primary": true}}}
		}},
		"they may not be read": {atlassian.Bitbucket, func(at *server) { at.statuses["/user/emails"] = http.StatusForbidden }},
	} {
		at, client := run(t, test.id, secret)
		at.change(func() { test.change(at) })
		login, err := client.Callback(t.Context(), attempt, back)
		require.NoError(t, err, name)
		require.Equal(t, ada[test.id].Subject, login.Person.Subject, name)
		require.Empty(t, login.Person.Profile.Email, name)
	}
}

// TestWhatEndsASession: only that the provider does not accept the person any more. The new refresh token comes with
// every failure after it was given.
func TestWhatEndsASession(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(at *server)
		kind   fault.Kind
		// renewed means that the provider has given new tokens before.
		renewed bool
	}{
		"the grant is revoked":         {func(at *server) { clear(at.given) }, fault.Authentication, false},
		"the account is suspended":     {func(at *server) { at.statuses["/me"], at.statuses["/user"] = 403, 403 }, fault.Authentication, true},
		"the API is down":              {func(at *server) { at.statuses["/me"], at.statuses["/user"] = 503, 503 }, fault.Unavailable, true},
		"the API is elsewhere":         {func(at *server) { at.statuses["/me"], at.statuses["/user"] = 302, 302 }, fault.Unavailable, true},
		"the API does not say who":     {func(at *server) { at.answers["/me"], at.answers["/user"] = account{}, account{} }, fault.Unavailable, true},
		"the API says something else":  {func(at *server) { at.answers["/me"], at.answers["/user"] = "hello", "hello" }, fault.Unavailable, true},
		"the token endpoint is down":   {func(at *server) { at.statuses["/token"] = 502 }, fault.Unavailable, false},
		"the token endpoint is absent": {func(at *server) { at.statuses["/token"] = 404 }, fault.Unavailable, false},
	} {
		for id := range ada {
			at, client := run(t, id, secret)
			login, err := client.Callback(t.Context(), attempt, back)
			require.NoError(t, err)
			at.change(func() { test.change(at) })
			login, err = client.Refresh(t.Context(), login.Tokens)
			require.Equal(t, test.kind, fault.KindOf(err), "%s at %s: %v", name, id, err)
			require.Equal(t, test.renewed, login.Tokens.Refresh != "", "%s at %s", name, id)
		}
	}
	for id := range ada {
		_, client := run(t, id, "another")
		_, err := client.Refresh(t.Context(), provider.Tokens{Refresh: "any"})
		require.Equal(t, fault.Unavailable, fault.KindOf(err), "a wrong secret is Portico's")
		require.ErrorContains(t, err, "access_denied")
	}
}

func TestTheSecretIsRequired(t *testing.T) {
	t.Parallel()
	for _, id := range atlassian.IDs() {
		_, err := atlassian.Configure(id, config.OAuthProvider{ClientID: "portico"}, "")
		require.EqualError(t, err, "clientSecret is missing: Atlassian requires it")
	}
	_, err := atlassian.Configure("bitbucketServer", config.OAuthProvider{ClientSecret: "a"}, "")
	require.ErrorContains(t, err, "known are atlassian, bitbucket")
}
