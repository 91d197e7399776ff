package proxy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/proxy"
)

var ada = identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada"}

// echo is a server that tells what it was sent.
func echo(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("X-Extra", "1")
		w.WriteHeader(http.StatusTeapot)
		_, _ = fmt.Fprintf(w, "%s %s host=%s auth=%q cookie=%q extra=%q key=%q type=%q body=%s", r.Method, r.URL.RequestURI(), r.Host, r.Header.Get("Authorization"),
			r.Header.Get("Cookie"), r.Header.Get("X-Extra"), r.Header.Get("Idempotency-Key"), r.Header.Get("Content-Type"), body)
	}))
	t.Cleanup(server.Close)
	return server
}

func hostOf(server *httptest.Server) string { return strings.TrimPrefix(server.URL, "http://") }

func newService(t *testing.T, endpoints ...proxy.Endpoint) *proxy.Service {
	t.Helper()
	service, err := proxy.New(proxy.Options{Endpoints: endpoints, Silence: 5 * time.Second})
	require.NoError(t, err)
	return service
}

// send is the status and the body of an answer.
func send(t *testing.T, service *proxy.Service, request proxy.Request) string {
	t.Helper()
	answer, err := service.Send(t.Context(), ada, request)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return fmt.Sprintf("%d %s", answer.StatusCode, body)
}

func TestPathsAreRewritten(t *testing.T) {
	t.Parallel()
	server := echo(t)
	for name, test := range map[string]struct {
		route, base string
		rewrite     []proxy.Rewrite
		path, query string
		expected    string
	}{
		"the route is removed":              {"/x", "", nil, "/x/a/b", "c=d%20e", "/a/b?c=d%20e"},
		"the route alone":                   {"/x", "", nil, "/x", "", "/"},
		"the route alone, with a query":     {"/x", "", nil, "/x", "a=1", "/?a=1"},
		"a route with a slash":              {"/x/", "", nil, "/x/a", "", "/a"},
		"a target with a path":              {"/x", "/api/v2/", nil, "/x/a", "", "/api/v2/a"},
		"escapes are kept":                  {"/x", "", nil, "/x/a%2Fb%20c", "", "/a%2Fb%20c"},
		"a rule":                            {"/x", "", []proxy.Rewrite{{"^/api/proxy/x/", "/v3/"}}, "/x/a", "", "/v3/a"},
		"the first rule that matches":       {"/x", "", []proxy.Rewrite{{"nothing", "/no/"}, {"^/api/proxy/x", "/one"}, {"a", "b"}}, "/x/a", "", "/one/a"},
		"groups as in JavaScript":           {"/x", "", []proxy.Rewrite{{"^/api/proxy/x/([a-z]+)/(\\d+)", "/$2/$1/$$"}}, "/x/abc/42/z", "", "/42/abc/$/z"},
		"the first match alone":             {"/x", "", []proxy.Rewrite{{"a", "b"}}, "/x/aa", "", "/bpi/proxy/x/aa"},
		"no rules at all":                   {"/x", "", []proxy.Rewrite{}, "/x/a", "", "/api/proxy/x/a"},
		"a rule for the query":              {"/x", "", []proxy.Rewrite{{"^/api/proxy/x/(.*)", "/$1&key=1"}}, "/x/a", "b=2", "/a?b=2&key=1"},
		"a rule that looks like an address": {"/x", "", []proxy.Rewrite{{"^/api/proxy/x", "@evil.example.com"}}, "/x/a", "", "/@evil.example.com/a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			service := newService(t, proxy.Endpoint{Route: test.route, Target: server.URL + test.base, PathRewrite: test.rewrite})
			require.Contains(t, send(t, service, proxy.Request{Method: http.MethodGet, Path: test.path, Query: test.query}), "418 GET "+test.expected+" host="+hostOf(server))
		})
	}
}

func TestHeadersPassByName(t *testing.T) {
	t.Parallel()
	server := echo(t)
	sent := http.Header{"Authorization": {"Bearer portico"}, "Cookie": {"session=1"}, "X-Extra": {"2"}, "Content-Type": {"text/x"}, "Idempotency-Key": {"k"}}
	for name, test := range map[string]struct {
		endpoint proxy.Endpoint
		expected string
		back     http.Header
	}{
		"the harmless ones": {proxy.Endpoint{}, `host=` + hostOf(server) + ` auth="" cookie="" extra="" key="k" type="text/x" body=hello`, http.Header{}},
		"those of the configuration": {proxy.Endpoint{Headers: map[string]string{"authorization": "Token secret", "X-Extra": "3"}},
			`auth="Token secret" cookie="" extra="3"`, http.Header{}},
		"those that are allowed": {proxy.Endpoint{AllowedHeaders: []string{"x-extra", "Cookie"}}, `auth="" cookie="session=1" extra="2"`, http.Header{"X-Extra": {"1"}}},
		"the token":              {proxy.Endpoint{Credentials: proxy.Forward}, `auth="Bearer portico" cookie=""`, http.Header{}},
		"the host":               {proxy.Endpoint{KeepHost: true}, `host=portico.example.com auth=""`, http.Header{}},
		"another host":           {proxy.Endpoint{KeepHost: true, Headers: map[string]string{"Host": "other.example.com"}}, `host=other.example.com auth=""`, http.Header{}},
		"not another host":       {proxy.Endpoint{Headers: map[string]string{"Host": "other.example.com"}}, `host=` + hostOf(server) + ` auth=""`, http.Header{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.endpoint.Route, test.endpoint.Target = "/x", server.URL
			answer, err := newService(t, test.endpoint).Send(t.Context(), ada, proxy.Request{Method: http.MethodPost, Path: "/x", Host: "portico.example.com", Header: sent,
				Body: strings.NewReader("hello"), Length: 5})
			require.NoError(t, err)
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			require.NoError(t, err)
			require.Contains(t, string(body), test.expected)
			require.Equal(t, "text/plain", answer.Header.Get("Content-Type"))
			answer.Header.Del("Content-Type")
			answer.Header.Del("Content-Length")
			require.Equal(t, test.back, answer.Header)
		})
	}
}

func TestWhatIsNotPassedOn(t *testing.T) {
	t.Parallel()
	server := echo(t)
	service := newService(t, proxy.Endpoint{Route: "/read", Target: server.URL, AllowedMethods: []string{"GET"}}, proxy.Endpoint{Route: "/re", Target: "http://127.0.0.1:1"},
		proxy.Endpoint{Route: "/open", Target: server.URL, Credentials: proxy.Unauthenticated})
	for name, test := range map[string]struct {
		principal    identity.Principal
		method, path string
		kind         fault.Kind
	}{
		"no endpoint":              {ada, http.MethodGet, "/nothing", fault.NotFound},
		"a name that only begins":  {ada, http.MethodGet, "/reader", fault.NotFound},
		"another method":           {ada, http.MethodPost, "/read/a", fault.NotFound},
		"nobody":                   {identity.Principal{}, http.MethodGet, "/read/a", fault.Authentication},
		"a path upwards":           {ada, http.MethodGet, "/read/a/../../b", fault.Input},
		"a path upwards, escaped":  {ada, http.MethodGet, "/read/%2e%2E%2Fb", fault.Input},
		"a path upwards, Windows'": {ada, http.MethodGet, "/read/..%5Cb", fault.Input},
		"a wrong escape":           {ada, http.MethodGet, "/read/%zz", fault.Input},
		"a server that is down":    {ada, http.MethodGet, "/re/a", fault.BadGateway},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := service.Send(t.Context(), test.principal, proxy.Request{Method: test.method, Path: test.path}) //nolint:bodyclose // there is none
			require.Equal(t, test.kind, fault.KindOf(err), "%v", err)
		})
	}
	require.True(t, service.IsOpen("/open/a"))
	require.False(t, service.IsOpen("/read/a"))
	answer, err := service.Send(t.Context(), identity.Principal{}, proxy.Request{Method: http.MethodGet, Path: "/open/a"})
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
}

func TestRedirectsStayWithTheTarget(t *testing.T) {
	t.Parallel()
	inside := echo(t)
	outside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/inside":
			http.Redirect(w, r, inside.URL+"/latest/meta-data", http.StatusFound)
		case "/itself":
			http.Redirect(w, r, "/end", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		default:
			_, _ = io.WriteString(w, "the end")
		}
	}))
	t.Cleanup(outside.Close)
	service := newService(t, proxy.Endpoint{Route: "/follow", Target: outside.URL, FollowRedirects: true}, proxy.Endpoint{Route: "/pass", Target: outside.URL})
	require.Equal(t, "200 the end", send(t, service, proxy.Request{Method: http.MethodGet, Path: "/follow/itself"}))
	for path, message := range map[string]string{"/follow/inside": "redirects to another server, which is not followed", "/follow/loop": "it redirects more than 5 times"} {
		_, err := service.Send(t.Context(), ada, proxy.Request{Method: http.MethodGet, Path: path}) //nolint:bodyclose // there is none
		require.Equal(t, fault.BadGateway, fault.KindOf(err))
		require.ErrorContains(t, err, message)
		require.NotContains(t, err.Error(), inside.URL)
	}
	answer, err := service.Send(t.Context(), ada, proxy.Request{Method: http.MethodGet, Path: "/pass/inside"})
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusFound, answer.StatusCode)
	require.Empty(t, answer.Header.Get("Location"), "as in Backstage")
}

func TestAnAnswerIsStreamed(t *testing.T) {
	t.Parallel()
	next := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "first")
		w.(http.Flusher).Flush()
		select {
		case <-next:
			_, _ = io.WriteString(w, "second")
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	answer, err := newService(t, proxy.Endpoint{Route: "/x", Target: server.URL}).Send(t.Context(), ada, proxy.Request{Method: http.MethodGet, Path: "/x"})
	require.NoError(t, err)
	defer answer.Body.Close()
	first := make([]byte, 5)
	_, err = io.ReadFull(answer.Body, first)
	require.NoError(t, err)
	require.Equal(t, "first", string(first), "it is there before the second part is sent")
	close(next)
	rest, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, "second", string(rest))
}

func TestASilentTargetIsGivenUp(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/begins" {
			_, _ = io.WriteString(w, "first")
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	service, err := proxy.New(proxy.Options{Endpoints: []proxy.Endpoint{{Route: "/x", Target: server.URL}}, Silence: 100 * time.Millisecond})
	require.NoError(t, err)
	_, err = service.Send(t.Context(), ada, proxy.Request{Method: http.MethodGet, Path: "/x/never"}) //nolint:bodyclose // there is none
	require.Equal(t, fault.BadGateway, fault.KindOf(err), "%v", err)

	answer, err := service.Send(t.Context(), ada, proxy.Request{Method: http.MethodGet, Path: "/x/begins"})
	require.NoError(t, err)
	defer answer.Body.Close()
	_, err = io.ReadAll(answer.Body)
	require.ErrorContains(t, err, "the target said nothing more for too long")
}

func TestWritesAreRecordedBeforeTheyAreSent(t *testing.T) {
	t.Parallel()
	server, recorded := echo(t), []string{}
	var failure error
	service, err := proxy.New(proxy.Options{Endpoints: []proxy.Endpoint{{Route: "/x", Target: server.URL}},
		Record: func(_ context.Context, actor audit.Actor, resource string, changes ...audit.Change) error {
			recorded = append(recorded, fmt.Sprint(actor.Subject, " ", resource, " ", changes[0].New, " ", changes[1].New))
			return failure
		}})
	require.NoError(t, err)
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPost, http.MethodDelete} {
		answer, err := service.Send(t.Context(), ada, proxy.Request{Method: method, Path: "/x/things", Query: "token=canary"})
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
	}
	require.Equal(t, []string{"user:default/ada /x/things POST /x", "user:default/ada /x/things DELETE /x"}, recorded)
	failure = errors.New("no database")
	_, err = service.Send(t.Context(), ada, proxy.Request{Method: http.MethodPost, Path: "/x/things"}) //nolint:bodyclose // there is none
	require.ErrorIs(t, err, failure)
}

func TestInvalidEndpointsAreRefused(t *testing.T) {
	t.Parallel()
	const canary = "canary-5d1f0a"
	for name, test := range map[string]struct {
		endpoint proxy.Endpoint
		message  string
	}{
		"no target":           {proxy.Endpoint{Route: "/x"}, "proxy endpoint '/x': it has no target"},
		"no URL":              {proxy.Endpoint{Route: "/x", Target: canary}, "proxy endpoint '/x': its target is not an http or https URL"},
		"another scheme":      {proxy.Endpoint{Route: "/x", Target: "file:///" + canary}, "proxy endpoint '/x': its target is not an http or https URL"},
		"a password":          {proxy.Endpoint{Route: "/x", Target: "https://u:" + canary + "@h"}, "proxy endpoint '/x': its target has a user or a password: put them into an Authorization header"},
		"a query":             {proxy.Endpoint{Route: "/x", Target: "https://h/?" + canary}, "proxy endpoint '/x': its target has a query or a fragment, which would not be sent"},
		"no slash":            {proxy.Endpoint{Route: "x", Target: "https://h"}, "proxy endpoint 'x': its name must begin with a slash"},
		"unknown credentials": {proxy.Endpoint{Route: "/x", Target: "https://h", Credentials: "none"}, "proxy endpoint '/x': unknown credentials 'none': expected one of 'require', 'forward', 'dangerously-allow-unauthenticated'"},
		"a wrong pathRewrite": {proxy.Endpoint{Route: "/x", Target: "https://h", PathRewrite: []proxy.Rewrite{{"(", ""}}}, "proxy endpoint '/x': pathRewrite: error parsing regexp: missing closing ): `(`"},
		"a lookahead in a rule": {proxy.Endpoint{Route: "/x", Target: "https://h", PathRewrite: []proxy.Rewrite{{"(?=a)", ""}}},
			"proxy endpoint '/x': pathRewrite: error parsing regexp: invalid or unsupported Perl syntax: `(?=`"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := proxy.New(proxy.Options{Endpoints: []proxy.Endpoint{test.endpoint}})
			require.EqualError(t, err, test.message)
			var log bytes.Buffer
			service, err := proxy.New(proxy.Options{Endpoints: []proxy.Endpoint{test.endpoint}, SkipInvalid: true, Log: slog.New(slog.NewTextHandler(&log, nil))})
			require.NoError(t, err)
			require.Contains(t, log.String(), "an endpoint of the proxy is left out")
			require.NotContains(t, log.String(), canary)
			_, err = service.Send(t.Context(), ada, proxy.Request{Method: http.MethodGet, Path: "/x"}) //nolint:bodyclose // there is none
			require.Equal(t, fault.NotFound, fault.KindOf(err))
		})
	}
}

// TestCertificatesAreVerified: unless the configuration says otherwise.
func TestCertificatesAreVerified(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(server.Close)
	service := newService(t, proxy.Endpoint{Route: "/checked", Target: server.URL}, proxy.Endpoint{Route: "/trusted", Target: server.URL, SkipTLSVerify: true})
	_, err := service.Send(t.Context(), ada, proxy.Request{Method: http.MethodGet, Path: "/checked"}) //nolint:bodyclose // there is none
	require.Equal(t, fault.BadGateway, fault.KindOf(err))
	require.Equal(t, "200 hello", send(t, service, proxy.Request{Method: http.MethodGet, Path: "/trusted"}))
}

func FuzzAPathStaysWithTheTarget(f *testing.F) {
	for _, path := range []string{"/x/a", "/x//evil.example.com", "/x/@evil", "/x/%2e%2e/a", "/x/\\evil", "/x/http://evil"} {
		f.Add(path, "q=1")
	}
	reached := make(chan *url.URL, 1)
	service, err := proxy.New(proxy.Options{Endpoints: []proxy.Endpoint{{Route: "/x", Target: "http://target.example.com/base"}},
		Wrap: func(http.RoundTripper) http.RoundTripper {
			return roundTrip(func(r *http.Request) (*http.Response, error) {
				reached <- r.URL
				return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody, Header: http.Header{}, Request: r}, nil
			})
		}})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, path, query string) {
		answer, err := service.Send(t.Context(), ada, proxy.Request{Method: http.MethodGet, Path: path, Query: query})
		if err != nil {
			return
		}
		require.NoError(t, answer.Body.Close())
		at := <-reached
		require.Equal(t, "target.example.com", at.Host)
		require.True(t, strings.HasPrefix(at.Path, "/base/"), at.Path)
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
