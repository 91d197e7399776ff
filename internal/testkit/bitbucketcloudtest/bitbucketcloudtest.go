// Package bitbucketcloudtest is a small Bitbucket Cloud for tests: a workspace with one project, whose repositories are
// real bare ones, with pull requests, pipelines and branch restrictions. It answers the paths, the shapes and the
// refusals of Atlassian's published REST API 2.0, as far as Portico's actions ask for them. It is no Bitbucket: there is
// one user with one app password, and nothing runs a pipeline.
package bitbucketcloudtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portico-dev/portico/internal/testkit/apitest"
	"github.com/portico-dev/portico/internal/testkit/gitrepos"
)

// The workspace, its project, the user with the app password, and an access token, which is nobody's.
const (
	Workspace   = "acme"
	Project     = "WEB"
	Username    = "portico"
	AppPassword = "bitbucket-password"
	AccessToken = "bitbucket-access-token"
	me          = "{00000000-0000-4000-8000-000000000001}"
	her         = "{00000000-0000-4000-8000-000000000002}"
)

// Server is a Bitbucket Cloud on a loopback port for the time of one test. Hide hides the workspace from everybody.
type Server struct {
	*apitest.Server

	// APIURL is the URL of the API.
	APIURL string
	// Git are the repositories, by name.
	Git *gitrepos.Store

	t            testing.TB
	mutex        sync.Mutex
	lastID       int
	repositories map[string]*repository
	pulls        []*pullRequest
	pipelines    []*pipeline
	restrictions []map[string]any
	// renamed is the new name of the workspace, "" for none.
	renamed     string
	workspaceID int
}

// repository is a repository besides its Git objects.
type repository struct {
	UUID, Name, Description string
	IsPrivate               bool
	Created                 time.Time
	Forks                   int
	// listed is nil for a repository with Git objects.
	listed *Listed
}

// Start serves a new Bitbucket until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, Git: gitrepos.New(t), repositories: map[string]*repository{}}
	s.Server = apitest.Start(t, s.handler())
	s.APIURL = s.URL + "/2.0"
	return s
}

// AddRepository creates a repository as somebody else.
func (s *Server) AddRepository(name string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.create(&repository{Name: name})
}

// Fork counts a fork of a repository.
func (s *Server) Fork(name string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.repositories[name].Forks++
}

func (s *Server) create(one *repository) {
	s.lastID++
	one.UUID, one.Created = fmt.Sprintf("{c0ffee00-0000-4000-8000-%012d}", s.lastID), now()
	s.repositories[one.Name] = one
	s.Git.Create(one.Name, "main")
}

// Repositories lists the repositories with their files, sorted.
func (s *Server) Repositories() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	listed := []string{}
	for name, one := range s.repositories {
		listed = append(listed, fmt.Sprintf("%s (%s, private %t): %s", name, one.Description, one.IsPrivate, strings.Join(s.Git.Files(name), " | ")))
	}
	slices.Sort(listed)
	return listed
}

// Digest changes with each change.
func (s *Server) Digest() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.Git.Digest() + apitest.Digest(s.t, s.repositories, s.pulls, s.pipelines, s.restrictions)
}

// request is a call of the API. repo is the repository of its path, nil where there is none.
type request struct {
	*http.Request

	repo *repository
	// isUser says that the credentials are the user's.
	isUser bool
}

// refusal is an answer in the form of Bitbucket.
func refusal(status int, format string, args ...any) (int, any) {
	return status, map[string]any{"type": "error", "error": map[string]any{"message": fmt.Sprintf(format, args...)}}
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	const repo = "/2.0/repositories/{workspace}/{repo}"
	for pattern, serve := range map[string]func(*Server, *request) (int, any){
		"GET /2.0/user":                                      (*Server).user,
		"GET /2.0/user/workspaces":                           (*Server).workspaces,
		"GET /2.0/workspaces/{workspace}/projects":           (*Server).listProjects,
		"GET /2.0/workspaces/{workspace}/projects/{project}": (*Server).project,
		"GET /2.0/repositories/{workspace}":                  (*Server).listRepositories,
		"GET " + repo + "/refs/branches":                     (*Server).listBranches,
		"GET " + repo:                                        (*Server).getRepository,
		"POST " + repo:                                       (*Server).createRepository,
		"DELETE " + repo:                                     (*Server).deleteRepository,
		"GET " + repo + "/forks":                             (*Server).forks,
		"POST " + repo + "/refs/branches":                    (*Server).createBranch,
		"GET " + repo + "/pullrequests":                      (*Server).listPulls,
		"POST " + repo + "/pullrequests":                     (*Server).createPull,
		"POST " + repo + "/pullrequests/{number}/decline":    (*Server).declinePull,
		"GET " + repo + "/pipelines":                         (*Server).listPipelines,
		"POST " + repo + "/pipelines":                        (*Server).startPipeline,
		"POST " + repo + "/pipelines/{uuid}/stopPipeline":    (*Server).stopPipeline,
		"GET " + repo + "/branch-restrictions":               (*Server).listRestrictions,
		"POST " + repo + "/branch-restrictions":              (*Server).createRestriction,
		"DELETE " + repo + "/branch-restrictions/{id}":       (*Server).deleteRestriction,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, serve) })
	}
	mux.HandleFunc("GET "+repo+"/src/{ref}/{path...}", s.source)
	mux.Handle("/", s.Git.Handler(gitrepos.Host{Realm: "Bitbucket.org HTTP", Accepts: isAuthenticated, Name: s.nameAt}))
	return mux
}

// authenticate reports whether the credentials are valid, and whether they are the user's.
func authenticate(r *http.Request) (isValid, isUser bool) {
	username, password, _ := r.BasicAuth()
	switch {
	case username == Username && password == AppPassword:
		return true, true
	case username == "x-token-auth" && password == AccessToken, r.Header.Get("Authorization") == "Bearer "+AccessToken:
		return true, false
	}
	return false, false
}

func isAuthenticated(r *http.Request) bool {
	isValid, _ := authenticate(r)
	return isValid
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, serve func(*Server, *request) (int, any)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	status, body := s.serve(r, serve)
	apitest.JSON(w, status, body)
}

func (s *Server) serve(r *http.Request, serve func(*Server, *request) (int, any)) (int, any) {
	isValid, isUser := authenticate(r)
	call := &request{Request: r, repo: s.named(r.PathValue("repo")), isUser: isUser}
	creates := r.Method == http.MethodPost && strings.Count(r.URL.Path, "/") == 4
	workspace := r.PathValue("workspace")
	switch {
	case !isValid:
		return refusal(http.StatusUnauthorized, "Token is invalid, expired, or not supported for this endpoint.")
	case workspace != "" && (workspace != Workspace || s.renamed != "" || s.IsHidden()):
		return refusal(http.StatusNotFound, "No workspace with identifier '%s'.", workspace)
	case r.PathValue("repo") != "" && call.repo == nil && !creates:
		return refusal(http.StatusNotFound, "You may not have access to this repository or it no longer exists in this workspace. If you think this "+
			"repository exists and you have access, make sure you are authenticated.")
	}
	return serve(s, call)
}

// named is a repository by name or UUID, nil when there is none.
func (s *Server) named(name string) *repository {
	for _, one := range s.repositories {
		if one.UUID == name || one.Name == name {
			return one
		}
	}
	return nil
}

func (*Server) user(r *request) (int, any) {
	if !r.isUser {
		return refusal(http.StatusForbidden, "Your credentials lack one or more required privilege scopes.")
	}
	return http.StatusOK, map[string]any{"type": "user", "uuid": me, "username": Username}
}

func (*Server) project(r *request) (int, any) {
	if r.PathValue("project") != Project {
		return refusal(http.StatusNotFound, "Project %s not found", r.PathValue("project"))
	}
	return http.StatusOK, map[string]any{"type": "project", "key": Project}
}

func (*Server) workspaces(r *request) (int, any) {
	if !r.isUser {
		return refusal(http.StatusForbidden, "Your credentials lack one or more required privilege scopes.")
	}
	return page([]any{map[string]any{
		"type": "workspace_access", "administrator": false, "workspace": map[string]any{"type": "workspace_base", "slug": Workspace},
	}})
}

func (*Server) listProjects(*request) (int, any) {
	return page([]any{map[string]any{"type": "project", "key": Project, "name": "Web shop"}})
}

// listRepositories lists those of a project, or all in the order in which they were created.
func (s *Server) listRepositories(r *request) (int, any) {
	if r.URL.Query().Get("sort") == "created_on" {
		return s.listCreated(r)
	}
	var listed []any
	for _, name := range slices.Sorted(maps.Keys(s.repositories)) {
		if r.URL.Query().Get("q") == `project.key = "`+Project+`"` {
			listed = append(listed, map[string]any{"type": "repository", "slug": name, "name": name})
		}
	}
	return page(listed)
}

// listBranches lists the branches whose names contain the text of the query.
func (s *Server) listBranches(r *request) (int, any) {
	if one := r.repo.listed; one != nil {
		return page([]any{map[string]any{"type": "branch", "name": one.Branch, "target": map[string]any{"hash": commit}}})
	}
	var listed []any
	text := strings.Trim(strings.TrimPrefix(r.URL.Query().Get("q"), "name ~ "), `"`)
	for _, name := range s.Git.Branches(r.repo.Name) {
		if strings.Contains(name, text) {
			listed = append(listed, map[string]any{"type": "branch", "name": name})
		}
	}
	return page(listed)
}

func (s *Server) createRepository(r *request) (int, any) {
	name := r.PathValue("repo")
	if r.repo != nil {
		return refusal(http.StatusBadRequest, "Repository with this Slug and Owner already exists.")
	}
	var body struct {
		SCM         string `json:"scm"`
		Description string `json:"description"`
		IsPrivate   bool   `json:"is_private"`
		Project     struct {
			Key string `json:"key"`
		} `json:"project"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.SCM != "git" {
		return refusal(http.StatusBadRequest, "Bad request")
	}
	if body.Project.Key != Project {
		return refusal(http.StatusBadRequest, "Project %s not found", body.Project.Key)
	}
	one := &repository{Name: name, Description: body.Description, IsPrivate: body.IsPrivate}
	s.create(one)
	return http.StatusOK, s.shape(one)
}

func href(address string) map[string]any { return map[string]any{"href": address} }

func (s *Server) shape(one *repository) map[string]any {
	page := s.URL + "/" + Workspace + "/" + one.Name
	shape := map[string]any{
		"type": "repository", "uuid": one.UUID, "name": one.Name, "full_name": Workspace + "/" + one.Name, "description": one.Description,
		"is_private": one.IsPrivate, "created_on": one.Created.Format(time.RFC3339Nano), "mainbranch": nil,
		"links": map[string]any{
			"self": href(s.APIURL + "/repositories/" + Workspace + "/" + one.Name), "html": href(page),
			"clone": []any{map[string]any{"name": "https", "href": page + ".git"}, map[string]any{"name": "ssh", "href": "git@bitbucket.org:" + Workspace + "/" + one.Name + ".git"}},
		},
	}
	if branches := s.Git.Branches(one.Name); len(branches) > 0 {
		main := branches[0]
		if slices.Contains(branches, "main") {
			main = "main"
		}
		shape["mainbranch"] = map[string]any{"type": "branch", "name": main}
	}
	return shape
}

func (s *Server) getRepository(r *request) (int, any) { return http.StatusOK, s.shape(r.repo) }

func (s *Server) deleteRepository(r *request) (int, any) {
	s.Git.Delete(r.repo.Name)
	delete(s.repositories, r.repo.Name)
	return http.StatusNoContent, nil
}

func (*Server) forks(r *request) (int, any) {
	return page(slices.Repeat([]any{map[string]any{"type": "repository"}}, r.repo.Forks))
}

func page(values []any) (int, any) {
	if values == nil {
		values = []any{}
	}
	return http.StatusOK, map[string]any{"values": values, "page": 1, "pagelen": 100}
}

func (s *Server) createBranch(r *request) (int, any) {
	var body struct {
		Name   string `json:"name"`
		Target struct {
			Hash string `json:"hash"`
		} `json:"target"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return refusal(http.StatusBadRequest, "Bad request")
	}
	if s.Git.Tip(r.repo.Name, body.Name) != "" {
		return refusal(http.StatusBadRequest, "Branch \"%s\" already exists.", body.Name)
	}
	if _, err := s.Git.Try(r.repo.Name, "branch", "--no-track", body.Name, body.Target.Hash); err != nil {
		return refusal(http.StatusBadRequest, "Target %s does not exist.", body.Target.Hash)
	}
	return http.StatusCreated, map[string]any{"type": "branch", "name": body.Name}
}

// nameAt is the name of the repository that Git finds at a path, "" when there is none.
func (s *Server) nameAt(path string) string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	named, isRepository := strings.CutPrefix(path, Workspace+"/")
	one := s.named(named)
	if !isRepository || s.IsHidden() || one == nil {
		return ""
	}
	return one.Name
}

func now() time.Time { return time.Now().UTC() }
