// Package apitest is what the servers of tests that stand for another system share: a place to listen at, faults, and
// answers in JSON. It knows no system's API.
package apitest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// Server is an HTTP server on a loopback port for the time of one test.
type Server struct {
	// URL is "http://" and the Host.
	URL, Host string

	isHidden atomic.Bool
	wrap     atomic.Pointer[Wrap]
}

// Wrap puts something in front of a handler.
type Wrap = func(http.Handler) http.Handler

// Start serves a handler until the test ends.
func Start(t testing.TB, handler http.Handler) *Server {
	t.Helper()
	s := &Server{}
	s.Inject(nil)
	listening := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		(*s.wrap.Load())(handler).ServeHTTP(w, r)
	}))
	t.Cleanup(listening.Close)
	s.URL, s.Host = listening.URL, strings.TrimPrefix(listening.URL, "http://")
	return s
}

// Inject puts something in front of the server, in place of what was there. Nil is nothing.
func (s *Server) Inject(wrap Wrap) {
	if wrap == nil {
		wrap = func(next http.Handler) http.Handler { return next }
	}
	s.wrap.Store(&wrap)
}

// Hide hides what the server has, as from a caller that lost access, until show is called. What IsHidden hides is up
// to the server's handler.
func (s *Server) Hide() (show func()) {
	s.isHidden.Store(true)
	return func() { s.isHidden.Store(false) }
}

// IsHidden reports whether Hide was called, and show was not.
func (s *Server) IsHidden() bool { return s.isHidden.Load() }

// Refuse answers the requests of a method to paths with a prefix, in place of the server, with a status and a body.
func Refuse(method, prefix string, status int, body string) Wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == method && strings.HasPrefix(r.URL.Path, prefix) {
				http.Error(w, body, status)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// JSON answers a request with a status and a body; nil is no body.
func JSON(w http.ResponseWriter, status int, body any) {
	if body == nil {
		w.WriteHeader(status)
		return
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(encoded) // the caller may be gone
}

// Digest is a text that changes with each change of what a server keeps: of exported fields, maps and lists.
func Digest(t testing.TB, kept ...any) string {
	t.Helper()
	encoded, err := json.Marshal(kept)
	if err != nil {
		t.Error(err)
	}
	return string(encoded)
}
