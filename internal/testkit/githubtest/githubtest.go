// Package githubtest runs the part of GitHub that signs people in, for tests: the authorization page and the
// token endpoint of OAuth apps as GitHub documents them, and the REST API at the path of an Enterprise Server.
// Each answer of the API is checked against the OpenAPI document that GitHub publishes (openapi.json).
package githubtest

import (
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
)

//go:embed openapi.json
var published []byte

// The app that is registered. Nothing listens at its callback: Visit stops before it.
const (
	ClientID     = "Iv1.portico"
	ClientSecret = "a secret of the app"
	CallbackURL  = "http://portico.localhost/api/auth/github/handler/frame"
)

// apiPath is where an Enterprise Server has its API.
const apiPath = "/api/v3"

// Account is a person at GitHub.
type Account struct {
	ID    int64
	Login string
	// Emails are the person's addresses; one is primary.
	Emails []Email
}

// Email is an address of an account.
type Email struct {
	Email      string  `json:"email"`
	Primary    bool    `json:"primary"`
	Verified   bool    `json:"verified"`
	Visibility *string `json:"visibility"`
}

// Octocat is the account that is signed in at first.
func Octocat() Account {
	return Account{ID: 583231, Login: "octocat", Emails: []Email{
		{Email: "spare@example.com", Verified: true}, {Email: "octocat@example.com", Primary: true, Verified: true}}}
}

// grant is what a code or a token is for.
type grant struct {
	account int64
	scopes  []string
	// challenge and redirect belong to the request for a code.
	challenge, redirect string
}

// Server is a GitHub with one app. Its methods change it between requests.
type Server struct {
	// URL is its address, without a slash at the end.
	URL string

	t        *testing.T
	document *openapi3.T

	mutex    sync.Mutex
	accounts map[int64]Account
	// current is the account that the browser is signed in with.
	current int64
	// codes, tokens and refreshTokens are those that can be used.
	codes, tokens, refreshTokens map[string]grant
	// fails answers the API's requests instead, if it is not nil.
	fails http.HandlerFunc
	// denies means that people refuse the app. expires means that tokens expire, as those of GitHub Apps do.
	// without is a scope that people take away.
	denies, expires bool
	without         string
}

// Run starts a server, which ends with the test.
func Run(t *testing.T) *Server {
	t.Helper()
	document, err := openapi3.NewLoader().LoadFromData(published)
	require.NoError(t, err)
	s := &Server{t: t, document: document, accounts: map[int64]Account{}, codes: map[string]grant{}, tokens: map[string]grant{}, refreshTokens: map[string]grant{}}
	s.SignIn(Octocat())
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login/oauth/authorize", s.authorize)
	mux.HandleFunc("POST /login/oauth/access_token", s.accessToken)
	mux.HandleFunc("GET "+apiPath+"/user", s.api("/user", s.user))
	mux.HandleFunc("GET "+apiPath+"/user/emails", s.api("/user/emails", s.emails))
	mux.HandleFunc("DELETE "+apiPath+"/applications/{client_id}/token", s.api("/applications/{client_id}/token", s.deleteToken))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// change runs f while no request is answered.
func (s *Server) change(f func()) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	f()
}

// SignIn signs the browser in with an account. An account with the same number is replaced.
func (s *Server) SignIn(account Account) {
	s.change(func() { s.accounts[account.ID], s.current = account, account.ID })
}

// Deny makes people refuse the app.
func (s *Server) Deny() { s.change(func() { s.denies = true }) }

// Expire makes tokens expire after eight hours, and come with a refresh token.
func (s *Server) Expire() { s.change(func() { s.expires = true }) }

// Withhold makes people take a scope away.
func (s *Server) Withhold(scope string) { s.change(func() { s.without = scope }) }

// RevokeAll ends all tokens, as people do in their settings.
func (s *Server) RevokeAll() {
	s.change(func() { clear(s.tokens); clear(s.refreshTokens) })
}

// Reassign makes all tokens those of another account.
func (s *Server) Reassign(account Account) {
	s.SignIn(account)
	s.change(func() {
		for token, given := range s.tokens {
			given.account = account.ID
			s.tokens[token] = given
		}
	})
}

// Fail answers requests to the API with f; nil answers them normally again.
func (s *Server) Fail(f http.HandlerFunc) { s.change(func() { s.fails = f }) }

// Accepts reports whether an access token can be used.
func (s *Server) Accepts(token string) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	_, known := s.tokens[token]
	return known
}

// Visit opens the authorization page as a browser, and returns the query with which it is sent back.
func (s *Server) Visit(t *testing.T, address string) url.Values {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := browser.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusFound, response.StatusCode)
	back, err := response.Location()
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(back.String(), CallbackURL+"?"), back)
	return back.Query()
}

// authorize is
// https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps#1-request-a-users-github-identity.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	asked := r.URL.Query()
	if asked.Get("client_id") != ClientID {
		http.NotFound(w, r)
		return
	}
	back := url.Values{"state": {asked.Get("state")}}
	switch {
	case asked.Get("redirect_uri") != CallbackURL:
		back.Set("error", "redirect_uri_mismatch")
	case s.denies:
		back.Set("error", "access_denied")
		back.Set("error_description", "The user has denied your application access.")
	case asked.Get("code_challenge_method") != "S256":
		back.Set("error", "invalid_request")
	default:
		code := rand.Text()
		scopes := slices.DeleteFunc(strings.Fields(asked.Get("scope")), func(scope string) bool { return scope == s.without })
		s.codes[code] = grant{s.current, scopes, asked.Get("code_challenge"), asked.Get("redirect_uri")}
		back.Set("code", code)
	}
	http.Redirect(w, r, CallbackURL+"?"+back.Encode(), http.StatusFound)
}

// accessToken answers with status 200 also when it refuses, and with a form unless JSON is asked for:
// https://docs.github.com/apps/oauth-apps/maintaining-oauth-apps/troubleshooting-oauth-app-access-token-request-errors.
func (s *Server) accessToken(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	w.Header().Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	given, refusal := s.redeem(r)
	if refusal != "" {
		_, _ = w.Write([]byte(url.Values{"error": {refusal}, "error_description": {"The request is refused."}}.Encode()))
		return
	}
	access := "gho_" + rand.Text()
	s.tokens[access] = given
	answer := url.Values{"access_token": {access}, "scope": {strings.Join(given.scopes, ",")}, "token_type": {"bearer"}}
	if s.expires {
		refresh := "ghr_" + rand.Text()
		s.refreshTokens[refresh] = given
		answer.Set("expires_in", "28800")
		answer.Set("refresh_token", refresh)
		answer.Set("refresh_token_expires_in", "15811200")
	}
	_, _ = w.Write([]byte(answer.Encode()))
}

// redeem takes the code or refresh token of a request. Each can be used once.
func (s *Server) redeem(r *http.Request) (grant, string) {
	if r.PostFormValue("client_id") != ClientID || r.PostFormValue("client_secret") != ClientSecret {
		return grant{}, "incorrect_client_credentials"
	}
	if r.PostFormValue("grant_type") == "refresh_token" {
		given, known := s.refreshTokens[r.PostFormValue("refresh_token")]
		if !known {
			return grant{}, "bad_refresh_token"
		}
		delete(s.refreshTokens, r.PostFormValue("refresh_token"))
		return given, ""
	}
	code := r.PostFormValue("code")
	given, known := s.codes[code]
	delete(s.codes, code)
	switch {
	case !known || oauth2.S256ChallengeFromVerifier(r.PostFormValue("code_verifier")) != given.challenge:
		return grant{}, "bad_verification_code"
	case r.PostFormValue("redirect_uri") != given.redirect:
		return grant{}, "redirect_uri_mismatch"
	}
	return given, ""
}

// api serves an operation of the published document, which describes each of its answers.
func (s *Server) api(path string, answer func(r *http.Request) (int, any)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		if s.fails != nil {
			s.fails(w, r)
			return
		}
		status, body := answer(r)
		encoded, err := json.Marshal(body)
		s.check(path, r.Method, status, encoded)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		if body != nil && err == nil {
			_, _ = w.Write(encoded)
		}
	}
}

// check fails the test if the document does not describe an answer.
func (s *Server) check(path, method string, status int, encoded []byte) {
	described := s.document.Paths.Value(path).GetOperation(method).Responses.Status(status)
	if described == nil {
		s.t.Errorf("GitHub does not document the status %d for %s %s", status, method, path)
		return
	}
	media := described.Value.Content.Get("application/json")
	if media == nil {
		return
	}
	var body any
	if err := json.Unmarshal(encoded, &body); err != nil {
		s.t.Errorf("%s %s: %s", method, path, err)
		return
	}
	if err := media.Schema.Value.VisitJSON(body); err != nil {
		s.t.Errorf("the answer to %s %s is not what GitHub documents: %s", method, path, err)
	}
}

// refusal is the body of an answer of the API that refuses something.
func refusal(message string) map[string]any {
	return map[string]any{"message": message, "documentation_url": "https://docs.github.com/rest"}
}

// holder returns the grant of the request's token.
func (s *Server) holder(r *http.Request) (grant, bool) {
	given, known := s.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	return given, known
}

// user is the published example with the account's values.
func (s *Server) user(r *http.Request) (int, any) {
	given, known := s.holder(r)
	if !known {
		return http.StatusUnauthorized, refusal("Bad credentials")
	}
	example, _ := s.document.Components.Examples["private-user-response-with-public-and-private-profile-information"].Value.Value.(map[string]any)
	account := s.accounts[given.account]
	example["id"], example["login"], example["user_view_type"] = account.ID, account.Login, "private"
	return http.StatusOK, example
}

func (s *Server) emails(r *http.Request) (int, any) {
	given, known := s.holder(r)
	switch {
	case !known:
		return http.StatusUnauthorized, refusal("Bad credentials")
	case !slices.Contains(given.scopes, "user:email"):
		return http.StatusNotFound, refusal("Not Found")
	}
	return http.StatusOK, s.accounts[given.account].Emails
}

func (s *Server) deleteToken(r *http.Request) (int, any) {
	user, password, _ := r.BasicAuth()
	var asked struct {
		AccessToken string `json:"access_token"`
	}
	err := json.NewDecoder(r.Body).Decode(&asked)
	if _, known := s.tokens[asked.AccessToken]; err != nil || !known || user != ClientID || password != ClientSecret || r.PathValue("client_id") != ClientID {
		return http.StatusUnprocessableEntity, refusal("Validation Failed")
	}
	delete(s.tokens, asked.AccessToken)
	return http.StatusNoContent, nil
}
