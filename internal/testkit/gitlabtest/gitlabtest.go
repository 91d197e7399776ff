// Package gitlabtest runs a small GitLab for a test: the part of its REST API (version 4) and of its GraphQL API that
// Portico calls, in memory, on real bare repositories that are served over Git's smart HTTP protocol. It is for tests only.
//
// It is not GitLab. GitLab's published OpenAPI description is licensed so that it cannot be part of this project,
// so exchanges are held to the types of GitLab's official client instead: a request with a field or a query
// parameter that the client's options do not have fails the test, and every answer is encoded from the client's
// types. GraphQL queries are held to graphql.graphql, a part of GitLab's schema. What GitLab answers to what follows its documentation and the exchanges recorded from Backstage.
package gitlabtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/portico-dev/portico/internal/devstack/githttp"
)

const (
	// Token is that of the user "portico", and AnnToken that of the user "ann".
	Token    = "token-of-portico"
	AnnToken = "token-of-ann"

	prefix = "/api/v4"
)

// Numbers of the users.
const (
	Portico int64 = 1
	Ann     int64 = 2
	Ben     int64 = 3
)

// Server is a GitLab on a loopback port for the time of one test. It has the users portico, ann and ben, and a
// group "acme" that portico owns.
type Server struct {
	// URL, Host and APIBaseURL are the server's.
	URL, Host, APIBaseURL string

	t       testing.TB
	git     *git
	backend githttp.Backend
	fault   atomic.Pointer[func(*http.Request) Fault]

	mutex    sync.Mutex
	numbers  int64
	users    []*gitlab.User
	groups   []*group
	projects []*project
	keeps    bool
	// migrations are the imports, and slow says that they go on.
	migrations []*migration
	slow       bool
}

// Fault handles a request instead of the server, whose handler is next. Nil leaves the request to the server.
type Fault func(w http.ResponseWriter, r *http.Request, next http.Handler)

// Start serves a new GitLab until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	executable, err := exec.LookPath("git")
	require.NoError(t, err)
	s := &Server{t: t, git: &git{executable: executable, directory: t.TempDir()}, numbers: 100}
	s.backend = githttp.Backend{Executable: executable, Environment: s.git.environment(), Log: slog.New(slog.DiscardHandler)}
	s.addUser(Portico, "portico")
	s.addUser(Ann, "ann")
	s.addUser(Ben, "ben")
	s.Inject(nil)
	listening := httptest.NewServer(s.handler())
	t.Cleanup(listening.Close)
	s.URL, s.Host = listening.URL, strings.TrimPrefix(listening.URL, "http://")
	s.APIBaseURL = s.URL + prefix
	s.AddGroup("acme", Portico)
	return s
}

func (s *Server) addUser(number int64, name string) {
	s.users = append(s.users, &gitlab.User{
		ID: number, Username: name, Name: strings.ToUpper(name[:1]) + name[1:], Email: name + "@example.com", State: "active",
		WebURL: "https://gitlab.example/" + name, CreatedAt: now(), NamespaceID: 1000 + number,
	})
}

// AddUser makes a user, and returns the number.
func (s *Server) AddUser(name string) int64 {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	number := s.number()
	s.addUser(number, name)
	return number
}

// WithUser lets a test change a user.
func (s *Server) WithUser(number int64, do func(found *gitlab.User)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	do(s.user(number))
}

// RemoveUser deletes a user with all memberships.
func (s *Server) RemoveUser(number int64) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.users = slices.DeleteFunc(s.users, func(one *gitlab.User) bool { return one.ID == number })
	for _, one := range s.groups {
		delete(one.Members, number)
	}
}

// now is a time as GitLab keeps it.
func now() *time.Time { return new(time.Now().UTC().Truncate(time.Millisecond)) }

// number is a new number. They grow.
func (s *Server) number() int64 {
	s.numbers++
	return s.numbers
}

// Inject calls pick for every request from now on, to choose its fault. Nil ends all faults.
func (s *Server) Inject(pick func(*http.Request) Fault) {
	if pick == nil {
		pick = func(*http.Request) Fault { return nil }
	}
	s.fault.Store(&pick)
}

// Answer refuses a request with a status and GitLab's form of a message.
func Answer(status int, message string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { refuse(w, status, message) }
}

// Client is a client of the API with a token.
func (s *Server) Client(t testing.TB, token string) *gitlab.Client {
	t.Helper()
	client, err := gitlab.NewClient(token, gitlab.WithBaseURL(s.APIBaseURL), gitlab.WithoutRetries())
	require.NoError(t, err)
	return client
}

// KeepDeleted makes the server keep deleted projects and groups for some days, as GitLab does by default.
func (s *Server) KeepDeleted() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.keeps = true
}

// Digest is a checksum of all that the server keeps: it changes with each change.
func (s *Server) Digest(t testing.TB) string {
	t.Helper()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	sum := sha256.New()
	encoder := json.NewEncoder(sum)
	for _, one := range s.groups {
		require.NoError(t, encoder.Encode([]any{one.Group, one.Members}))
	}
	for _, one := range s.projects {
		require.NoError(t, encoder.Encode([]any{one.Project, one.Members, one.Protected, one.Variables, one.AccessTokens, one.DeployTokens,
			one.Triggers, one.Pipelines, one.Issues, one.Requests}))
		refs, err := s.git.run(t.Context(), one.ID, nil, "for-each-ref")
		require.NoError(t, err)
		sum.Write(refs)
	}
	for _, one := range s.migrations {
		require.NoError(t, encoder.Encode(one.Entity))
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// handler serves the API and Git behind the faults.
func (s *Server) handler() http.Handler {
	api := s.api()
	served := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if request, is := githttp.Parse(r); is {
			s.serveGit(w, r, request)
			return
		}
		// As on GitLab, a call is finished even if the client does not wait for the response.
		api.ServeHTTP(w, r.WithContext(context.WithoutCancel(r.Context())))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fault := (*s.fault.Load())(r); fault != nil {
			fault(w, r, served)
			return
		}
		served.ServeHTTP(w, r)
	})
}

// serveGit serves a fetch or a push of somebody who has the token as the password.
func (s *Server) serveGit(w http.ResponseWriter, r *http.Request, request githttp.Request) {
	_, password, _ := r.BasicAuth()
	who := s.userOf(password)
	if who == nil {
		w.Header().Set("WWW-Authenticate", `Basic realm="GitLab"`)
		http.Error(w, "HTTP Basic: Access denied", http.StatusUnauthorized)
		return
	}
	s.mutex.Lock()
	found := s.projectAt(request.Repository)
	if found == nil || !s.sees(who, found) {
		s.mutex.Unlock()
		http.Error(w, "The project you were looking for could not be found", http.StatusNotFound)
		return
	}
	number := found.ID
	s.mutex.Unlock()
	s.backend.Serve(w, r, request, s.git.repository(number))
	if !request.Writes {
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.settle(r.Context(), found)
}

// settle makes the first branch of a project its default one, and protects it.
func (s *Server) settle(ctx context.Context, changed *project) {
	branches := s.git.branches(ctx, changed.ID)
	if len(branches) == 0 || slices.Contains(branches, changed.DefaultBranch) {
		return
	}
	changed.DefaultBranch, changed.EmptyRepo = branches[0], false
	changed.Protected = append(changed.Protected, branches[0])
}

func (s *Server) userOf(token string) *gitlab.User {
	switch token {
	case Token:
		return s.user(Portico)
	case AnnToken:
		return s.user(Ann)
	default:
		return nil
	}
}

func (s *Server) user(number int64) *gitlab.User {
	at := slices.IndexFunc(s.users, func(one *gitlab.User) bool { return one.ID == number })
	if at < 0 {
		return nil
	}
	return s.users[at]
}

func basic(user *gitlab.User) *gitlab.BasicUser {
	return &gitlab.BasicUser{ID: user.ID, Username: user.Username, Name: user.Name, State: user.State, WebURL: user.WebURL}
}

// page is an URL of a page.
func (s *Server) page(path string, args ...any) string {
	return s.URL + "/" + fmt.Sprintf(path, args...)
}
