package api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/proxy"
)

// proxyTo is a proxy with an endpoint /ui to a server, and with /open for everybody.
func proxyTo(t testing.TB, target *url.URL) *proxy.Service {
	t.Helper()
	service, err := proxy.New(proxy.Options{Endpoints: []proxy.Endpoint{
		{Route: "/ui", Target: target.String(), Headers: map[string]string{"X-Key": "secret"}},
		{Route: "/read", Target: target.String(), AllowedMethods: []string{"GET"}},
		{Route: "/down", Target: "http://127.0.0.1:1"},
		{Route: "/open", Target: target.String(), Credentials: proxy.Unauthenticated},
	}})
	require.NoError(t, err)
	return service
}

// proxied is a server whose proxy leads to one that tells what it was sent.
func proxied(t *testing.T, service func(*url.URL) *proxy.Service) *api.Server {
	t.Helper()
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Set-Cookie", "a=b")
		w.WriteHeader(http.StatusTeapot)
		_, _ = fmt.Fprintf(w, "%s %s %s%s %d", r.Method, r.URL.RequestURI(), r.Header.Get("Authorization"), r.Header.Get("X-Key"), len(body))
	}))
	t.Cleanup(target.Close)
	address, err := url.Parse(target.URL)
	require.NoError(t, err)
	return newServer(t, io.Discard, func(o *api.Options) { o.Plugins = append(o.Plugins, api.NewProxyPlugin(service(address))) })
}

func TestTheProxyPassesRequestsOn(t *testing.T) {
	t.Parallel()
	server := proxied(t, func(target *url.URL) *proxy.Service { return proxyTo(t, target) })
	for name, test := range map[string]struct {
		method, path, body, authorization string
		status                            int
		expected                          string
	}{
		"a read":                               {http.MethodGet, "/api/proxy/ui/a%2Fb?c=d&c=e&f", "", "Bearer user", 418, "GET /a%2Fb?c=d&c=e&f secret 0"},
		"a write":                              {http.MethodPost, "/api/proxy/ui/a", "hello", "Bearer user", 418, "POST /a secret 5"},
		"the endpoint alone":                   {http.MethodPut, "/api/proxy/ui", "", "Bearer user", 418, "PUT / secret 0"},
		"nobody":                               {http.MethodGet, "/api/proxy/ui/a", "", "", 401, "AuthenticationError"},
		"nobody, and no endpoint":              {http.MethodGet, "/api/proxy/nothing", "", "", 401, "AuthenticationError"},
		"no endpoint":                          {http.MethodGet, "/api/proxy/nothing", "", "Bearer user", 404, ""},
		"another method":                       {http.MethodPost, "/api/proxy/read/a", "", "Bearer user", 404, ""},
		"an unknown method":                    {"PURGE", "/api/proxy/ui/a", "", "Bearer user", 404, ""},
		"a path upwards":                       {http.MethodGet, "/api/proxy/ui/%2e%2e/a", "", "Bearer user", 400, "InputError"},
		"a server that is down":                {http.MethodGet, "/api/proxy/down/a", "", "Bearer user", 502, "BadGatewayError"},
		"an open endpoint":                     {http.MethodPost, "/api/proxy/open/a", "hello", "", 418, "POST /a  5"},
		"an open endpoint, with a wrong token": {http.MethodGet, "/api/proxy/open/a", "", "Bearer wrong", 418, "GET /a  0"},
		"too much":                             {http.MethodPost, "/api/proxy/ui/a", strings.Repeat("x", 11<<20), "Bearer user", 413, "PayloadTooLargeError"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := seen(server, newRequest(t.Context(), test.method, test.path, test.body, "Authorization", test.authorization))
			require.Equal(t, test.status, answer.Code, answer.Body.String())
			if test.status == http.StatusTeapot || test.expected == "" {
				require.Equal(t, test.expected, answer.Body.String())
			}
			require.Contains(t, answer.Body.String(), test.expected)
			require.Empty(t, answer.Header().Get("Set-Cookie"))
			if test.status == http.StatusTeapot {
				require.Equal(t, "default-src 'none'; sandbox", answer.Header().Get("Content-Security-Policy"), "it must not run in the portal's origin")
			}
		})
	}
}

// TestAWriteThatCannotBeRecordedIsNotPassedOn: what the audit log does not get is not done.
func TestAWriteThatCannotBeRecordedIsNotPassedOn(t *testing.T) {
	t.Parallel()
	server := proxied(t, func(target *url.URL) *proxy.Service {
		service, err := proxy.New(proxy.Options{Endpoints: []proxy.Endpoint{{Route: "/ui", Target: target.String()}},
			Record: func(context.Context, audit.Actor, string, ...audit.Change) error { return errors.New("no database") }})
		require.NoError(t, err)
		return service
	})
	for method, status := range map[string]int{http.MethodGet: http.StatusTeapot, http.MethodPost: http.StatusInternalServerError} {
		answer := seen(server, newRequest(t.Context(), method, "/api/proxy/ui/a", "", "Authorization", "Bearer user"))
		require.Equal(t, status, answer.Code)
	}
}
