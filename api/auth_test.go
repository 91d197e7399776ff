package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/identity/provider"
	"github.com/portico-dev/portico/identity/provider/guest"
	"github.com/portico-dev/portico/identity/provider/oidc"
	"github.com/portico-dev/portico/identity/resolver"
	"github.com/portico-dev/portico/identity/sessions"
	"github.com/portico-dev/portico/identity/signin"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/oidctest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/seal"
)

// teamA is a directory in which every user is in one team, and only Jane has an email address.
type teamA struct{}

func (teamA) MemberOf(context.Context, string) ([]string, error) {
	return []string{"group:default/team-a"}, nil
}

func (teamA) FindUsers(_ context.Context, values map[string]string) ([]string, error) {
	if values["spec.profile.email"] != "jane.doe@example.com" {
		return nil, nil
	}
	return []string{"user:default/jane"}, nil
}

// authBench is an API in which a guest and, at one OpenID provider, a person may sign in.
type authBench struct {
	*api.Server

	issuer *identity.Issuer
	at     oidctest.Provider
}

const portal = "http://portico.localhost"

func newAuthServer(t *testing.T, change func(*api.AuthOptions)) authBench {
	t.Helper()
	seals, err := seal.NewKeyring(seal.GenerateKey("2026"))
	require.NoError(t, err)
	pool, log := testkit.Database(t), slog.New(slog.DiscardHandler)
	b := authBench{issuer: identity.NewIssuer(identity.IssuerOptions{URL: portal + "/api/auth", Keys: identity.NewSigningKeys(pool, seals, log),
		Ownerships: identity.NewOwnerships(pool)})}
	b.at, _ = oidctest.Mock(t, "oidc", nil)
	chain, err := resolver.New(resolver.Options{Provider: "oidc", Users: teamA{}, Entries: []resolver.Entry{{Name: "emailMatchingUserEntityProfileEmail"}}})
	require.NoError(t, err)
	options := api.AuthOptions{Issuer: b.issuer, BaseURL: portal, PortalURL: portal, ExtraOrigins: []string{"https://*.example.com"},
		SignIn: signin.New(signin.Options{Pool: pool, Seals: seals, Issuer: b.issuer, Directory: teamA{}, Log: log, Known: []string{"guest", "oidc", "okta"}, ReturnTo: portal,
			Direct:  map[string]provider.Direct{"guest": guest.Provider{UserRef: "user:default/guest", Allowed: true}},
			Clients: []signin.Client{{Provider: "oidc", Environment: "test", OAuth: oidc.New(b.at.Options), Resolvers: chain, SessionDuration: time.Hour}}})}
	if change != nil {
		change(&options)
	}
	b.Server = newServer(t, io.Discard, func(o *api.Options) {
		o.Authenticator = identity.NewAuthenticator(b.issuer, []identity.ExternalAccess{identity.StaticAccess("admin-token", "external:admin", nil)})
		o.BaseURLs = []string{options.BaseURL}
		o.Plugins[2] = api.NewAuthPlugin(options)
		o.Plugins = append(o.Plugins, api.NewSessionsPlugin(sessions.New(options.SignIn, policy.AllowKnown{})))
	})
	return b
}

// browser sends requests with the cookies that the server has set.
type browser struct {
	t   *testing.T
	jar http.CookieJar
	to  http.Handler
}

func (b authBench) browser(t *testing.T) browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return browser{t, jar, b.Server}
}

func (b browser) ask(method, address string, headers ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	request := httptest.NewRequestWithContext(b.t.Context(), method, address, nil)
	for n := 0; n < len(headers); n += 2 {
		request.Header.Set(headers[n], headers[n+1])
	}
	for _, cookie := range b.jar.Cookies(request.URL) {
		request.AddCookie(cookie)
	}
	answer := httptest.NewRecorder()
	b.to.ServeHTTP(answer, request)
	b.jar.SetCookies(request.URL, answer.Result().Cookies())
	return answer
}

const callback = portal + "/api/auth/oidc/handler/frame?"

// signIn goes to the provider and back. It returns the response to the callback.
func (b authBench) signIn(t *testing.T, with browser, query string) *httptest.ResponseRecorder {
	t.Helper()
	started := with.ask(http.MethodGet, portal+"/api/auth/oidc/start?env=test&"+query)
	require.Equal(t, http.StatusFound, started.Code, started.Body.String())
	return with.ask(http.MethodGet, callback+b.at.LogIn(t, started.Header().Get("Location")).Encode())
}

// outcome is what the page of the callback posts to the window that opened it, and to which origin.
func outcome(t *testing.T, page *httptest.ResponseRecorder) (origin string, message map[string]any) {
	t.Helper()
	require.Equal(t, http.StatusOK, page.Code)
	require.Equal(t, "text/html; charset=utf-8", page.Header().Get("Content-Type"))
	match := regexp.MustCompile(`data-outcome="([^"]*)"`).FindStringSubmatch(page.Body.String())
	require.NotNil(t, match, page.Body.String())
	var posted struct {
		Origin  string
		Message map[string]any
	}
	require.NoError(t, json.Unmarshal([]byte(html.UnescapeString(match[1])), &posted))
	require.Equal(t, "authorization_response", posted.Message["type"])
	return posted.Origin, posted.Message
}

const fromScript = "X-Requested-With"

func TestSomebodySignsInWithAPopup(t *testing.T) {
	t.Parallel()
	b := newAuthServer(t, nil)
	with := b.browser(t)
	page := b.signIn(t, with, "scope=&flow=popup&origin="+url.QueryEscape(portal))
	origin, posted := outcome(t, page)
	require.Equal(t, portal, origin)
	response, _ := posted["response"].(map[string]any)
	require.Equal(t, map[string]any{"email": "jane.doe@example.com"}, response["profile"])
	identityOf, _ := response["backstageIdentity"].(map[string]any)
	require.Equal(t, map[string]any{"type": "user", "userEntityRef": "user:default/jane",
		"ownershipEntityRefs": []any{"user:default/jane", "group:default/team-a"}}, identityOf["identity"])
	info, _ := response["providerInfo"].(map[string]any)
	require.NotEmpty(t, info["accessToken"])
	require.NotEmpty(t, info["idToken"])
	require.Contains(t, info["scope"], "openid")

	refreshed := with.ask(http.MethodGet, portal+"/api/auth/oidc/refresh?optional&scope=&env=test", fromScript, "XMLHttpRequest")
	require.Equal(t, http.StatusOK, refreshed.Code, refreshed.Body.String())
	require.Equal(t, "no-store", refreshed.Header().Get("Cache-Control"))

	signedOut := with.ask(http.MethodPost, portal+"/api/auth/oidc/logout?env=test", fromScript, "XMLHttpRequest")
	require.Equal(t, http.StatusOK, signedOut.Code)
	require.Empty(t, signedOut.Body.String())
	after := with.ask(http.MethodGet, portal+"/api/auth/oidc/refresh?env=test", fromScript, "XMLHttpRequest")
	require.Equal(t, http.StatusUnauthorized, after.Code)
	require.Equal(t, "AuthenticationError: Refresh failed; caused by InputError: Missing session cookie", message(t, after))
}

// TestThePageOfTheCallbackRunsItsScriptAlone: its content policy names the hash of the one script on it.
func TestThePageOfTheCallbackRunsItsScriptAlone(t *testing.T) {
	t.Parallel()
	b := newAuthServer(t, nil)
	page := b.signIn(t, b.browser(t), "")
	match := regexp.MustCompile(`(?s)<script>(.*)</script>`).FindStringSubmatch(page.Body.String())
	require.NotNil(t, match)
	hash := sha256.Sum256([]byte(match[1]))
	require.Contains(t, page.Header().Get("Content-Security-Policy"), "script-src 'sha256-"+base64.StdEncoding.EncodeToString(hash[:])+"'")
	require.Equal(t, "SAMEORIGIN", page.Header().Get("X-Frame-Options"))
	require.Contains(t, match[1], "postMessage(message, origin)")
	require.NotContains(t, match[1], "token", "what differs is data")
}

func TestSomebodySignsInByRedirects(t *testing.T) {
	t.Parallel()
	b := newAuthServer(t, nil)
	target := "https://portal.example.com/catalog?kind=api"
	back := b.signIn(t, b.browser(t), "flow=redirect&redirectUrl="+url.QueryEscape(target))
	require.Equal(t, http.StatusFound, back.Code)
	require.Equal(t, target, back.Header().Get("Location"))

	with := b.browser(t)
	started := with.ask(http.MethodGet, portal+"/api/auth/oidc/start?env=test&flow=redirect&redirectUrl="+url.QueryEscape(target))
	address, err := url.Parse(started.Header().Get("Location"))
	require.NoError(t, err)
	refused := with.ask(http.MethodGet, callback+url.Values{"error": {"access_denied"}, "state": {address.Query().Get("state")}}.Encode())
	require.Equal(t, http.StatusFound, refused.Code)
	location, err := url.Parse(refused.Header().Get("Location"))
	require.NoError(t, err)
	require.Equal(t, "portal.example.com", location.Host)
	require.Equal(t, url.Values{"kind": {"api"}, "error": {"The provider 'oidc' refused the sign-in: access_denied"}}, location.Query())
}

// TestNobodyIsSentElsewhere: only pages of the portal's origin and of the configured ones sign people in.
func TestNobodyIsSentElsewhere(t *testing.T) {
	t.Parallel()
	b := newAuthServer(t, nil)
	for _, elsewhere := range []string{"https://evil.example", "//evil.example", "https://example.com.evil.example", "https://x@evil.example", "javascript:alert(1)",
		"https://a.example.com@evil.example/", "https://evil.example#.example.com", `https://evil.example\.example.com`, "http://a.example.com", "null", "/relative"} {
		for _, query := range []string{"origin=", "flow=redirect&redirectUrl="} {
			answer := b.browser(t).ask(http.MethodGet, portal+"/api/auth/oidc/start?env=test&"+query+url.QueryEscape(elsewhere))
			require.Equal(t, http.StatusForbidden, answer.Code, elsewhere)
			require.Equal(t, "NotAllowedError: Origin '"+elsewhere+"' is not allowed", message(t, answer))
			require.Empty(t, answer.Result().Cookies())
		}
	}
}

// TestAnAnswerWithoutItsCookieGoesNowhere: the state alone decides nothing, so a made-up one cannot choose
// the origin or the address.
func TestAnAnswerWithoutItsCookieGoesNowhere(t *testing.T) {
	t.Parallel()
	b := newAuthServer(t, nil)
	with := b.browser(t)
	started := with.ask(http.MethodGet, portal+"/api/auth/oidc/start?env=test&origin="+url.QueryEscape(portal))
	back := b.at.LogIn(t, started.Header().Get("Location"))
	origin, message := outcome(t, b.browser(t).ask(http.MethodGet, callback+back.Encode()))
	require.Equal(t, portal, origin)
	require.Equal(t, map[string]any{"name": "NotAllowedError", "message": "Auth response is missing cookie nonce"}, message["error"])

	_, message = outcome(t, with.ask(http.MethodGet, callback+back.Encode()))
	require.NotContains(t, message, "error")
	_, message = outcome(t, with.ask(http.MethodGet, callback+back.Encode()))
	require.Equal(t, map[string]any{"name": "NotAllowedError", "message": "Auth response is missing cookie nonce"}, message["error"], "the cookie is good once")
}

func TestCookiesOfSignIn(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		base, portal string
		secure       bool
		sameSite     http.SameSite
		prefix       string
		flowPath     string
		path         string
	}{
		"over http":             {portal, portal, false, http.SameSiteLaxMode, "", "/api/auth/oidc/handler", "/api/auth/oidc"},
		"over https":            {"https://portico.localhost", "https://portico.localhost", true, http.SameSiteLaxMode, "__Host-", "/", "/"},
		"with a portal apart":   {"https://portico.localhost", "https://portal.example.com", true, http.SameSiteNoneMode, "__Host-", "/", "/"},
		"below another address": {"https://portico.localhost/portal/", "https://portico.localhost/portal", true, http.SameSiteLaxMode, "__Secure-", "/portal/api/auth/oidc/handler", "/portal/api/auth/oidc"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newAuthServer(t, func(o *api.AuthOptions) { o.BaseURL, o.PortalURL = test.base, test.portal })
			started := b.browser(t).ask(http.MethodGet, portal+"/api/auth/oidc/start?env=test")
			flow := started.Result().Cookies()
			require.Len(t, flow, 1)
			back := b.at.LogIn(t, started.Header().Get("Location"))
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, callback+back.Encode(), nil)
			request.AddCookie(flow[0])
			answer := httptest.NewRecorder()
			b.ServeHTTP(answer, request)
			for _, set := range []struct {
				cookie     *http.Cookie
				name, path string
				maxAge     int
			}{
				{flow[0], "oidc-nonce", test.flowPath, 600},
				{answer.Result().Cookies()[0], "oidc-nonce", test.flowPath, -1},
				{answer.Result().Cookies()[1], "oidc-refresh-token", test.path, 3600},
			} {
				require.Equal(t, test.prefix+set.name, set.cookie.Name)
				require.Equal(t, set.path, set.cookie.Path)
				require.Equal(t, set.maxAge, set.cookie.MaxAge)
				require.True(t, set.cookie.HttpOnly)
				require.Equal(t, test.secure, set.cookie.Secure)
				require.Equal(t, test.sameSite, set.cookie.SameSite)
				require.Empty(t, set.cookie.Domain)
			}
		})
	}
}

// TestACookieWithoutThePrefixIsNoSessionOverHTTPS: a neighbouring host could have planted it. Its session
// ends, and so does the cookie.
func TestACookieWithoutThePrefixIsNoSessionOverHTTPS(t *testing.T) {
	t.Parallel()
	b := newAuthServer(t, func(o *api.AuthOptions) {
		o.BaseURL, o.PortalURL = "https://portico.localhost", "https://portico.localhost"
	})
	started := b.browser(t).ask(http.MethodGet, portal+"/api/auth/oidc/start?env=test")
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, callback+b.at.LogIn(t, started.Header().Get("Location")).Encode(), nil)
	request.AddCookie(started.Result().Cookies()[0])
	signedIn := httptest.NewRecorder()
	b.ServeHTTP(signedIn, request)
	secret := signedIn.Result().Cookies()[1].Value
	refresh := func(name string) *httptest.ResponseRecorder {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, portal+"/api/auth/oidc/refresh?env=test", nil)
		request.Header.Set(fromScript, "XMLHttpRequest")
		request.AddCookie(&http.Cookie{Name: name, Value: secret})
		answer := httptest.NewRecorder()
		b.ServeHTTP(answer, request)
		return answer
	}
	require.Equal(t, http.StatusOK, refresh("__Host-oidc-refresh-token").Code)
	refused := refresh("oidc-refresh-token")
	require.Equal(t, http.StatusUnauthorized, refused.Code)
	dropped := refused.Result().Cookies()
	require.Len(t, dropped, 1)
	require.Equal(t, []any{"oidc-refresh-token", "/api/auth/oidc", -1}, []any{dropped[0].Name, dropped[0].Path, dropped[0].MaxAge})
	require.Equal(t, http.StatusUnauthorized, refresh("__Host-oidc-refresh-token").Code, "it was presented without the prefix before")
}

func TestRequestsOfSignInThatAreRefused(t *testing.T) {
	t.Parallel()
	b := newAuthServer(t, nil)
	for _, test := range []struct {
		method, path, header string
		status               int
		message              string
	}{
		{http.MethodGet, "/oidc/start", "", http.StatusBadRequest, "InputError: No env provided in request query parameters"},
		{http.MethodGet, "/oidc/start?env=test&flow=redirect", "", http.StatusBadRequest, "InputError: No redirectUrl provided in request query parameters"},
		{http.MethodGet, "/okta/start?env=test", "", http.StatusNotFound, "NotFoundError: No auth provider registered for 'okta'"},
		{http.MethodGet, "/saml/refresh?env=test", "XMLHttpRequest", http.StatusNotFound, "NotFoundError: Unknown auth provider 'saml'"},
		{http.MethodGet, "/oidc/refresh?env=test", "", http.StatusUnauthorized, "AuthenticationError: Invalid X-Requested-With header"},
		{http.MethodPost, "/oidc/refresh?env=test", "fetch", http.StatusUnauthorized, "AuthenticationError: Invalid X-Requested-With header"},
		{http.MethodPost, "/oidc/logout?env=test", "", http.StatusUnauthorized, "AuthenticationError: Invalid X-Requested-With header"},
		{http.MethodPost, "/saml/refresh?env=test", "", http.StatusUnauthorized, "AuthenticationError: Invalid X-Requested-With header"},
	} {
		answer := b.browser(t).ask(test.method, portal+"/api/auth"+test.path, fromScript, test.header)
		require.Equal(t, test.status, answer.Code, test.path)
		require.Equal(t, test.message, message(t, answer), test.path)
	}
}

func TestAGuestCanSignIn(t *testing.T) {
	t.Parallel()
	server := newAuthServer(t, nil)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		answer := ask(t, server.Server, method, "/api/auth/guest/refresh?optional&scope=&env=development", "", "Authorization", "", "X-Requested-With", "XMLHttpRequest")
		require.Equal(t, http.StatusOK, answer.Code)
		var session struct {
			Profile           map[string]any
			ProviderInfo      *struct{}
			BackstageIdentity struct {
				Token            string
				ExpiresInSeconds int
				Identity         json.RawMessage
			}
		}
		require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &session))
		require.Equal(t, "no-store", answer.Header().Get("Cache-Control"), "a token belongs in no cache")
		require.Nil(t, session.ProviderInfo)
		require.Equal(t, 3600, session.BackstageIdentity.ExpiresInSeconds)
		require.JSONEq(t, `{"type":"user","userEntityRef":"user:default/guest","ownershipEntityRefs":["user:default/guest","group:default/team-a"]}`,
			string(session.BackstageIdentity.Identity))
		signedIn := ask(t, server.Server, http.MethodGet, "/api/scaffolder/v2/actions", "", "Authorization", "Bearer "+session.BackstageIdentity.Token)
		require.Equal(t, http.StatusOK, signedIn.Code)
		claims := ask(t, server.Server, http.MethodGet, "/api/auth/v1/userinfo", "", "Authorization", "Bearer "+session.BackstageIdentity.Token)
		require.JSONEq(t, `{"claims":{"sub":"user:default/guest","ent":["user:default/guest","group:default/team-a"]}}`, claims.Body.String())
		require.Equal(t, "no-store", claims.Header().Get("Cache-Control"))
	}
}

func TestGuestsCanBeTurnedOff(t *testing.T) {
	t.Parallel()
	answer := ask(t, newServer(t, io.Discard, nil), http.MethodPost, "/api/auth/guest/refresh", "", "X-Requested-With", "XMLHttpRequest")
	require.Equal(t, http.StatusNotFound, answer.Code)
}

func TestTheIssuerOfUserTokensIsDescribed(t *testing.T) {
	t.Parallel()
	server := newAuthServer(t, nil)
	_, err := server.issuer.Issue(t.Context(), "user:default/ada", nil)
	require.NoError(t, err)
	described := ask(t, server.Server, http.MethodGet, "/api/auth/.well-known/openid-configuration", "", "Authorization", "")
	var configuration map[string]any
	require.NoError(t, json.Unmarshal(described.Body.Bytes(), &configuration))
	require.Equal(t, portal+"/api/auth", configuration["issuer"])
	require.Equal(t, portal+"/api/auth/.well-known/jwks.json", configuration["jwks_uri"])

	answer := ask(t, server.Server, http.MethodGet, "/api/auth/.well-known/jwks.json", "", "Authorization", "")
	keys, err := server.issuer.PublicKeys(t.Context())
	require.NoError(t, err)
	require.Len(t, keys.Keys, 1)
	expected, err := json.Marshal(keys)
	require.NoError(t, err)
	require.JSONEq(t, string(expected), answer.Body.String())
}

func TestSignOutSucceeds(t *testing.T) {
	t.Parallel()
	answer := ask(t, newAuthServer(t, nil).Server, http.MethodPost, "/api/auth/guest/logout", "", "Authorization", "", "X-Requested-With", "XMLHttpRequest")
	require.Equal(t, http.StatusOK, answer.Code)
	require.Empty(t, answer.Body.String())
}

// TestSigningOutRemovesTheCookiesOfPlugins: they would show what the person may see for up to an hour.
func TestSigningOutRemovesTheCookiesOfPlugins(t *testing.T) {
	t.Parallel()
	b := newAuthServer(t, nil)
	token, err := b.issuer.Issue(t.Context(), "user:default/jane", []string{"user:default/jane"})
	require.NoError(t, err)
	for _, provider := range []string{"oidc/logout?env=test", "guest/logout"} {
		with := b.browser(t)
		has := func(plugin string) bool {
			address, err := url.Parse(portal + "/api/" + plugin + "/any")
			require.NoError(t, err)
			return len(with.jar.Cookies(address)) > 0
		}
		for _, plugin := range []string{"scaffolder", "catalog"} {
			given := with.ask(http.MethodGet, portal+"/api/"+plugin+"/.backstage/auth/v1/cookie", "Authorization", "Bearer "+token)
			require.Equal(t, http.StatusOK, given.Code, given.Body.String())
			require.True(t, has(plugin))
		}
		require.Equal(t, http.StatusUnauthorized, with.ask(http.MethodPost, portal+"/api/auth/"+provider).Code)
		require.True(t, has("scaffolder"), "a page of another origin signs nobody out")
		require.Equal(t, http.StatusOK, with.ask(http.MethodPost, portal+"/api/auth/"+provider, fromScript, "XMLHttpRequest").Code)
		require.False(t, has("scaffolder"), provider)
		require.False(t, has("catalog"), provider)
	}
}

func TestUserInfoRefusesTokensOfServices(t *testing.T) {
	t.Parallel()
	answer := ask(t, newServer(t, io.Discard, nil), http.MethodGet, "/api/auth/v1/userinfo", "")
	require.Equal(t, http.StatusBadRequest, answer.Code)
	require.Equal(t, "InputError: Userinfo endpoint must be called with a token that represents a user principal", message(t, answer))
}

func TestUnauthenticatedCallersSeeOnlyHowToSignIn(t *testing.T) {
	t.Parallel()
	server := newServer(t, io.Discard, nil)
	require.JSONEq(t, `{"title":"Test","signIn":{"environment":"","redirect":false,"providers":[]}}`,
		ask(t, server, http.MethodGet, "/api/portico/v1/sign-in", "", "Authorization", "").Body.String())
	require.Equal(t, http.StatusUnauthorized, ask(t, server, http.MethodGet, "/api/portico/v1/info", "", "Authorization", "").Code)
	require.Equal(t, http.StatusOK, ask(t, server, http.MethodGet, "/api/portico/v1/info", "").Code)
}
