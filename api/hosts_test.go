package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
)

// hostedServer is a server with two addresses, two more names, and one allowed origin.
func hostedServer(t *testing.T) *api.Server {
	t.Helper()
	return newServer(t, io.Discard, func(o *api.Options) {
		o.BaseURLs = []string{"https://api.example.org/base", "https://Portal.example.org:8443"}
		o.Hosts = []string{"portico.svc", "*.Internal.example.org"}
		o.CORS = api.CORS{Origins: []string{"https://*.friends.example"}, Methods: []string{"POST"}}
		o.Portal = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "a page") })
	})
}

// TestAReboundNameIsRefused: to a browser, a page whose name was rebound to our address has our origin.
func TestAReboundNameIsRefused(t *testing.T) {
	t.Parallel()
	server := hostedServer(t)
	for _, host := range []string{
		"api.example.org", "api.example.org:443", "API.example.org.", "portal.example.org", "portico.svc:7007", "a.internal.example.org",
		"a.b.internal.example.org", "localhost", "localhost:7007", "127.0.0.1:7007", "[::1]:7007", "10.0.0.7", "",
	} {
		require.Equal(t, http.StatusOK, askHost(server, http.MethodGet, host, "/api/scaffolder/v2/actions").Code, host)
		require.Equal(t, http.StatusOK, askHost(server, http.MethodGet, host, "/").Code, host)
	}
	for _, host := range []string{"evil.example", "evil.example:7007", "api.example.org.evil.example", "internal.example.org", "xinternal.example.org", "127.0.0.1.nip.io"} {
		for _, path := range []string{"/api/scaffolder/v2/actions", "/api/auth/guest/refresh", "/api/portico/v1/info", "/", "/nope"} {
			answer := askHost(server, http.MethodGet, host, path)
			require.Equal(t, http.StatusMisdirectedRequest, answer.Code, "%s%s", host, path)
			require.Contains(t, message(t, answer), "add the name to portico.server.allowedHosts")
		}
		require.Equal(t, http.StatusOK, askHost(server, http.MethodGet, host, "/.backstage/health/v1/readiness").Code, "a load balancer asks by any name")
	}
}

func TestTheConfigurationCanAllowAnyHostName(t *testing.T) {
	t.Parallel()
	server := newServer(t, io.Discard, func(o *api.Options) { o.Hosts = []string{"*"} })
	require.Equal(t, http.StatusOK, askHost(server, http.MethodGet, "anything.example", "/api/scaffolder/v2/actions").Code)
}

// TestPagesOfOtherSitesCannotWrite: a write takes effect even if the page cannot read the response.
func TestPagesOfOtherSitesCannotWrite(t *testing.T) {
	t.Parallel()
	server := hostedServer(t)
	for name, test := range map[string]struct {
		site, origin string
		passes       bool
	}{
		"no browser":                        {"", "", true},
		"our own page":                      {"same-origin", "https://api.example.org", true},
		"an address that was typed":         {"none", "", true},
		"an older browser on our own page":  {"", "http://localhost:7007", true},
		"the portal at its own address":     {"same-site", "https://portal.example.org:8443", true},
		"an origin that is let in":          {"cross-site", "https://a.friends.example", true},
		"another site":                      {"cross-site", "https://evil.example", false},
		"another site of ours":              {"same-site", "https://wiki.example.org", false},
		"another port of the portal":        {"same-site", "https://portal.example.org", false},
		"another site, in an older browser": {"", "https://evil.example", false},
		"a page without an origin":          {"cross-site", "null", false},
		"one that hides it":                 {"cross-site", "", false},
		"one that only looks like a friend": {"cross-site", "https://friends.example.evil.example", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodGet} {
				answer := askHost(server, method, "localhost:7007", "/api/catalog/nope", "Sec-Fetch-Site", test.site, "Origin", test.origin)
				if test.passes || method == http.MethodGet {
					require.Equal(t, http.StatusNotFound, answer.Code, method)
					continue
				}
				require.Equal(t, http.StatusForbidden, answer.Code, method)
				require.Contains(t, message(t, answer), "A page of another site may not change anything here")
			}
		})
	}
}

// askHost sends a request with a Host header; headers are pairs of name and value, those without a value are
// left out.
func askHost(handler http.Handler, method, host, path string, headers ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, path, nil)
	request.Host = host
	request.Header.Set("Authorization", "Bearer service")
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] != "" {
			request.Header.Set(headers[i], headers[i+1])
		}
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	return answer
}

func TestOriginsAreComparedAsHosts(t *testing.T) {
	t.Parallel()
	for pattern, test := range map[string]struct{ in, out []string }{
		"https://*.example.com": {[]string{"https://a.example.com", "https://a.b.example.com", "https://A.Example.com", "https://a.example.com:443"},
			[]string{"https://example.com", "https://example.com.evil.org", "https://evil.org/?x.example.com", "https://evil.org?x.example.com",
				"https://evil.org#.example.com", "https://evil.org@a.example.com", "https://a.example.com.", "http://a.example.com",
				"https://a.example.com:8443", "https://a.example.com/", "https://.example.com", "https://evilexample.com", "null", "a.example.com"}},
		"https://example.com*":     {[]string{"https://example.com"}, []string{"https://example.com.evil.org", "https://example.com:8443"}},
		"http://localhost:*":       {[]string{"http://localhost", "http://localhost:3000"}, []string{"http://localhost.evil.org:3000", "https://localhost:3000"}},
		"http://localhost:3000/":   {[]string{"http://localhost:3000"}, []string{"http://localhost:30001", "http://localhost"}},
		"https://pr-*.example.com": {[]string{"https://pr-7.example.com"}, []string{"https://pr-7.evil.example.com", "https://pr-.evil.com"}},
		"http://*":                 {[]string{"http://a", "http://a.b:3000", "http://[::1]:3000"}, []string{"https://a"}},
		"http://[::1]:3000":        {[]string{"http://[::1]:3000"}, []string{"http://[::2]:3000"}},
		"*":                        {nil, []string{"http://a", "*"}},
		"example.com":              {nil, []string{"http://example.com", "example.com"}},
	} {
		t.Run(pattern, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, io.Discard, func(o *api.Options) { o.CORS = api.CORS{Origins: []string{pattern}} })
			for _, origin := range test.in {
				answer := askHost(server, http.MethodOptions, "localhost", "/api/catalog/entities", "Origin", origin)
				require.Equal(t, origin, answer.Header().Get("Access-Control-Allow-Origin"))
			}
			for _, origin := range test.out {
				answer := askHost(server, http.MethodOptions, "localhost", "/api/catalog/entities", "Origin", origin)
				require.Empty(t, answer.Header().Get("Access-Control-Allow-Origin"), origin)
			}
		})
	}
}

// TestCookiesOfABrowserDoNotAuthenticateOtherPages: a browser adds a cookie whichever page sends the request.
func TestCookiesOfABrowserDoNotAuthenticateOtherPages(t *testing.T) {
	t.Parallel()
	const friend, portal = "https://a.friends.example", "https://portal.example.org:8443"
	for name, test := range map[string]struct {
		site, origin, script string
		credentials, passes  bool
	}{
		"our own page":                            {site: "same-origin", origin: "https://api.example.org", passes: true},
		"the portal at its own address":           {site: "same-site", origin: portal, passes: true},
		"an origin whose cookies are allowed":     {site: "cross-site", origin: friend, credentials: true, passes: true},
		"an origin that may not send cookies":     {site: "cross-site", origin: friend, script: "XMLHttpRequest"},
		"another site":                            {site: "cross-site", origin: "https://evil.example", credentials: true},
		"a browser that names no site":            {credentials: true},
		"a script in a browser that names none":   {script: "XMLHttpRequest", passes: true},
		"an older browser on another site's page": {origin: "https://evil.example", script: "XMLHttpRequest"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, io.Discard, func(o *api.Options) {
				o.BaseURLs = []string{"https://api.example.org", portal}
				o.CORS = api.CORS{Origins: []string{"https://*.friends.example"}, Credentials: test.credentials}
			})
			for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
				request := httptest.NewRequest(method, "/api/catalog/nope", nil)
				request.AddCookie(&http.Cookie{Name: "oidc-refresh-token", Value: "secret"})
				for header, value := range map[string]string{"Sec-Fetch-Site": test.site, "Origin": test.origin, "X-Requested-With": test.script} {
					if value != "" {
						request.Header.Set(header, value)
					}
				}
				answer := httptest.NewRecorder()
				server.ServeHTTP(answer, request)
				require.Equal(t, map[bool]int{true: http.StatusUnauthorized, false: http.StatusForbidden}[test.passes], answer.Code, method)
			}
		})
	}
}
