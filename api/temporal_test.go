package api_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/policy"
)

// temporalPage is a page with a script of its own, as the Web UI's is.
const temporalPage = `<html><script>start()</script><script src="x.js"></script></html>`

// behindSignIn is a server that serves a Web UI. The Web UI answers with answer, and sends its requests to asked.
func behindSignIn(t *testing.T, answer http.HandlerFunc) (*api.Server, <-chan *http.Request) {
	t.Helper()
	asked := make(chan *http.Request, 100)
	ui := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r
		answer(w, r)
	}))
	t.Cleanup(ui.Close)
	upstream, err := url.Parse(ui.URL)
	require.NoError(t, err)
	upstream.User = url.UserPassword("portico", "hunter2")
	return newServer(t, io.Discard, func(o *api.Options) {
		o.Plugins = append(o.Plugins, api.NewTemporalPlugin(api.TemporalOptions{Log: slog.New(slog.DiscardHandler), Decider: policy.AllowKnown{},
			Upstream: upstream, Namespace: "default", BaseURL: "https://portico.example"}))
	}), asked
}

// temporalUI is the address of a Web UI that answers everything with a page.
func temporalUI(t *testing.T) *url.URL {
	t.Helper()
	ui := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, temporalPage) }))
	t.Cleanup(ui.Close)
	address, err := url.Parse(ui.URL)
	require.NoError(t, err)
	return address
}

// seen makes a request, past the check against the OpenAPI document: the Web UI answers with whatever it has.
func seen(handler http.Handler, request *http.Request) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder
}

func TestTheTemporalWebUIShowsOneNamespaceAndChangesNothing(t *testing.T) {
	t.Parallel()
	server, asked := behindSignIn(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
	for address, want := range map[string]int{
		"/":                                                  200,
		"/namespaces/default/workflows":                      200,
		"/_app/immutable/start.js":                           200,
		"/api/v1/settings":                                   200,
		"/api/v1/cluster-info":                               200,
		"/api/v1/namespaces/default":                         200,
		"/api/v1/namespaces/default/w?q=1":                   200,
		"/api/v1/namespaces":                                 404,
		"/api/v1/namespaces/":                                404,
		"/api/v1/namespaces/secret/workflows":                404,
		"/api/v1/namespaces/defaults/workflows":              404,
		"/api/v1/namespaces/default/../secret/workflows":     404,
		"/api/v1/namespaces/default%2F..%2Fsecret/workflows": 404,
		"/api/v1/namespaces/default/%2e%2e/secret/workflows": 404,
		"/api/v1//namespaces/secret/workflows":               404,
		"/api/v1/cluster/namespaces/secret":                  404,
		"/api/v1/nexus/endpoints":                            404,
		"/api/namespaces/secret/workflows":                   404,
		"/api/v2/namespaces/default":                         404,
		"/api/./v1/namespaces/secret/workflows":              404,
	} {
		answer := seen(server, newRequest(t.Context(), http.MethodGet, "/api/temporal/ui"+address, ""))
		require.Equal(t, want, answer.Code, "%s: %s", address, answer.Body)
		require.Len(t, asked, map[bool]int{true: 1}[want == http.StatusOK], address)
		if want == http.StatusOK {
			<-asked
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		answer := seen(server, newRequest(t.Context(), method, "/api/temporal/ui/api/v1/namespaces/default/workflows/run/terminate", "{}"))
		require.Equal(t, http.StatusNotFound, answer.Code, method)
	}
	require.Empty(t, asked)
}

func TestTheTemporalWebUIIsForThoseWithThePermission(t *testing.T) {
	t.Parallel()
	server, asked := behindSignIn(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
	denied := seen(server, newRequest(t.Context(), http.MethodGet, "/api/temporal/ui/", "", "Authorization", "Bearer user"))
	require.Equal(t, http.StatusForbidden, denied.Code)
	require.Contains(t, denied.Header().Get("WWW-Authenticate"), `scope="portico.temporal.read"`)
	anonymous := httptest.NewRequest(http.MethodGet, "/api/temporal/ui/", nil)
	require.Equal(t, http.StatusUnauthorized, seen(server, anonymous).Code)
	require.Empty(t, asked)
}

// TestTheTemporalWebUIAndThePortalDoNotShareCredentials: they have one origin.
func TestTheTemporalWebUIAndThePortalDoNotShareCredentials(t *testing.T) {
	t.Parallel()
	server, asked := behindSignIn(t, func(w http.ResponseWriter, _ *http.Request) {
		header := w.Header()
		header.Set("Content-Type", "text/html; charset=utf-8")
		header.Set("Content-Security-Policy", "frame-src *")
		header.Set("Access-Control-Allow-Origin", "*")
		header.Set("Set-Cookie", "oidc-refresh-token=stolen; Path=/api/auth/oidc")
		_, _ = io.WriteString(w, temporalPage)
	})
	answer := seen(server, newRequest(t.Context(), http.MethodGet, "/api/temporal/ui/", "", "Cookie", "backstage-auth=secret"))
	require.Equal(t, http.StatusOK, answer.Code)
	require.Equal(t, temporalPage, answer.Body.String())
	require.Empty(t, answer.Header().Values("Set-Cookie"))
	require.Empty(t, answer.Header().Values("Access-Control-Allow-Origin"))
	const base = "https://portico.example/api/temporal/ui/"
	require.Equal(t, []string{"default-src 'none'; script-src " + base + " 'sha256-DIm7WJS6ZKDYe5qFLPy+h4JFI9Bol5QmYC57mt3Fb00='; connect-src " + base +
		"; img-src " + base + " data:; font-src " + base + " data:; style-src " + base + " 'unsafe-inline'; manifest-src " + base + "; worker-src " + base +
		" blob:; frame-src " + base + "; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"}, answer.Header().Values("Content-Security-Policy"))
	request := <-asked
	require.Empty(t, request.Header.Get("Cookie"))
	_, password, _ := request.BasicAuth()
	require.Equal(t, "hunter2", password)
	require.Equal(t, "/api/temporal/ui/", request.URL.Path)
}

func TestTheTemporalWebUIHidesWhatChangesSomething(t *testing.T) {
	t.Parallel()
	server, _ := behindSignIn(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"DefaultNamespace":"default","DisableWriteActions":false}`)
	})
	answer := seen(server, newRequest(t.Context(), http.MethodGet, "/api/temporal/ui/api/v1/settings", ""))
	require.JSONEq(t, `{"DefaultNamespace":"default","DisableWriteActions":true}`, answer.Body.String())
}

func TestATemporalWebUIThatAnswersWrongIsABadGateway(t *testing.T) {
	t.Parallel()
	for name, respond := range map[string]http.HandlerFunc{
		"it redirects elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example/", http.StatusFound)
		},
		"it has no public path":    func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/namespaces", http.StatusFound) },
		"it breaks the connection": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		server, _ := behindSignIn(t, respond)
		answer := seen(server, newRequest(t.Context(), http.MethodGet, "/api/temporal/ui/", ""))
		require.Equal(t, http.StatusBadGateway, answer.Code, name)
		require.Empty(t, answer.Header().Get("Location"), name)
		require.NotContains(t, answer.Body.String(), "hunter2", name)
	}
}

// TestWhatTheTemporalWebUIShowsIsInNoCache: whoever loses the permission sees nothing more.
func TestWhatTheTemporalWebUIShowsIsInNoCache(t *testing.T) {
	t.Parallel()
	server, _ := behindSignIn(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=60")
		if strings.HasSuffix(r.URL.Path, "/missing.js") {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, "{}")
	})
	for address, want := range map[string]string{
		"/":                            "no-store",
		"/namespaces/default":          "no-store",
		"/_app/version.json":           "no-store",
		"/api/v1/settings":             "no-store",
		"/api/v1/namespaces/default/w": "no-store",
		"/_app/immutable/missing.js":   "no-store",
		"/_app/immutable/start.js":     "private, max-age=31536000, immutable",
	} {
		answer := seen(server, newRequest(t.Context(), http.MethodGet, "/api/temporal/ui"+address, ""))
		require.Equal(t, []string{want}, answer.Header().Values("Cache-Control"), address)
	}
}

func TestTheTemporalWebUIGetsNoBody(t *testing.T) {
	t.Parallel()
	received := make(chan []byte, 1)
	server, _ := behindSignIn(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		received <- body
		_, _ = io.WriteString(w, "{}")
	})
	request := newRequest(t.Context(), http.MethodGet, "/api/temporal/ui/", strings.Repeat("x", 1<<20))
	require.Equal(t, http.StatusOK, seen(server, request).Code)
	require.Empty(t, <-received)
}
