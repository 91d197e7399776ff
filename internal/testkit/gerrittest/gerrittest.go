// Package gerrittest is a small Gerrit for tests: repositories that are real bare ones, and changes that pushes to
// refs/for/ make. It answers the paths, the shapes and the refusals of Gerrit's published REST API, as far as Portico's
// actions ask for them. It is no Gerrit: there is one account with one password, and nobody reviews anything.
package gerrittest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/portico-dev/portico/internal/testkit/apitest"
	"github.com/portico-dev/portico/internal/testkit/gitrepos"
)

// The account and its password.
const (
	Username = "portico"
	Password = "gerrit-password"
)

// Server is a Gerrit on a loopback port for the time of one test. Hide hides everything from the account.
type Server struct {
	*apitest.Server

	// Git are the repositories, by name.
	Git *gitrepos.Store

	t        testing.TB
	mutex    sync.Mutex
	projects map[string]*project
	changes  []*change
	// cannotDelete says that the plugin delete-project is not there.
	cannotDelete atomic.Bool
}

type project struct {
	Parent      string   `json:"parent"`
	Description string   `json:"description"`
	Owners      []string `json:"owners"`
}

type change struct {
	Project  string `json:"project"`
	Branch   string `json:"branch"`
	ChangeID string `json:"change_id"`
	Subject  string `json:"subject"`
	Status   string `json:"status"`
	Number   int    `json:"_number"`
	Comments int    `json:"total_comment_count"`
}

// Start serves a new Gerrit until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, Git: gitrepos.New(t), projects: map[string]*project{}}
	s.Server = apitest.Start(t, s.handler())
	return s
}

// RemovePlugin removes the plugin delete-project.
func (s *Server) RemovePlugin() { s.cannotDelete.Store(true) }

// AddRepository creates a repository as somebody else.
func (s *Server) AddRepository(name string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.create(name, &project{Parent: "All-Projects"})
}

func (s *Server) create(name string, one *project) {
	s.projects[name] = one
	s.Git.Create(name, "master")
}

// Repositories lists the repositories with their files, sorted.
func (s *Server) Repositories() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	listed := []string{}
	for name, one := range s.projects {
		listed = append(listed, fmt.Sprintf("%s (%s, of %s, by %v): %s", name, one.Description, one.Parent, one.Owners, strings.Join(s.Git.Files(name), " | ")))
	}
	slices.Sort(listed)
	return listed
}

// Changes lists the changes that were not abandoned.
func (s *Server) Changes() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	listed := []string{}
	for _, one := range s.changes {
		if one.Status != "ABANDONED" {
			listed = append(listed, fmt.Sprintf("%s %s: %s %s", one.Project, one.Branch, one.Subject, one.Status))
		}
	}
	return listed
}

// EachChange changes all changes as somebody else: it comments on them, or merges them.
func (s *Server) EachChange(merge bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, one := range s.changes {
		one.Comments++
		if merge {
			one.Status = "MERGED"
		}
	}
}

// Digest changes with each change.
func (s *Server) Digest() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.Git.Digest() + apitest.Digest(s.t, s.projects, s.changes)
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, serve := range map[string]func(*Server, *http.Request) (int, any){
		"GET /a/accounts/self/capabilities/administrateServer": (*Server).capability,
		"GET /a/projects/{name}":                               (*Server).getProject,
		"PUT /a/projects/{name}":                               (*Server).createProject,
		"POST /a/projects/{name}/delete-project~delete":        (*Server).deleteProject,
		"GET /a/changes/":                                      (*Server).listChanges,
		"POST /a/changes/{number}/abandon":                     (*Server).abandon,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, serve) })
	}
	mux.Handle("/", s.Git.Handler(gitrepos.Host{Realm: "Gerrit Code Review", Accepts: isAuthenticated, Name: s.nameAt, Pushed: s.receive}))
	return mux
}

func isAuthenticated(r *http.Request) bool {
	username, password, _ := r.BasicAuth()
	return username == Username && password == Password
}

// answer writes JSON behind the line with which Gerrit prevents its inclusion, and refusals as texts.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, serve func(*Server, *http.Request) (int, any)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	status, body := http.StatusUnauthorized, any("Unauthorized")
	if isAuthenticated(r) {
		status, body = serve(s, r)
	}
	text, isText := body.(string)
	if isText || body == nil {
		w.Header().Set("Content-Type", "text/plain;charset=utf-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text) // the caller may be gone
		return
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append([]byte(")]}'\n"), encoded...)) // as above
}

func (s *Server) capability(*http.Request) (int, any) {
	if s.IsHidden() {
		return http.StatusNotFound, "Not found: administrateServer"
	}
	return http.StatusOK, "ok"
}

func (s *Server) getProject(r *http.Request) (int, any) {
	one := s.projects[r.PathValue("name")]
	if one == nil || s.IsHidden() {
		return http.StatusNotFound, "Not found: " + r.PathValue("name")
	}
	return http.StatusOK, one
}

func (s *Server) createProject(r *http.Request) (int, any) {
	name := r.PathValue("name")
	if s.projects[name] != nil {
		return http.StatusConflict, "Project \"" + name + "\" exists"
	}
	one := &project{}
	if err := json.NewDecoder(r.Body).Decode(one); err != nil {
		return http.StatusBadRequest, err.Error()
	}
	if slices.Contains(one.Owners, "nobody") {
		return http.StatusUnprocessableEntity, "Group Not Found: nobody"
	}
	s.create(name, one)
	return http.StatusCreated, one
}

func (s *Server) deleteProject(r *http.Request) (int, any) {
	name := r.PathValue("name")
	if s.cannotDelete.Load() || s.projects[name] == nil || s.IsHidden() {
		return http.StatusNotFound, "Not found: delete-project~delete"
	}
	delete(s.projects, name)
	s.Git.Delete(name)
	return http.StatusNoContent, nil
}

func (s *Server) listChanges(r *http.Request) (int, any) {
	listed := []*change{}
	kind, value, _ := strings.Cut(r.URL.Query().Get("q"), ":")
	for _, one := range s.changes {
		if !s.IsHidden() && (kind == "change" && one.ChangeID == value || kind == "project" && one.Project == value) {
			listed = append(listed, one)
		}
	}
	return http.StatusOK, listed
}

func (s *Server) abandon(r *http.Request) (int, any) {
	for _, one := range s.changes {
		if strconv.Itoa(one.Number) == r.PathValue("number") {
			one.Status = "ABANDONED"
			return http.StatusOK, one
		}
	}
	return http.StatusNotFound, "Not found: " + r.PathValue("number")
}

// nameAt is the name of the repository that Git finds at a path, "" when there is none.
func (s *Server) nameAt(path string) string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	name, isRepository := strings.CutPrefix(path, "a/")
	if !isRepository || s.IsHidden() || s.projects[name] == nil {
		return ""
	}
	return name
}

var changeIDPattern = regexp.MustCompile(`(?m)^Change-Id: (I[0-9a-f]{40})$`)

// receive makes changes of the commits that were pushed to refs/for/, which is no place where refs stay.
func (s *Server) receive(name string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for ref := range strings.FieldsSeq(s.Git.Git(name, "for-each-ref", "--format=%(refname)", "refs/for")) {
		message := s.Git.Git(name, "log", "-1", "--format=%B", ref)
		hash := s.Git.Git(name, "rev-parse", ref)
		s.Git.Git(name, "update-ref", "-d", ref)
		found := changeIDPattern.FindStringSubmatch(message)
		if found == nil {
			continue
		}
		subject, _, _ := strings.Cut(message, "\n")
		one := &change{
			Project: name, Branch: strings.TrimPrefix(ref, "refs/for/"), ChangeID: found[1], Subject: subject, Status: "NEW", Number: len(s.changes) + 1,
		}
		s.changes = append(s.changes, one)
		s.Git.Git(name, "update-ref", fmt.Sprintf("refs/changes/%02d/%d/1", one.Number%100, one.Number), hash)
	}
}
