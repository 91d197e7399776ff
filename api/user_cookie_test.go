package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/identity"
)

const cookiePath = "/api/scaffolder/.backstage/auth/v1/cookie"

// cookieRoutes are the routes that accept the limited token of a cookie.
var cookieRoutes = []string{"GET /api/catalog/entities/export", "GET /api/scaffolder/v2/tasks/{taskId}/eventstream", "GET /api/temporal/ui/{path}",
	"GET /api/techdocs/static/docs/{path}", "HEAD /api/techdocs/static/docs/{path}"}

// send sends a request without a token, with these headers.
func (b *accessBench) send(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	b.Helper()
	answer := httptest.NewRecorder()
	b.http.ServeHTTP(answer, newRequest(b.Context(), method, path, body, append([]string{"Authorization", "", fromScript, "XMLHttpRequest"}, headers...)...))
	return answer
}

// TestLimitedTokensAreForTheRoutesThatSaySo sends the limited token of the owner to every route, in both ways.
func TestLimitedTokensAreForTheRoutesThatSaySo(t *testing.T) {
	t.Parallel()
	b := newAccessBench(t)
	limited, err := identity.Limit(b.tokens["owner"])
	require.NoError(t, err)
	nobody, owner := slices.Index(callers, "nobody"), slices.Index(callers, "owner")
	for _, row := range accessTable {
		method, path, _ := strings.Cut(row.route, " ")
		if row.path != "" {
			path = row.path
		}
		columns := strings.Fields(row.expected)
		expected := columns[nobody]
		if slices.Contains(cookieRoutes, row.route) {
			expected = columns[owner]
		}
		for _, header := range [][]string{{"Authorization", "Bearer " + limited.Token}, {"Cookie", "backstage-auth=" + limited.Token}} {
			answer := b.send(method, b.fresh(path), b.fresh(row.body), header...)
			require.Equal(t, expected, summary(answer), "%s with %s: %s", row.route, header[0], answer.Body.String())
		}
	}
}

func TestTheHeaderWinsOverTheCookie(t *testing.T) {
	t.Parallel()
	b := newAccessBench(t)
	limited, err := identity.Limit(b.tokens["owner"])
	require.NoError(t, err)
	stream := "/api/scaffolder/v2/tasks/" + b.start("owner") + "/eventstream"
	for header, status := range map[string]int{"": 200, "Bearer wrong": 401, "Bearer " + b.tokens["user"]: 403, "Basic YTpi": 401} {
		answer := b.send(http.MethodGet, stream, "", "Authorization", header, "Cookie", "backstage-auth="+limited.Token)
		require.Equal(t, status, answer.Code, header)
	}
}

// issuedCookie is the cookie that a response sets; nil when it sets none.
func issuedCookie(t *testing.T, answer *httptest.ResponseRecorder) *http.Cookie {
	t.Helper()
	require.Equal(t, http.StatusOK, answer.Code, answer.Body.String())
	require.Equal(t, "no-store", answer.Header().Get("Cache-Control"))
	cookies := answer.Result().Cookies()
	if len(cookies) == 0 {
		return nil
	}
	require.Len(t, cookies, 1)
	return cookies[0]
}

func TestTheCookieHasALimitedToken(t *testing.T) {
	t.Parallel()
	b := newAccessBench(t)
	answer := b.send(http.MethodGet, cookiePath, "", "Authorization", "Bearer "+b.tokens["owner"])
	cookie := issuedCookie(t, answer)
	limited, err := identity.Limit(b.tokens["owner"])
	require.NoError(t, err)
	require.Equal(t, limited.Token, cookie.Value)
	require.Equal(t, "backstage-auth", cookie.Name)
	require.Equal(t, "/api/scaffolder", cookie.Path)
	require.Empty(t, cookie.Domain)
	require.True(t, cookie.HttpOnly)
	require.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
	require.InDelta(t, identity.TokenLifetime.Seconds(), cookie.MaxAge, 300)
	var body struct{ ExpiresAt time.Time }
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &body))
	require.WithinDuration(t, limited.ExpiresAt, body.ExpiresAt, time.Second)

	stream := "/api/scaffolder/v2/tasks/" + b.start("owner") + "/eventstream"
	require.Equal(t, http.StatusOK, b.send(http.MethodGet, stream, "", "Cookie", cookie.String()).Code)

	kept := b.send(http.MethodGet, cookiePath, "", "Authorization", "Bearer "+b.tokens["owner"], "Cookie", "backstage-auth="+cookie.Value)
	require.Nil(t, issuedCookie(t, kept), "it is valid for long enough")
	require.JSONEq(t, answer.Body.String(), kept.Body.String())
	another := b.send(http.MethodGet, cookiePath, "", "Authorization", "Bearer "+b.tokens["member"], "Cookie", "backstage-auth="+cookie.Value)
	require.NotNil(t, issuedCookie(t, another), "the cookie of whom used the browser before is replaced")
	broken := b.send(http.MethodGet, cookiePath, "", "Authorization", "Bearer "+b.tokens["owner"], "Cookie", "backstage-auth="+b.tokens["owner"])
	require.Equal(t, limited.Token, issuedCookie(t, broken).Value, "a full token does not stay in a cookie")
}

func TestTheCookieIsForUsersWithAFullToken(t *testing.T) {
	t.Parallel()
	b := newAccessBench(t)
	limited, err := identity.Limit(b.tokens["owner"])
	require.NoError(t, err)
	for name, test := range map[string]struct {
		headers []string
		status  int
		says    string
	}{
		"a limited token":          {[]string{"Authorization", "Bearer " + limited.Token}, 401, "AuthenticationError: Illegal limited user token"},
		"a cookie":                 {[]string{"Cookie", "backstage-auth=" + limited.Token}, 401, "AuthenticationError: Missing credentials"},
		"a cookie of a full token": {[]string{"Cookie", "backstage-auth=" + b.tokens["owner"]}, 401, "AuthenticationError: Missing credentials"},
		"a service":                {[]string{"Authorization", "Bearer service-token"}, 403, "NotAllowedError: This endpoint does not allow 'service' credentials"},
	} {
		answer := b.send(http.MethodGet, cookiePath, "", test.headers...)
		require.Equal(t, test.status, answer.Code, name)
		require.Equal(t, test.says, message(t, answer), name)
		require.Empty(t, answer.Result().Cookies(), name)
	}
}

func TestTheCookieIsRemoved(t *testing.T) {
	t.Parallel()
	b := newAccessBench(t)
	answer := b.send(http.MethodDelete, cookiePath, "", "Cookie", "backstage-auth=whatever")
	require.Equal(t, http.StatusNoContent, answer.Code)
	cookie := answer.Result().Cookies()[0]
	require.Equal(t, "backstage-auth", cookie.Name)
	require.Equal(t, "/api/scaffolder", cookie.Path)
	require.Negative(t, cookie.MaxAge)
}

// TestOnlyPluginsHaveKeysAndCookies: another path is Backstage's empty 404.
func TestOnlyPluginsHaveKeysAndCookies(t *testing.T) {
	t.Parallel()
	b := newAccessBench(t)
	for plugin, status := range map[string]int{"auth": 200, "catalog": 200, "scaffolder": 200, "permission": 200, "portico": 200, "none": 404, "openapi.json": 404, "%20": 404} {
		answer := b.send(http.MethodGet, "/api/"+plugin+"/.backstage/auth/v1/jwks.json", "")
		require.Equal(t, status, answer.Code, plugin)
		if status == http.StatusNotFound {
			require.Empty(t, answer.Body.String(), plugin)
		}
	}
}

// TestCookiesCrossSitesOnlyForAPortalElsewhere: browsers send them across sites over https only.
func TestCookiesCrossSitesOnlyForAPortalElsewhere(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		urls   []string
		same   http.SameSite
		secure bool
		path   string
	}{
		"one address":            {[]string{"https://portico.example.com/base"}, http.SameSiteLaxMode, true, "/base/api/catalog"},
		"a portal elsewhere":     {[]string{"https://api.example.org", "https://portal.example.com"}, http.SameSiteNoneMode, true, "/api/catalog"},
		"plain http":             {[]string{"http://localhost:7007", "http://localhost:3000"}, http.SameSiteLaxMode, false, "/api/catalog"},
		"plain http, elsewhere":  {[]string{"http://localhost:7007", "http://127.0.0.1:3000"}, http.SameSiteLaxMode, false, "/api/catalog"},
		"a portal on other port": {[]string{"https://localhost:7007", "https://localhost"}, http.SameSiteLaxMode, true, "/api/catalog"},
	} {
		server := newServer(t, &strings.Builder{}, func(o *api.Options) { o.BaseURLs = test.urls })
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, newRequest(t.Context(), http.MethodDelete, "http://localhost/api/catalog/.backstage/auth/v1/cookie", ""))
		require.Equal(t, http.StatusNoContent, answer.Code, name)
		cookie := answer.Result().Cookies()[0]
		require.Equal(t, test.same, cookie.SameSite, name)
		require.Equal(t, test.secure, cookie.Secure, name)
		require.Equal(t, test.path, cookie.Path, name)
	}
}
