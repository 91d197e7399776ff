// Package oidctest runs OpenID providers for tests, two independent ones, and signs in at them as a browser
// does.
package oidctest

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oauth2-proxy/mockoidc"
	"github.com/stretchr/testify/require"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"

	"github.com/portico-dev/portico/identity/provider/oidc"
)

// Provider is a running OpenID provider with one client and one person.
type Provider struct {
	// Options are those of the client; CallbackURL is registered at the provider.
	Options oidc.Options
	// Email and Subject are the person's.
	Email, Subject string
}

// callbackURL is where the providers send browsers back to. Nothing listens there: LogIn stops before it.
func callbackURL(id string) string {
	return "http://portico.localhost/api/auth/" + id + "/handler/frame"
}

// Mock runs mockoidc, which asks nobody for a password. Change changes the claims of each of its identity
// tokens; nil changes none.
func Mock(t *testing.T, id string, change func(claims *mockoidc.IDTokenClaims)) (Provider, *mockoidc.MockOIDC) {
	t.Helper()
	server, err := mockoidc.Run()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Shutdown()) })
	person := mockoidc.DefaultUser()
	for range people {
		server.QueueUser(changed{person, change})
	}
	return Provider{Email: person.Email, Subject: person.Subject, Options: oidc.Options{ID: id, Issuer: server.Issuer(), ClientID: server.ClientID,
		ClientSecret: server.ClientSecret, AuthMethod: "client_secret_post", CallbackURL: callbackURL(id)}}, server
}

// people is how often somebody can sign in at one mock.
const people = 10

// changed is a person whose identity tokens say something else.
type changed struct {
	*mockoidc.MockUser

	change func(claims *mockoidc.IDTokenClaims)
}

func (c changed) Claims(scopes []string, claims *mockoidc.IDTokenClaims) (jwt.Claims, error) {
	if c.change != nil {
		c.change(claims)
	}
	return c.MockUser.Claims(scopes, claims)
}

// Password is the password of the person at Zitadel's provider.
const Password = "verysecure"

// Zitadel runs the provider of zitadel/oidc, which has a login page, gives a new refresh token each time,
// and revokes tokens.
func Zitadel(t *testing.T, id string) Provider {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	issuer := "http://" + server.Listener.Addr().String()
	const client, secret = "portico", "a secret"
	users := storage.NewUserStore(issuer)
	clients := map[string]*storage.Client{client: storage.WebClient(client, secret, callbackURL(id))}
	server.Config.Handler = exampleop.SetupServer(issuer, storage.NewStorageWithClients(users, clients), nil, false)
	server.Start()
	t.Cleanup(server.Close)
	person := users.GetUserByID("id2")
	return Provider{Email: person.Email, Subject: person.ID, Options: oidc.Options{ID: id, Issuer: issuer, ClientID: client, ClientSecret: secret,
		CallbackURL: callbackURL(id)}}
}

// LogIn follows an address as a browser does, and fills in the login page if it meets one. It returns the
// query with which the provider sends the browser back.
func (p Provider) LogIn(t *testing.T, address string) url.Values {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	var back url.Values
	browser := &http.Client{Jar: jar, CheckRedirect: func(request *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(request.URL.String(), p.Options.CallbackURL) {
			back = request.URL.Query()
			return http.ErrUseLastResponse
		}
		return nil
	}}
	visit := func(request *http.Request) *url.URL {
		response, err := browser.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Less(t, response.StatusCode, http.StatusBadRequest, "at %s", response.Request.URL)
		return response.Request.URL
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	page := visit(request)
	if back != nil {
		return back
	}
	form := url.Values{"username": {"test-user2"}, "password": {Password}, "id": {page.Query().Get("authRequestID")}}
	page.RawQuery = ""
	request, err = http.NewRequestWithContext(t.Context(), http.MethodPost, page.String(), strings.NewReader(form.Encode()))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	visit(request)
	require.NotNil(t, back, "the provider sends the browser back")
	return back
}

// JobToken is an identity token with these claims, signed as the provider signs its own. A CI system signs such
// tokens for jobs.
func JobToken(t *testing.T, at *mockoidc.MockOIDC, claims map[string]any) string {
	t.Helper()
	token, err := at.Keypair.SignJWT(jwt.MapClaims(claims))
	require.NoError(t, err)
	return token
}
