// Package forgetest serves a local forge to a test: with every API exchange checked against GitHub's published
// description, and with faults where the test wants them. It is for tests only.
package forgetest

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/devstack/forge"
	"github.com/portico-dev/portico/internal/githubapi"
)

// Server is a forge on a loopback port for the time of one test. It has an organization "demo" with a team "makers", and a
// user "ann" beside the token's own.
type Server struct {
	*forge.Forge
	// URL, Host and APIBaseURL are the test server's, in place of those of a started forge.
	URL, Host, APIBaseURL string

	dataDir string
	fault   atomic.Pointer[func(*http.Request) Fault]
}

// Fault takes the place of a request's handling; next would serve it. Nil lets the request through.
type Fault func(w http.ResponseWriter, r *http.Request, next http.Handler)

// Start serves a new forge until the test ends. An exchange that GitHub would not have had fails the test.
func Start(t testing.TB) *Server {
	t.Helper()
	dataDir := t.TempDir()
	f, err := forge.New(t.Context(), forge.Options{DataDir: dataDir})
	require.NoError(t, err)
	require.NoError(t, f.AddOrganization("demo", "Demo"))
	require.NoError(t, f.AddTeam("demo", "Makers", "They make things"))
	require.NoError(t, f.AddUser("ann", "Ann"))
	server := &Server{Forge: f, dataDir: dataDir}
	server.Inject(nil)
	checked := githubapi.Checked(f.Handler(), func(err error) { t.Errorf("not as GitHub has it: %v", err) })
	listening := httptest.NewServer(server.faulty(checked))
	t.Cleanup(listening.Close)
	server.URL = listening.URL
	server.Host = strings.TrimPrefix(listening.URL, "http://")
	server.APIBaseURL = listening.URL + githubapi.Prefix
	return server
}

// Inject asks pick about every request from now on. Nil ends all faults. Pick may be called from several goroutines.
func (s *Server) Inject(pick func(*http.Request) Fault) {
	if pick == nil {
		pick = func(*http.Request) Fault { return nil }
	}
	s.fault.Store(&pick)
}

func (s *Server) faulty(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fault := (*s.fault.Load())(r); fault != nil {
			fault(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Answer refuses a request with a status and GitHub's form of a message.
func Answer(status int, message string, header http.Header) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		maps.Copy(w.Header(), header)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		w.Write([]byte(`{"message": ` + strconv.Quote(message) + `}`)) //nolint:errcheck // A test's caller may be gone.
	}
}

// Limited answers as GitHub does when a caller has sent too much.
func Limited(retryAfter time.Duration) Fault {
	header := http.Header{"Retry-After": {strconv.Itoa(int(retryAfter.Seconds()))}}
	return Answer(http.StatusTooManyRequests, "You have exceeded a secondary rate limit.", header)
}

// DropBefore breaks the connection off with the request unserved.
func DropBefore(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }

// DropAfter serves the request and breaks the connection off before the answer.
func DropAfter(_ http.ResponseWriter, r *http.Request, next http.Handler) {
	// What was begun is finished, whether or not the caller waits for it.
	next.ServeHTTP(httptest.NewRecorder(), r.WithContext(context.WithoutCancel(r.Context())))
	panic(http.ErrAbortHandler)
}

// Hang leaves the request without an answer until its caller gives up.
func Hang(_ http.ResponseWriter, r *http.Request, _ http.Handler) { <-r.Context().Done() }
