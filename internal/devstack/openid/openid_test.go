package openid_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/identity/provider"
	"github.com/portico-dev/portico/identity/provider/oidc"
	"github.com/portico-dev/portico/internal/devstack/openid"
)

const (
	redirectURI = "http://127.0.0.1:7007/api/auth/oidc/handler/frame"
	portal      = "http://127.0.0.1:7007"
)

// company is a directory of two people.
type company map[string]openid.Person

func newCompany() company {
	return company{
		"user:default/ada":  {ID: "user:default/ada", Username: "ada", Name: "Ada <Lovelace>", Email: "ada@example.com", Groups: []string{"engines"}, May: []string{"run templates"}},
		"user:default/bert": {ID: "user:default/bert", Username: "bert", Name: "Bert", MayNot: []string{"run templates"}},
	}
}

func (c company) Search(_ context.Context, text string, limit int) ([]openid.Person, error) {
	var found []openid.Person
	for _, id := range []string{"user:default/ada", "user:default/bert"} {
		if person, is := c[id]; is && strings.Contains(person.Username, text) && len(found) < limit {
			found = append(found, person)
		}
	}
	return found, nil
}

func (c company) Person(_ context.Context, id string) (openid.Person, error) {
	person, is := c[id]
	if !is {
		return openid.Person{}, errors.New("there is no " + id)
	}
	return person, nil
}

// serve serves a provider until the end of the test, or until the result is called.
func serve(t *testing.T, dataDir string, people company) (*openid.Provider, func()) {
	t.Helper()
	served, err := openid.Open(t.Context(), openid.Options{DataDir: dataDir, RedirectURI: redirectURI, LogoutURI: portal})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- served.Serve(ctx, people) }()
	stopped := false
	stop := func() {
		if !stopped {
			stopped = true
			cancel()
			require.NoError(t, <-ended)
		}
	}
	t.Cleanup(stop)
	return served, stop
}

// clientOf is Portico's own client at the provider.
func clientOf(at *openid.Provider) *oidc.Provider {
	return oidc.New(oidc.Options{ID: "oidc", Issuer: at.Issuer(), ClientID: openid.ClientID, ClientSecret: at.ClientSecret(), CallbackURL: redirectURI})
}

// send makes a request without following redirects.
func send(t *testing.T, method, address string, form url.Values) (answer, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := browser.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{response.StatusCode, response.Header, request.URL}, string(body)
}

// answer is a response whose body was read.
type answer struct {
	StatusCode int
	Header     http.Header
	at         *url.URL
}

// Location is where the browser is sent.
func (a answer) Location() (*url.URL, error) { return a.at.Parse(a.Header.Get("Location")) }

var attempt = provider.Attempt{State: "the state", Nonce: "the nonce", Verifier: strings.Repeat("v", 43)}

// begin starts a sign-in and returns the address of the login page.
func begin(t *testing.T, at *openid.Provider) *url.URL {
	t.Helper()
	start, err := clientOf(at).Start(t.Context(), attempt)
	require.NoError(t, err)
	response, _ := send(t, http.MethodGet, start, nil)
	require.Equal(t, http.StatusFound, response.StatusCode)
	page, err := response.Location()
	require.NoError(t, err)
	return page
}

// choose answers the login page, and returns the query with which the browser is sent back.
func choose(t *testing.T, page *url.URL, person string) url.Values {
	t.Helper()
	response, body := send(t, http.MethodPost, page.Scheme+"://"+page.Host+"/login", url.Values{"request": {page.Query().Get("request")}, "person": {person}})
	require.Equal(t, http.StatusSeeOther, response.StatusCode, body)
	callback, err := response.Location()
	require.NoError(t, err)
	response, _ = send(t, http.MethodGet, callback.String(), nil)
	back, err := response.Location()
	require.NoError(t, err)
	require.Equal(t, redirectURI, back.Scheme+"://"+back.Host+back.Path)
	return back.Query()
}

func TestSomebodySignsInAndStaysSignedIn(t *testing.T) {
	t.Parallel()
	directory, people := filepath.Join(t.TempDir(), "openid"), newCompany()
	served, stop := serve(t, directory, people)
	page := begin(t, served)
	response, body := send(t, http.MethodGet, page.String(), nil)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Contains(t, body, "Ada &lt;Lovelace&gt;")
	require.Contains(t, body, "<strong>May not</strong> run templates.")
	require.Contains(t, response.Header.Get("Content-Security-Policy"), "default-src 'none'; style-src 'self'")

	back := choose(t, page, "user:default/ada")
	login, err := clientOf(served).Callback(t.Context(), attempt, back)
	require.NoError(t, err)
	require.Equal(t, "ada", login.Person.Username)
	require.Equal(t, "ada@example.com", login.Person.Profile.Email)
	_, err = clientOf(served).Callback(t.Context(), attempt, back)
	require.Error(t, err, "a code is good for one sign-in")

	// After a restart, with other ports, the refresh token is still good.
	stop()
	again, _ := serve(t, directory, people)
	require.Equal(t, served.ClientSecret(), again.ClientSecret())
	refreshed, err := clientOf(again).Refresh(t.Context(), login.Tokens)
	require.NoError(t, err)
	require.Equal(t, "ada", refreshed.Person.Username)

	// Until the person leaves, or signs out.
	ada := people["user:default/ada"]
	delete(people, ada.ID)
	_, err = clientOf(again).Refresh(t.Context(), refreshed.Tokens)
	require.Error(t, err)
	people[ada.ID] = ada
	end, err := clientOf(again).Logout(t.Context(), refreshed.Tokens, portal)
	require.NoError(t, err)
	response, _ = send(t, http.MethodGet, end, nil)
	require.Equal(t, portal, response.Header.Get("Location"))
	_, err = clientOf(again).Refresh(t.Context(), refreshed.Tokens)
	require.Error(t, err)
}

func TestSomebodyWithoutAnAddressSignsIn(t *testing.T) {
	t.Parallel()
	served, _ := serve(t, t.TempDir(), newCompany())
	login, err := clientOf(served).Callback(t.Context(), attempt, choose(t, begin(t, served), "user:default/bert"))
	require.NoError(t, err)
	require.Equal(t, "bert", login.Person.Username)
	require.Empty(t, login.Person.Profile.Email)
}

func TestTheProviderRefuses(t *testing.T) {
	t.Parallel()
	served, _ := serve(t, t.TempDir(), newCompany())
	authorize := func(change func(url.Values)) string {
		start, err := clientOf(served).Start(t.Context(), attempt)
		require.NoError(t, err)
		address, err := url.Parse(start)
		require.NoError(t, err)
		query := address.Query()
		change(query)
		address.RawQuery = query.Encode()
		return address.String()
	}
	for name, change := range map[string]func(url.Values){
		"another redirect URI": func(query url.Values) { query.Set("redirect_uri", "http://127.0.0.1:7007/elsewhere") },
		"another host":         func(query url.Values) { query.Set("redirect_uri", "http://evil.example/api/auth/oidc/handler/frame") },
		"another client":       func(query url.Values) { query.Set("client_id", "somebody") },
	} {
		response, _ := send(t, http.MethodGet, authorize(change), nil)
		require.GreaterOrEqual(t, response.StatusCode, http.StatusBadRequest, name)
		require.Empty(t, response.Header.Get("Location"), name)
	}
	response, _ := send(t, http.MethodGet, authorize(func(query url.Values) { query.Set("prompt", "none") }), nil)
	require.Contains(t, response.Header.Get("Location"), "error=login_required")

	page := begin(t, served)
	at := served.Issuer() + "/login"
	for name, form := range map[string]url.Values{
		"an unknown sign-in": {"request": {"unknown"}, "person": {"user:default/ada"}},
		"an unknown person":  {"request": {page.Query().Get("request")}, "person": {"user:default/eve"}},
		"nobody":             {"request": {page.Query().Get("request")}},
	} {
		response, body := send(t, http.MethodPost, at, form)
		require.Equal(t, http.StatusBadRequest, response.StatusCode, name)
		require.Contains(t, body, "Begin again", name)
	}
	choose(t, page, "user:default/ada")
	response, _ = send(t, http.MethodPost, at, url.Values{"request": {page.Query().Get("request")}, "person": {"user:default/bert"}})
	require.Equal(t, http.StatusBadRequest, response.StatusCode, "somebody was chosen already")

	wrong := oidc.New(oidc.Options{ID: "oidc", Issuer: served.Issuer(), ClientID: openid.ClientID, ClientSecret: "wrong", CallbackURL: redirectURI})
	_, err := wrong.Callback(t.Context(), attempt, choose(t, begin(t, served), "user:default/ada"))
	require.Error(t, err, "a wrong secret")
	other := attempt
	other.Verifier = strings.Repeat("w", 43)
	_, err = clientOf(served).Callback(t.Context(), other, choose(t, begin(t, served), "user:default/ada"))
	require.Error(t, err, "another verifier")

	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page.String(), nil)
	require.NoError(t, err)
	request.Host = "evil.example"
	rebound, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, rebound.Body.Close())
	require.Equal(t, http.StatusMisdirectedRequest, rebound.StatusCode)
}

func TestTheLoginPageSearches(t *testing.T) {
	t.Parallel()
	served, _ := serve(t, t.TempDir(), newCompany())
	_, body := send(t, http.MethodGet, begin(t, served).String()+"&search=ber", nil)
	require.Contains(t, body, "user:default/bert")
	require.NotContains(t, body, "user:default/ada")
	_, body = send(t, http.MethodGet, begin(t, served).String()+"&search=nobody", nil)
	require.Contains(t, body, "Nobody has such a name.")
}

func TestStoredFilesArePrivateAndADamagedOneIsNamed(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	served, stop := serve(t, directory, newCompany())
	_, err := clientOf(served).Callback(t.Context(), attempt, choose(t, begin(t, served), "user:default/ada"))
	require.NoError(t, err)
	stop()
	for _, name := range []string{"keys.json", "sessions.json"} {
		file := filepath.Join(directory, name)
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(file, content[:len(content)/2], 0o600))
		_, err = openid.Open(t.Context(), openid.Options{DataDir: directory, RedirectURI: redirectURI, LogoutURI: portal})
		require.ErrorContains(t, err, name)
		require.ErrorContains(t, err, "delete it, and everybody signs in again")
		require.NoError(t, os.WriteFile(file, content, 0o600))
	}
}
