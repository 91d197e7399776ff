package diagrams_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs/diagrams"
)

const (
	png   = "\x89PNG\r\n\x1a\n..."
	plain = `<svg xmlns="http://www.w3.org/2000/svg" width="10"><rect x="1"></rect></svg>`
)

// drawing is a server of diagrams that answers by the last part of the path.
func drawing(t *testing.T) (server *httptest.Server, asked *atomic.Int32) {
	t.Helper()
	asked = &atomic.Int32{}
	answers := map[string]func(w http.ResponseWriter, r *http.Request){
		"svg": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(plain)) },
		"png": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(png)) },
		"txt": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = w.Write([]byte("a -> b"))
		},
		"html": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("<!doctype html><script>alert(1)</script>"))
		},
		"zip": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/zip")
			_, _ = w.Write([]byte("PK"))
		},
		"large": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte("a"), 5<<20)) },
		"moved": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere/svg", http.StatusFound) },
		"wrong": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Plantuml-Diagram-Error", "Syntax Error?")
			w.Header().Set("X-Plantuml-Diagram-Error-Line", "2")
			w.WriteHeader(http.StatusBadRequest)
		},
		"broken": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("<svg>"))
		},
		"slow": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	}
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		answers[r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]](w, r)
	}))
	t.Cleanup(server.Close)
	return server, asked
}

func client(t *testing.T, servers ...string) *diagrams.Client {
	t.Helper()
	c, err := diagrams.New(diagrams.Options{Servers: servers, Time: 300 * time.Millisecond, Transport: http.DefaultTransport})
	require.NoError(t, err)
	return c
}

func TestAPermittedServerDraws(t *testing.T) {
	t.Parallel()
	server, asked := drawing(t)
	c := client(t, server.URL+"/plantuml")
	for name, want := range map[string]string{"svg": plain, "png": png, "txt": "a -> b"} {
		for range 3 {
			got, err := c.Fetch(t.Context(), http.MethodGet, server.URL+"/plantuml/"+name, nil)
			require.NoError(t, err)
			require.Equal(t, want, string(got))
		}
	}
	require.Equal(t, int32(3), asked.Load(), "each was asked for once")
	_, err := c.Fetch(t.Context(), http.MethodPost, server.URL+"/plantuml/svg", []byte("other"))
	require.NoError(t, err)
	require.Equal(t, int32(4), asked.Load(), "another diagram is another picture")
}

// TestNobodyElseIsAsked: whatever the author writes, no request leaves for a server or path that is not permitted.
func TestNobodyElseIsAsked(t *testing.T) {
	t.Parallel()
	server, asked := drawing(t)
	other, askedOther := drawing(t)
	c := client(t, server.URL+"/plantuml/", "https://kroki.example.org")
	host := strings.TrimPrefix(server.URL, "http://")
	for _, address := range []string{
		other.URL + "/plantuml/svg", server.URL + "/svg", server.URL + "/plantumlx/svg", server.URL + "/plantuml/../svg", server.URL + "/plantuml/%2e%2e/svg",
		server.URL + "/plantuml/..%2fsvg", server.URL + `/plantuml/..\svg`, server.URL + "/plantuml//svg", "https://" + host + "/plantuml/svg", "http://user@" + host + "/plantuml/svg",
		server.URL + "/plantuml/svg?x=1", server.URL + "/plantuml/svg#x", "//" + host + "/plantuml/svg", "file:///plantuml/svg", "/plantuml/svg", "http://kroki.example.org/svg",
		"https://kroki.example.org:8443/svg", "https://kroki.example.org.evil.example/svg", "https://evil.example/kroki.example.org/svg", "gopher://" + host + "/plantuml/svg",
		"http://169.254.169.254/latest/meta-data", "", "http://%zz/", server.URL + "/plantuml/" + strings.Repeat("a", 70<<10) + "/svg",
	} {
		_, err := c.Fetch(t.Context(), http.MethodGet, address, nil)
		require.Contains(t, []fault.Kind{fault.Input, fault.NotAllowed}, fault.KindOf(err), "%.80s", address)
	}
	require.Zero(t, asked.Load()+askedOther.Load())
	_, err := c.Fetch(t.Context(), http.MethodGet, other.URL+"/plantuml/svg", nil)
	require.ErrorContains(t, err, "is not permitted: whoever operates Portico adds it to portico.techdocs.diagrams.servers")
	_, err = client(t).Fetch(t.Context(), http.MethodGet, other.URL+"/plantuml/svg", nil)
	require.EqualError(t, err, "no server of diagrams is permitted here: whoever operates Portico adds "+other.URL+" to portico.techdocs.diagrams.servers")
	require.Zero(t, asked.Load()+askedOther.Load())
}

func TestABadAnswerIsAnErrorWithItsReason(t *testing.T) {
	t.Parallel()
	server, asked := drawing(t)
	c := client(t, server.URL)
	for name, message := range map[string]string{
		"html": "answers what is no drawing: it is not one element svg", "zip": `answers neither a picture nor text, but "application/zip"`, "large": "has more than 4 MB",
		"moved": "answers 302 Found", "wrong": "answers 400 Bad Request: line 2: Syntax Error?", "broken": "breaks off: unexpected EOF",
		"slow": "does not answer: context deadline exceeded",
	} {
		_, err := c.Fetch(t.Context(), http.MethodGet, server.URL+"/"+name, nil)
		require.ErrorContains(t, err, message)
		require.NotContains(t, err.Error(), server.URL, "the address has the diagram in it")
	}
	before := asked.Load()
	_, err := c.Fetch(t.Context(), http.MethodGet, server.URL+"/wrong", nil)
	require.Error(t, err)
	require.Equal(t, before+1, asked.Load(), "an error is not kept")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	_, err = c.Fetch(ctx, http.MethodGet, server.URL+"/slow", nil)
	require.ErrorIs(t, err, context.Canceled)
}

func TestAnAddressThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "kroki.example.org", "ftp://kroki.example.org", "https://user:secret@kroki.example.org", "https://kroki.example.org/?a=b"} {
		_, err := diagrams.New(diagrams.Options{Servers: []string{address}})
		require.Equal(t, fault.Input, fault.KindOf(err), address)
	}
}
