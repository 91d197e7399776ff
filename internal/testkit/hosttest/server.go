package hosttest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
)

// Token is the token that the servers accept.
const Token = "a-token"

// Forge is a kind of host under test.
type Forge struct {
	// API serves the REST API for the repository acme/shop, or its name on that forge. Its requests have been
	// authenticated.
	API func(repository *Repository) http.Handler
	// Config configures the host at a server, with a token; "" is none.
	Config func(serverURL, host, token string) forges.Config
	// Root is the path of the repository's URL, and Missing that of a repository that does not exist.
	Root, Missing string
	// Repo is the repository as a repoUrl names it. Without a name, it is that of Root, with an owner.
	Repo integration.Repo
	// At is the path and query of the URL of a file or directory, in a repository by its path. ref is escaped
	// if the forge requires that.
	At func(root, ref, path string) string
	// Credential is the token of a request, "" for none.
	Credential func(request *http.Request) string
	// WholeRefs means that URLs show where a branch's name ends.
	WholeRefs bool
	// RequestsWithSlashes is the number of requests to read a file on a branch with slashes whose name is
	// known; 0 is one.
	RequestsWithSlashes int
	// Hidden is the status for a request without a credential.
	Hidden int
}

// Server is a running server of a forge.
type Server struct {
	*httptest.Server
	Repository *Repository
	forge      Forge

	mutex    sync.Mutex
	requests []string
	answer   http.HandlerFunc
}

// Start serves a forge until the test ends.
func Start(t testing.TB, forge Forge) *Server {
	t.Helper()
	s := &Server{Repository: NewRepository(t), forge: forge}
	api := forge.API(s.Repository)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, api) }))
	t.Cleanup(s.Close)
	return s
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, api http.Handler) {
	s.mutex.Lock()
	s.requests = append(s.requests, r.URL.String())
	answer := s.answer
	s.mutex.Unlock()
	switch {
	case answer != nil:
		answer(w, r)
	case isGit(r.URL.Path):
		if _, password, _ := r.BasicAuth(); password != Token {
			w.Header().Set("WWW-Authenticate", "Basic")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		s.Repository.serveGit(w, r)
	case s.forge.Credential(r) == "":
		w.WriteHeader(s.forge.Hidden)
	case s.forge.Credential(r) != Token:
		w.WriteHeader(http.StatusUnauthorized)
	default:
		api.ServeHTTP(w, r)
	}
}

// Answer sets the response to all further requests; nil restores the server.
func (s *Server) Answer(answer http.HandlerFunc) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.answer = answer
}

// asked counts the requests.
func (s *Server) asked() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return len(s.requests)
}

// Set creates an integration.Set with the server, with a token.
func (s *Server) Set(t testing.TB, token string, limits integration.Limits) *integration.Set {
	t.Helper()
	set, err := forges.New(s.forge.Config(s.URL, s.Listener.Addr().String(), token), integration.Options{Limits: limits})
	require.NoError(t, err)
	return set
}

// At is the URL of a file or directory.
func (s *Server) At(ref, path string) string { return s.URL + s.forge.At(s.forge.Root, ref, path) }

// PageSize is the greatest size of the pages of a listing. It is small, so that a test needs several.
const PageSize = 3

// JSON responds with a value.
func JSON(w http.ResponseWriter, value any) {
	content, err := json.Marshal(value)
	Send(w, "application/json", content, err)
}
