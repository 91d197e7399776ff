package integration_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/github"
)

func TestReadURLFromGitHub(t *testing.T) {
	t.Parallel()
	fake := newGitHub(t, entry{path: "docs/a b.yaml", content: "kind: Component"})
	set := fake.set(t, integration.Limits{})

	for _, kind := range []string{"blob", "tree", "raw"} {
		read, err := set.ReadURL(t.Context(), fake.URL+"/acme/shop/"+kind+"/main/docs/a%20b.yaml", integration.ReadOptions{})
		require.NoError(t, err)
		require.Equal(t, integration.Result{Body: []byte("kind: Component"), ETag: `"etag"`}, read)
	}
	require.Equal(t, "/api/v3/repos/acme/shop/contents/docs/a b.yaml Bearer a-token", fake.recorded()[0])

	_, err := set.ReadURL(t.Context(), fake.file("docs/a b.yaml"), integration.ReadOptions{ETag: `"etag"`, Token: "mine"})
	require.ErrorIs(t, err, integration.ErrNotModified)
	require.Equal(t, "/api/v3/repos/acme/shop/contents/docs/a b.yaml Bearer mine", fake.recorded()[3])
}

func TestReadURLWithoutTokenReadsRawFiles(t *testing.T) {
	t.Parallel()
	fake := newGitHub(t, entry{path: "x.yaml", content: "x"})
	set, err := forges.New(forges.Config{
		GitHub: []github.Config{{Host: fake.host(), RawBaseURL: fake.URL + "/raw"}},
	}, integration.Options{})
	require.NoError(t, err)
	read, err := set.ReadURL(t.Context(), fake.file("x.yaml"), integration.ReadOptions{})
	require.NoError(t, err)
	require.Equal(t, "x", string(read.Body))
	require.Equal(t, []string{"/raw/acme/shop/main/x.yaml "}, fake.recorded())
	canonical, err := set.CanonicalURL(t.Context(), fake.file("x.yaml"))
	require.NoError(t, err)
	require.Equal(t, fake.file("x.yaml"), canonical, "there is no API to list branches")

	_, err = set.ReadTree(t.Context(), fake.URL+"/acme/shop", integration.ReadOptions{})
	require.ErrorContains(t, err, "has no apiBaseUrl")
}

func TestReadURLReturnsGitHubsErrors(t *testing.T) {
	t.Parallel()
	fake := newGitHub(t, entry{path: "big", content: strings.Repeat("x", 11)})
	set := fake.set(t, integration.Limits{FileBytes: 10})
	read := func(path string) error {
		_, err := set.ReadURL(t.Context(), fake.file(path), integration.ReadOptions{})
		return err
	}
	api := fake.URL + "/api/v3/repos/acme/shop/contents/"

	err := read("missing.yaml")
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	require.EqualError(t, err, "Request failed for "+api+"missing.yaml?ref=main, 404 Not Found")

	var refused *integration.ResponseError
	require.ErrorAs(t, read("500"), &refused)
	require.Equal(t, http.StatusInternalServerError, refused.Status)
	require.True(t, refused.Temporary())

	require.ErrorAs(t, read("422"), &refused)
	require.False(t, refused.Temporary())

	for _, limited := range []string{"403", "429"} {
		err = read(limited)
		require.ErrorAs(t, err, &refused)
		require.True(t, refused.RateLimited)
		require.True(t, refused.Temporary())
		require.Equal(t, 7*time.Second, refused.RetryAfter)
		require.ErrorContains(t, err, "(rate limit exceeded)")
	}
	require.ErrorContains(t, read("big"), "it is larger than 10 bytes")
}

func TestReadURLRefusesURLsWithoutAFile(t *testing.T) {
	t.Parallel()
	fake := newGitHub(t)
	set := fake.set(t, integration.Limits{})
	tests := map[string]string{
		"/acme":                                   "Incorrect URL: %s, Error: Invalid GitHub URL or file path",
		"/acme/shop":                              "Incorrect URL: %s, Error: Invalid GitHub URL or file path",
		"/acme/shop/blob":                         "Incorrect URL: %s, Error: Invalid GitHub URL or file path",
		"/acme/shop/blob/main":                    "Incorrect URL: %s, Error: Invalid GitHub URL or file path",
		"/acme/shop/edit/main/x.yaml":             "Incorrect URL: %s, Error: Invalid GitHub URL or file path",
		"/acme/shop/issues/main/x.yaml":           "Incorrect URL: %s, Error: Invalid GitHub URL or file path",
		"/ac%2Fme/shop/blob/main/x.yaml":          "Incorrect URL: %s, Error: Invalid GitHub URL or file path",
		"/acme/shop/blob/main/%2e%2e/x.yaml":      "Incorrect URL: %s, Error: Invalid SCM URL: path traversal is not allowed in the URL",
		"/acme/shop/blob/main/a/%252e%252e/x":     "Incorrect URL: %s, Error: Invalid SCM URL: path traversal is not allowed in the URL",
		"/acme/shop/blob/..%2F..%2Fuser/x.yaml":   "Incorrect URL: %s, Error: Invalid SCM URL: path traversal is not allowed in the URL",
		"/acme/shop/blob/main/a%5C..%5Csecret.md": "Incorrect URL: %s, Error: Invalid SCM URL: path traversal is not allowed in the URL",
	}
	for path, message := range tests {
		_, err := set.ReadURL(t.Context(), fake.URL+path, integration.ReadOptions{})
		require.Equal(t, fault.Input, fault.KindOf(err), path)
		require.EqualError(t, err, strings.ReplaceAll(message, "%s", fake.URL+path))
	}
	require.Empty(t, fake.recorded())
}

// newPlainHost serves text, a redirect per hop of /hops/<n>, one to every host in /to/, and what the other
// paths say.
func newPlainHost(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /public/a.yaml", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		if r.Header.Get("If-None-Match") == `"1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write([]byte("text " + r.Header.Get("Authorization")))
	})
	mux.HandleFunc("GET /public/to", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Query().Get("url"), http.StatusFound)
	})
	mux.HandleFunc("GET /public/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/public/loop", http.StatusFound) })
	mux.HandleFunc("GET /public/broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	mux.Handle("GET /public/signed", http.RedirectHandler("/public/broken?signature=secret", http.StatusFound))
	mux.HandleFunc("GET /private/a.yaml", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("secret")) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func TestReadURLOfAllowedHosts(t *testing.T) {
	t.Parallel()
	host := newPlainHost(t)
	other := newPlainHost(t)
	set, err := forges.New(forges.Config{}, integration.Options{
		ReadingAllow: []integration.AllowRule{{Host: hostOf(t, host.URL), Paths: []string{"/public"}}},
	})
	require.NoError(t, err)
	read := func(path string) error {
		_, err := set.ReadURL(t.Context(), host.URL+path, integration.ReadOptions{})
		return err
	}

	result, err := set.ReadURL(t.Context(), host.URL+"/public/a.yaml", integration.ReadOptions{Token: "mine"})
	require.NoError(t, err)
	require.Equal(t, integration.Result{Body: []byte("text Bearer mine"), ETag: `"1"`}, result)
	require.NoError(t, read("/public/to?url=/public/a.yaml"))

	_, err = set.ReadURL(t.Context(), host.URL+"/public/a.yaml", integration.ReadOptions{ETag: `"1"`})
	require.ErrorIs(t, err, integration.ErrNotModified)

	err = read("/public/missing.yaml")
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	require.EqualError(t, err, "could not read "+host.URL+"/public/missing.yaml, 404 Not Found")

	var refused *integration.ResponseError
	require.ErrorAs(t, read("/public/broken"), &refused)
	require.True(t, refused.Temporary())
	require.EqualError(t, read("/public/signed"), "could not read "+host.URL+"/public/signed, 502 Bad Gateway", "not where it led to")
	err = read("/public/loop")
	require.ErrorContains(t, err, "Too many redirects (max 5) when reading "+host.URL+"/public/loop")
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))

	for _, elsewhere := range []string{other.URL + "/public/a.yaml", "/private/a.yaml", "file:///etc/passwd", "http://127.0.0.1/x"} {
		err = read("/public/to?url=" + elsewhere)
		require.ErrorContains(t, err, "URL not allowed by backend.reading.allow configuration: ", elsewhere)
		require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	}
}

// TestRedirectsKeepTheTokenAtItsOrigin redirects to another port of the same host name, which is also
// allowed.
func TestRedirectsKeepTheTokenAtItsOrigin(t *testing.T) {
	t.Parallel()
	host, other := newPlainHost(t), newPlainHost(t)
	set, err := forges.New(forges.Config{}, integration.Options{
		ReadingAllow: []integration.AllowRule{{Host: hostOf(t, host.URL)}, {Host: hostOf(t, other.URL)}},
	})
	require.NoError(t, err)
	for target, body := range map[string]string{other.URL + "/public/a.yaml": "text ", "/public/a.yaml": "text Bearer mine"} {
		read, err := set.ReadURL(t.Context(), host.URL+"/public/to?url="+target, integration.ReadOptions{Token: "mine"})
		require.NoError(t, err)
		require.Equal(t, body, string(read.Body), target)
	}
}

// TestTheWaitThatAHostAsksForIsBounded: a host could otherwise stop its callers forever, or cause an
// overflow.
func TestTheWaitThatAHostAsksForIsBounded(t *testing.T) {
	t.Parallel()
	for _, header := range []http.Header{
		{"Retry-After": {"3601"}}, {"Retry-After": {"9223372036854775807"}}, {"Retry-After": {"99999999999999999999"}},
		{"Retry-After": {"Fri, 31 Dec 9999 23:59:59 GMT"}}, {"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"253402300799"}},
	} {
		err := integration.AnswerError(&http.Response{StatusCode: http.StatusTooManyRequests, Header: header}, "read")
		wait, may := integration.MayPass(err)
		require.True(t, may)
		require.Equal(t, integration.MaxRetryAfter, wait, "%s", header)
	}
}

func TestAHostThatDoesNotAnswerIsNamedOnce(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	set, err := forges.New(forges.Config{}, integration.Options{
		ReadingAllow: []integration.AllowRule{{Host: strings.TrimPrefix(gone.URL, "http://")}},
	})
	require.NoError(t, err)
	_, err = set.ReadURL(t.Context(), gone.URL+"/a.yaml?token=secret", integration.ReadOptions{})
	require.ErrorContains(t, err, "Unable to read "+gone.URL+"/a.yaml, dial tcp ")
	require.Equal(t, 1, strings.Count(err.Error(), "/a.yaml"), err)
	after, may := integration.MayPass(err)
	require.True(t, may)
	require.Zero(t, after)
}

// TestNetworkErrorsNameTheHost: errors of the network identify the host.
func TestNetworkErrorsNameTheHost(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cut", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("GET /short", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("x"))
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("GET /ill", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	mux.HandleFunc("GET /busy", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) })
	mux.HandleFunc("GET /forbidden", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	server, gone := httptest.NewServer(mux), httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	gone.Close()
	set, err := forges.New(forges.Config{}, integration.Options{ReadingAllow: []integration.AllowRule{
		{Host: strings.TrimPrefix(server.URL, "http://")}, {Host: strings.TrimPrefix(gone.URL, "http://")}, {Host: "no-such-host.invalid"},
	}})
	require.NoError(t, err)
	for target, expected := range map[string]bool{
		server.URL + "/cut": true, server.URL + "/short": true, server.URL + "/ill": true, server.URL + "/busy": true, gone.URL + "/x": true,
		"http://no-such-host.invalid/x": true, server.URL + "/forbidden": false, server.URL + "/nothing": false, "http://elsewhere.example/x": false,
	} {
		_, err := set.ReadURL(t.Context(), target, integration.ReadOptions{})
		require.Error(t, err)
		require.Equal(t, expected, integration.IsHostFailure(fmt.Errorf("step x: %w", err)), "%s: %v", target, err)
		if expected {
			parsed, parseErr := url.Parse(target)
			require.NoError(t, parseErr)
			require.ErrorContains(t, err, parsed.Host)
			_, may := integration.MayPass(err)
			require.True(t, may)
		}
	}
	left, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = set.ReadURL(left, server.URL+"/ill", integration.ReadOptions{})
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, integration.IsHostFailure(err), "the caller left")
}

func TestReadURLRefusesHostsThatAreNotAllowed(t *testing.T) {
	t.Parallel()
	set, err := forges.New(forges.Config{}, integration.Options{
		ReadingAllow: []integration.AllowRule{{Host: "example.com", Paths: []string{"/public/"}}},
	})
	require.NoError(t, err)
	refused := []string{
		"https://example.com/private/a.yaml", "https://example.com/public", "https://example.com/public/../private/a.yaml",
		"https://example.com/public/%2e%2e/private", "https://example.com:8443/public/a", "https://www.example.com/public/a",
		"http://169.254.169.254/latest/meta-data", "https://codeberg.org/a/b/src/branch/main/x.yaml",
	}
	for _, target := range refused {
		for _, read := range []func() error{
			func() error { _, err := set.ReadURL(t.Context(), target, integration.ReadOptions{}); return err },
			func() error { _, err := set.ReadTree(t.Context(), target, integration.ReadOptions{}); return err },
			func() error { _, err := set.Search(t.Context(), target, integration.ReadOptions{}); return err },
		} {
			err := read()
			require.Equal(t, fault.NotAllowed, fault.KindOf(err), target)
			require.EqualError(t, err, "Reading from '"+target+"' is not allowed. You may need to configure an integration for the "+
				"target host, or add it to the configured list of allowed hosts at 'backend.reading.allow'")
		}
	}
	for _, malformed := range []string{"", "x", "/etc/passwd", "file:///etc/passwd", "ftp://example.com/x", "https://u:p@example.com/public/a", "ftp://u:p@example.com/x",
		"https://u:p@ example.com/x", "https://u%zz:p@example.com/x", "u:p@example.com/x"} {
		_, readErr := set.ReadURL(t.Context(), malformed, integration.ReadOptions{})
		_, treeErr := set.ReadTree(t.Context(), malformed, integration.ReadOptions{})
		_, searchErr := set.Search(t.Context(), malformed, integration.ReadOptions{})
		for _, err := range []error{readErr, treeErr, searchErr} {
			require.Equal(t, fault.Input, fault.KindOf(err), malformed)
			require.NotContains(t, err.Error(), ":p@")
		}
	}
}

func TestAllowRules(t *testing.T) {
	t.Parallel()
	unreachable := errors.New("the request was let through")
	transport := roundTripper(func(*http.Request) (*http.Response, error) { return nil, unreachable })
	tests := []struct {
		host    string
		paths   []string
		allowed []string
		refused []string
	}{
		{host: "example.com", allowed: []string{"https://example.com/x", "http://example.com", "https://EXAMPLE.com:443/x"},
			refused: []string{"https://example.com:80/x", "https://notexample.com/x"}},
		{host: "*.example.com", allowed: []string{"https://a.example.com/", "https://a.b.example.com/"}, refused: []string{"https://example.com/", "https://aexample.com/"}},
		{host: "example.com:8080", allowed: []string{"http://example.com:8080/"}, refused: []string{"http://example.com/", "http://example.com:8081/"}},
		{host: "example.com:8000-9000", allowed: []string{"http://example.com:8000/", "http://example.com:9000/"}, refused: []string{"http://example.com:7999/", "http://example.com:9001/"}},
		{host: "example.com:443", allowed: []string{"https://example.com/"}, refused: []string{"http://example.com/"}},
		{host: "example.com", paths: []string{"/a/b", "/c/"}, allowed: []string{"https://example.com/a/b", "https://example.com/a/b/c", "https://example.com/c/", "https://example.com/c/d"},
			refused: []string{"https://example.com/a/bc", "https://example.com/c", "https://example.com/", "https://example.com/c/../d"}},
		{host: "example.com", paths: []string{}, refused: []string{"https://example.com/"}},
	}
	for _, test := range tests {
		set, err := forges.New(forges.Config{}, integration.Options{
			Transport: transport, ReadingAllow: []integration.AllowRule{{Host: test.host, Paths: test.paths}},
		})
		require.NoError(t, err)
		for _, target := range test.allowed {
			_, err := set.ReadURL(t.Context(), target, integration.ReadOptions{})
			require.ErrorIs(t, err, unreachable, "%s %s", test.host, target)
		}
		for _, target := range test.refused {
			_, err := set.ReadURL(t.Context(), target, integration.ReadOptions{})
			require.Equal(t, fault.NotAllowed, fault.KindOf(err), "%s %s", test.host, target)
		}
	}
	for _, host := range []string{"", "a.*.com", "*", "x:y", "x:0", "x:9-1", "x:1-2-3", "x:99999", "x/y", "https://x"} {
		_, err := forges.New(forges.Config{}, integration.Options{ReadingAllow: []integration.AllowRule{{Host: host}}})
		require.ErrorContains(t, err, "backend.reading.allow", host)
	}
}

// TestAllowedPathsHoldForEveryDecoding lists paths that some server reads as one outside of the allowed
// paths.
func TestAllowedPathsHoldForEveryDecoding(t *testing.T) {
	t.Parallel()
	unreachable := errors.New("the request was let through")
	transport := roundTripper(func(*http.Request) (*http.Response, error) { return nil, unreachable })
	set, err := forges.New(forges.Config{}, integration.Options{
		Transport: transport, ReadingAllow: []integration.AllowRule{{Host: "example.com", Paths: []string{"/public/", "/one.yaml"}}},
	})
	require.NoError(t, err)
	for name, path := range map[string]string{
		"escaped":                   "/public/%2e%2e/private",
		"escaped slash":             "/public%2f..%2fprivate",
		"escaped twice":             "/public/%252e%252e/private",
		"escaped twice in part":     "/public/.%252e/private",
		"slash escaped twice":       "/public/..%252fprivate",
		"escaped three times":       "/public/%25252e%25252e/private",
		"escaped without end":       "/public/%2525252525252525252e",
		"escaped for IIS":           "/public/%25u002e%25u002e/private",
		"parameters":                "/public/..;/private",
		"parameters with a value":   "/public/..;a=b/private",
		"parameters, escaped":       "/public/..%3b/private",
		"parameters, escaped twice": "/public/..%253bx/private",
		"parameters of one dot":     "/public/.;/..;x/private",
		"backslash":                 "/public/..%5cprivate",
		"backslash, unescaped":      "/public/..\\private",
		"backslashes":               "/public%5c..%5cprivate",
		"backslash, escaped twice":  "/public/..%255cprivate",
		"backslash and parameters":  "/public/..;%5cprivate",
		"a blank at the end":        "/public/..%20/private",
		"overlong dots":             "/public/%c0%ae%c0%ae/private",
		"wide dots":                 "/public/%ef%bc%8e%ef%bc%8e/private",
		"wide slash":                "/public/..%ef%bc%8fprivate",
		"two dots as one":           "/public/%e2%80%a5/private",
		"NUL":                       "/public/%00/../private",
		"NUL, escaped twice":        "/public/a%2500",
		"a line":                    "/public/a%0d%0ab",
		"parameters of the one":     "/one.yaml;x",
		"below the one":             "/one.yaml/../private",
		"two slashes":               "//private",
		"above":                     "/public/../public/../private",
	} {
		_, err := set.ReadURL(t.Context(), "https://example.com"+path, integration.ReadOptions{})
		require.Equal(t, fault.NotAllowed, fault.KindOf(err), "%s: %v", name, err)
	}
	for _, path := range []string{
		"/public/a.yaml", "/public/a;b.yaml", "/public/100%25.yaml", "/public/a%20b/c.yaml", "/public/%C3%A4.yaml", "/public/a%2Fb.yaml", "/public/..a/b",
		"/public/a/../b", "/public/a%5Cb", "/one.yaml", "/public/", "/public/a+b=c&d,e:f@g", "/public/.hidden/x",
	} {
		_, err := set.ReadURL(t.Context(), "https://example.com"+path, integration.ReadOptions{})
		require.ErrorIs(t, err, unreachable, path)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }
