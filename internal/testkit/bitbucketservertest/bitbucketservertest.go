// Package bitbucketservertest is a small Bitbucket Server for tests: a project whose repositories are real bare ones,
// with pull requests. It answers the paths, the shapes and the refusals of Atlassian's published REST API 1.0, as far as
// Portico's actions ask for them. It is no Bitbucket: there is one user with one token.
package bitbucketservertest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portico-dev/portico/internal/testkit/apitest"
	"github.com/portico-dev/portico/internal/testkit/gitrepos"
)

// The project, and the token of the user. Git takes the token as a password.
const (
	Project = "WEB"
	Token   = "bitbucket-server-token"
)

// Server is a Bitbucket Server on a loopback port for the time of one test. Hide hides the project from everybody.
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
}

// repository is a repository besides its Git objects.
type repository struct {
	ID                  int
	Name, Description   string
	IsPublic, HasLFS    bool
	Forks               int
	DefaultBranch, Home string
}

// pullRequest is a pull request of a repository.
type pullRequest struct {
	Repo                               string
	ID, Version                        int
	Source, Target, Title, Text, State string
	Reviewers                          []string
	Created                            time.Time
	Comments                           int
}

// Start serves a new Bitbucket Server until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, Git: gitrepos.New(t), repositories: map[string]*repository{}}
	s.Server = apitest.Start(t, s.handler())
	s.APIURL = s.URL + "/rest/api/1.0"
	return s
}

// AddRepository creates a repository as somebody else.
func (s *Server) AddRepository(name string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.create(&repository{Name: name, DefaultBranch: "main"})
}

// Fork counts a fork of a repository.
func (s *Server) Fork(name string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.repositories[name].Forks++
}

// Move shows a repository as one of another project.
func (s *Server) Move(name, project string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.repositories[name].Home = project
}

func (s *Server) create(one *repository) {
	s.lastID++
	one.ID, one.Home = s.lastID, Project
	s.repositories[one.Name] = one
	s.Git.Create(one.Name, one.DefaultBranch)
}

// Repositories lists the repositories with their files, sorted.
func (s *Server) Repositories() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	listed := []string{}
	for name, one := range s.repositories {
		listed = append(listed, fmt.Sprintf("%s (%s, public %t, LFS %t): %s", name, one.Description, one.IsPublic, one.HasLFS, strings.Join(s.Git.Files(name), " | ")))
	}
	slices.Sort(listed)
	return listed
}

// Pulls lists the pull requests that were not declined.
func (s *Server) Pulls() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	listed := []string{}
	for _, one := range s.pulls {
		if one.State != "DECLINED" {
			listed = append(listed, fmt.Sprintf("%s %s into %s: %s (%s) %s %v", one.Repo, one.Source, one.Target, one.Title, one.Text, one.State, one.Reviewers))
		}
	}
	return listed
}

// OpenPull opens a pull request as somebody else.
func (s *Server) OpenPull(repo, source, target string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.openPull(&pullRequest{Repo: repo, Source: heads + source, Target: heads + target, Title: "Hers"})
}

// EachPull changes all pull requests as somebody else: it comments on them, or merges them.
func (s *Server) EachPull(merge bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, one := range s.pulls {
		one.Comments++
		if merge {
			one.State = "MERGED"
		}
	}
}

const heads = "refs/heads/"

func (s *Server) openPull(one *pullRequest) {
	s.lastID++
	one.ID, one.State, one.Created = s.lastID, "OPEN", time.Now()
	s.pulls = append(s.pulls, one)
}

// Digest changes with each change.
func (s *Server) Digest() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.Git.Digest() + apitest.Digest(s.t, s.repositories, s.pulls)
}

// refusal is an answer in the form of Bitbucket Server.
func refusal(status int, format string, args ...any) (int, any) {
	return status, map[string]any{"errors": []any{map[string]any{"context": nil, "message": fmt.Sprintf(format, args...), "exceptionName": nil}}}
}

// request is a call of the API. repo is the repository of its path, nil where there is none.
type request struct {
	*http.Request

	repo *repository
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	const projects, repo = "/rest/api/1.0/projects/{project}", "/rest/api/1.0/projects/{project}/repos/{repo}"
	for pattern, serve := range map[string]func(*Server, *request) (int, any){
		"GET /rest/api/1.0/projects":                                      (*Server).listProjects,
		"GET " + projects:                                                 (*Server).project,
		"GET " + projects + "/repos":                                      (*Server).listRepositories,
		"POST " + projects + "/repos":                                     (*Server).createRepository,
		"GET " + repo:                                                     (*Server).getRepository,
		"DELETE " + repo:                                                  (*Server).deleteRepository,
		"GET " + repo + "/forks":                                          (*Server).forks,
		"GET " + repo + "/default-branch":                                 (*Server).defaultBranch,
		"GET " + repo + "/branches":                                       (*Server).listBranches,
		"POST " + repo + "/branches":                                      (*Server).createBranch,
		"GET " + repo + "/pull-requests":                                  (*Server).listPulls,
		"POST " + repo + "/pull-requests":                                 (*Server).createPull,
		"POST " + repo + "/pull-requests/{number}/decline":                (*Server).declinePull,
		"PUT /rest/git-lfs/admin/projects/{project}/repos/{repo}/enabled": (*Server).enableLFS,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, serve) })
	}
	mux.Handle("/", s.Git.Handler(gitrepos.Host{Realm: "Atlassian Bitbucket", Accepts: isAuthenticated, Name: s.nameAt}))
	return mux
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, serve func(*Server, *request) (int, any)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	status, body := s.serve(r, serve)
	apitest.JSON(w, status, body)
}

func (s *Server) serve(r *http.Request, serve func(*Server, *request) (int, any)) (int, any) {
	call := &request{Request: r, repo: s.repositories[r.PathValue("repo")]}
	switch {
	case r.Header.Get("Authorization") != "Bearer "+Token:
		return refusal(http.StatusUnauthorized, "Authentication failed. Please check your credentials and try again.")
	case r.PathValue("project") == "":
	case r.PathValue("project") != Project || s.IsHidden():
		return refusal(http.StatusNotFound, "Project %s does not exist.", r.PathValue("project"))
	case r.PathValue("repo") != "" && call.repo == nil:
		return refusal(http.StatusNotFound, "Repository %s/%s does not exist.", Project, r.PathValue("repo"))
	}
	return serve(s, call)
}

func (*Server) project(*request) (int, any) { return http.StatusOK, map[string]any{"key": Project} }

func (*Server) listProjects(*request) (int, any) {
	return page([]any{map[string]any{"key": Project, "name": "Web shop"}})
}

// listRepositories lists the repositories one by one, however many are asked for.
func (s *Server) listRepositories(r *request) (int, any) {
	names := slices.Sorted(maps.Keys(s.repositories))
	start, err := strconv.Atoi(r.URL.Query().Get("start"))
	if err != nil {
		start = 0
	}
	if start >= len(names) {
		return page(nil)
	}
	return http.StatusOK, map[string]any{
		"values": []any{s.shape(s.repositories[names[start]])}, "size": 1, "start": start, "isLastPage": start+1 == len(names), "nextPageStart": start + 1,
	}
}

func (s *Server) createRepository(r *request) (int, any) {
	var body struct {
		Name          string `json:"name"`
		Description   string `json:"description"`
		DefaultBranch string `json:"defaultBranch"`
		Public        bool   `json:"public"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Name == "" {
		return refusal(http.StatusBadRequest, "The name is required.")
	}
	if s.repositories[body.Name] != nil {
		return refusal(http.StatusConflict, "This repository URL is already taken.")
	}
	one := &repository{Name: body.Name, Description: body.Description, IsPublic: body.Public, DefaultBranch: body.DefaultBranch}
	s.create(one)
	return http.StatusCreated, s.shape(one)
}

func (s *Server) shape(one *repository) map[string]any {
	return map[string]any{
		"id": one.ID, "slug": one.Name, "name": one.Name, "public": one.IsPublic, "project": map[string]any{"key": one.Home},
		"links": map[string]any{
			"self": []any{map[string]any{"href": s.URL + "/projects/" + Project + "/repos/" + one.Name + "/browse"}},
			"clone": []any{
				map[string]any{"name": "ssh", "href": "ssh://git@bitbucket.example.com/" + Project + "/" + one.Name + ".git"},
				map[string]any{"name": "http", "href": s.URL + "/scm/" + Project + "/" + one.Name + ".git"},
			},
		},
	}
}

func (s *Server) getRepository(r *request) (int, any) { return http.StatusOK, s.shape(r.repo) }

func (s *Server) deleteRepository(r *request) (int, any) {
	s.Git.Delete(r.repo.Name)
	delete(s.repositories, r.repo.Name)
	return http.StatusAccepted, map[string]any{"context": nil, "message": "Repository scheduled for deletion.", "exceptionName": nil}
}

func page(values []any) (int, any) {
	if values == nil {
		values = []any{}
	}
	return http.StatusOK, map[string]any{"values": values, "size": len(values), "isLastPage": true, "start": 0}
}

func (*Server) forks(r *request) (int, any) {
	return page(slices.Repeat([]any{map[string]any{"id": 99}}, r.repo.Forks))
}

func (*Server) enableLFS(r *request) (int, any) {
	r.repo.HasLFS = true
	return http.StatusNoContent, nil
}

func (s *Server) branchShape(r *request, name string) map[string]any {
	tip := s.Git.Tip(r.repo.Name, name)
	return map[string]any{
		"id": heads + name, "displayId": name, "type": "BRANCH", "latestCommit": tip, "latestChangeset": tip, "isDefault": name == r.repo.DefaultBranch,
	}
}

func (s *Server) defaultBranch(r *request) (int, any) {
	if s.Git.Tip(r.repo.Name, r.repo.DefaultBranch) == "" {
		return http.StatusNoContent, nil
	}
	return http.StatusOK, s.branchShape(r, r.repo.DefaultBranch)
}

func (s *Server) listBranches(r *request) (int, any) {
	listed := []any{}
	for _, name := range s.Git.Branches(r.repo.Name) {
		if strings.Contains(name, r.URL.Query().Get("filterText")) {
			listed = append(listed, s.branchShape(r, name))
		}
	}
	return page(listed)
}

func (s *Server) createBranch(r *request) (int, any) {
	var body struct {
		Name       string `json:"name"`
		StartPoint string `json:"startPoint"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return refusal(http.StatusBadRequest, "%v", err)
	}
	if s.Git.Tip(r.repo.Name, body.Name) != "" {
		return refusal(http.StatusConflict, "Branch '%s' already exists.", body.Name)
	}
	if _, err := s.Git.Try(r.repo.Name, "branch", "--no-track", body.Name, body.StartPoint); err != nil {
		return refusal(http.StatusNotFound, "Commit '%s' does not exist.", body.StartPoint)
	}
	return http.StatusOK, s.branchShape(r, body.Name)
}

func (s *Server) pullShape(one *pullRequest) map[string]any {
	return map[string]any{
		"id": one.ID, "version": one.Version, "state": one.State, "createdDate": one.Created.UnixMilli(), "toRef": map[string]any{"id": one.Target},
		"properties": map[string]any{"commentCount": one.Comments},
		"links":      map[string]any{"self": []any{map[string]any{"href": fmt.Sprintf("%s/projects/%s/repos/%s/pull-requests/%d", s.URL, Project, one.Repo, one.ID)}}},
	}
}

func (s *Server) listPulls(r *request) (int, any) {
	listed := []any{}
	for _, one := range slices.Backward(s.pulls) {
		if one.Repo == r.repo.Name && one.Source == r.URL.Query().Get("at") {
			listed = append(listed, s.pullShape(one))
		}
	}
	return page(listed)
}

func (s *Server) createPull(r *request) (int, any) {
	var body struct {
		Title       string `json:"title"`
		Description string `json:"description"`
		ToRef       struct {
			ID string `json:"id"`
		} `json:"toRef"`
		FromRef struct {
			ID string `json:"id"`
		} `json:"fromRef"`
		Reviewers []struct {
			User struct {
				Name string `json:"name"`
			} `json:"user"`
		} `json:"reviewers"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return refusal(http.StatusBadRequest, "%v", err)
	}
	for _, other := range s.pulls {
		if other.Repo == r.repo.Name && other.State == "OPEN" && other.Source == body.FromRef.ID && other.Target == body.ToRef.ID {
			return refusal(http.StatusConflict, "Only one pull request may be open for a given source and target branch")
		}
	}
	one := &pullRequest{Repo: r.repo.Name, Source: body.FromRef.ID, Target: body.ToRef.ID, Title: body.Title, Text: body.Description}
	for _, reviewer := range body.Reviewers {
		if reviewer.User.Name == "nobody" {
			return refusal(http.StatusConflict, "Errors encountered while adding some reviewers to this pull request.")
		}
		one.Reviewers = append(one.Reviewers, reviewer.User.Name)
	}
	s.openPull(one)
	return http.StatusCreated, s.pullShape(one)
}

func (s *Server) declinePull(r *request) (int, any) {
	for _, one := range s.pulls {
		if strconv.Itoa(one.ID) != r.PathValue("number") {
			continue
		}
		if strconv.Itoa(one.Version) != r.URL.Query().Get("version") {
			return refusal(http.StatusConflict, "You are attempting to modify a pull request based on out-of-date information.")
		}
		one.State = "DECLINED"
		one.Version++
		return http.StatusOK, s.pullShape(one)
	}
	return refusal(http.StatusNotFound, "No such pull request")
}

func isAuthenticated(r *http.Request) bool {
	_, password, _ := r.BasicAuth()
	return password == Token
}

// nameAt is the name of the repository that Git finds at a path, "" when there is none.
func (s *Server) nameAt(path string) string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	name, isRepository := strings.CutPrefix(path, "scm/"+Project+"/")
	if !isRepository || s.IsHidden() || s.repositories[name] == nil {
		return ""
	}
	return name
}
