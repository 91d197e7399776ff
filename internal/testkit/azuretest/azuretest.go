// Package azuretest is a small Azure DevOps for tests: an organization with one project, whose repositories are real
// bare ones, with pull requests and pipelines. It answers the paths, the shapes and the refusals of Microsoft's
// published REST API, as far as Portico's actions ask for them. It is no Azure DevOps: there is one user with one
// token, nothing runs a pipeline, and nothing checks a policy.
package azuretest

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

// The organization, its project, the token and its user.
const (
	Organization = "acme"
	Project      = "web"
	Token        = "azure-token"
	me           = "b0a1d2c3-0000-4000-8000-000000000001"
	her          = "b0a1d2c3-0000-4000-8000-000000000002"
)

// Server is an Azure DevOps on a loopback port for the time of one test. Hide hides the project from the token.
type Server struct {
	*apitest.Server

	// Git are the repositories, by name.
	Git *gitrepos.Store

	t      testing.TB
	mutex  sync.Mutex
	lastID int
	// names are the names of the repositories by their ids.
	names       map[string]string
	pulls       []*pullRequest
	definitions []*definition
	builds      []*build
	permissions map[string]bool
	// listed are the files of repositories without Git objects, by their names.
	listed map[string]map[string]string
}

// Start serves a new Azure DevOps until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, Git: gitrepos.New(t), names: map[string]string{}, permissions: map[string]bool{},
		listed: map[string]map[string]string{}}
	s.Server = apitest.Start(t, s.handler())
	return s
}

// AddRepository creates a repository as somebody else.
func (s *Server) AddRepository(name string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.create(name)
}

// RemoteURL is the URL from which Git clones a repository.
func (s *Server) RemoteURL(name string) string {
	return s.URL + "/" + Organization + "/" + Project + "/_git/" + name
}

func (s *Server) create(name string) {
	s.lastID++
	s.names[fmt.Sprintf("c0ffee00-0000-4000-8000-%012d", s.lastID)] = name
	s.Git.Create(name, "main")
}

// Repositories lists the repositories with their files, sorted.
func (s *Server) Repositories() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	listed := []string{}
	for _, name := range s.names {
		listed = append(listed, name+": "+strings.Join(s.Git.Files(name), " | "))
	}
	slices.Sort(listed)
	return listed
}

// Digest changes with each change.
func (s *Server) Digest() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.Git.Digest() + apitest.Digest(s.t, s.names, s.pulls, s.definitions, s.builds, s.permissions)
}

// request is a call of the API. repo is the name of the repository in its path, "" where there is none.
type request struct {
	*http.Request

	repo string
}

// refusal is an answer in the form of Azure DevOps.
func refusal(status int, key, format string, args ...any) (int, any) {
	return status, map[string]any{
		"$id": "1", "innerException": nil, "message": fmt.Sprintf(format, args...), "typeKey": key, "errorCode": 0, "eventId": 3000,
	}
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	const project = "/{org}/{project}/_apis"
	for pattern, serve := range map[string]func(*Server, *request) (int, any){
		"GET /{org}/_apis/connectionData":                                           (*Server).connectionData,
		"GET /{org}/_apis/projects":                                                 (*Server).listProjects,
		"GET /{org}/_apis/projects/{project}":                                       (*Server).project,
		"GET " + project + "/git/repositories":                                      (*Server).listRepositories,
		"GET " + project + "/git/repositories/{repo}/refs":                          (*Server).listRefs,
		"GET /{org}/_apis/git/repositories":                                         (*Server).listRepositories,
		"GET " + project + "/git/repositories/{repo}/items":                         (*Server).items,
		"POST " + project + "/git/repositories":                                     (*Server).createRepository,
		"GET " + project + "/git/repositories/{repo}":                               (*Server).getRepository,
		"DELETE " + project + "/git/repositories/{repo}":                            (*Server).deleteRepository,
		"GET " + project + "/git/repositories/{repo}/pullrequests":                  (*Server).listPulls,
		"POST " + project + "/git/repositories/{repo}/pullrequests":                 (*Server).createPull,
		"GET " + project + "/git/repositories/{repo}/pullrequests/{number}":         (*Server).getPull,
		"PATCH " + project + "/git/repositories/{repo}/pullrequests/{number}":       (*Server).patchPull,
		"GET " + project + "/git/repositories/{repo}/pullrequests/{number}/threads": (*Server).threads,
		"GET " + project + "/build/definitions":                                     (*Server).listDefinitions,
		"POST " + project + "/build/definitions":                                    (*Server).createDefinition,
		"GET " + project + "/build/definitions/{number}":                            (*Server).getDefinition,
		"DELETE " + project + "/build/definitions/{number}":                         (*Server).deleteDefinition,
		"POST " + project + "/pipelines":                                            (*Server).createPipeline,
		"POST " + project + "/pipelines/{number}/runs":                              (*Server).startRun,
		"GET " + project + "/pipelines/{number}/{type}/{run}":                       (*Server).getRunOrPermission,
		"GET " + project + "/build/builds":                                          (*Server).listBuilds,
		"GET " + project + "/build/builds/{run}":                                    (*Server).getBuild,
		"PATCH " + project + "/build/builds/{run}":                                  (*Server).patchBuild,
		"PATCH " + project + "/pipelines/pipelinepermissions/{type}/{run}":          (*Server).patchPermission,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, serve) })
	}
	mux.Handle("/", s.Git.Handler(gitrepos.Host{Realm: "Azure DevOps", Accepts: isAuthenticated, Name: s.nameAt}))
	return mux
}

func isAuthenticated(r *http.Request) bool {
	_, token, _ := r.BasicAuth()
	return token == Token
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, serve func(*Server, *request) (int, any)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	status, body := s.serve(r, serve)
	apitest.JSON(w, status, body)
}

func (s *Server) serve(r *http.Request, serve func(*Server, *request) (int, any)) (int, any) {
	project, named := r.PathValue("project"), r.PathValue("repo")
	switch {
	case !isAuthenticated(r):
		return http.StatusUnauthorized, nil
	case !r.URL.Query().Has("api-version"):
		return refusal(http.StatusBadRequest, "VssVersionNotSpecifiedException", "No api-version was supplied for the %s request.", r.Method)
	case r.PathValue("org") != Organization:
		return refusal(http.StatusNotFound, "HostDoesNotExistException", "VS800075: The organization does not exist.")
	case project != "" && (project != Project || s.IsHidden()):
		return refusal(http.StatusNotFound, "ProjectDoesNotExistWithNameException",
			"TF200016: The following project does not exist: %s. Verify that the name of the project is correct and that the project exists on the specified "+
				"Azure DevOps Server.", project)
	}
	call := &request{Request: r, repo: s.nameOf(named)}
	if named != "" && call.repo == "" {
		return refusal(http.StatusNotFound, "GitRepositoryNotFoundException",
			"TF401019: The Git repository with name or identifier %s does not exist or you do not have permissions for the operation you are attempting.", named)
	}
	return serve(s, call)
}

// nameOf is the name of a repository by name or id, "" when there is none.
func (s *Server) nameOf(named string) string {
	for id, name := range s.names {
		if named == id || strings.EqualFold(named, name) {
			return name
		}
	}
	return ""
}

func (*Server) connectionData(*request) (int, any) {
	return http.StatusOK, map[string]any{"authenticatedUser": map[string]any{"id": me, "isActive": true}}
}

func (*Server) project(*request) (int, any) {
	return http.StatusOK, map[string]any{"id": "d00d0000-0000-4000-8000-000000000001", "name": Project, "state": "wellFormed"}
}

// listProjects lists the project on the second page, after a hundred others.
func (*Server) listProjects(r *request) (int, any) {
	if r.URL.Query().Get("$skip") != "0" {
		return list(map[string]any{"name": Project, "state": "wellFormed"})
	}
	var others []any
	for number := range 100 {
		others = append(others, map[string]any{"name": fmt.Sprintf("other-%02d", number), "state": "wellFormed"})
	}
	return list(others...)
}

func (s *Server) listRepositories(*request) (int, any) {
	var listed []any
	for _, name := range slices.Sorted(maps.Values(s.names)) {
		listed = append(listed, s.shape(name))
	}
	return list(append(listed, map[string]any{
		"id": "d15ab1ed-0000-4000-8000-000000000001", "name": "closed", "isDisabled": true, "project": map[string]any{"name": Project},
	})...)
}

func (s *Server) listRefs(r *request) (int, any) {
	var listed []any
	for _, branch := range s.Git.Branches(r.repo) {
		if name := "heads/" + branch; strings.HasPrefix(name, r.URL.Query().Get("filter")) {
			listed = append(listed, map[string]any{"name": "refs/" + name})
		}
	}
	return list(listed...)
}

func list(values ...any) (int, any) {
	return http.StatusOK, map[string]any{"count": len(values), "value": values}
}

func (s *Server) createRepository(r *request) (int, any) {
	var body struct {
		Name string `json:"name"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Name == "" {
		return refusal(http.StatusBadRequest, "InvalidArgumentValueException", "A Git repository name may not be empty.")
	}
	if s.nameOf(body.Name) != "" {
		return refusal(http.StatusConflict, "GitRepositoryNameAlreadyExistsException", "TF400948: A Git repository with the name %s already exists.", body.Name)
	}
	s.create(body.Name)
	return http.StatusCreated, s.shape(body.Name)
}

func (s *Server) shape(name string) map[string]any {
	id := ""
	for one, named := range s.names {
		if named == name {
			id = one
		}
	}
	shape := map[string]any{
		"id": id, "name": name, "url": s.URL + "/" + Organization + "/_apis/git/repositories/" + id, "remoteUrl": s.RemoteURL(name),
		"webUrl": s.RemoteURL(name), "size": 0, "project": map[string]any{"name": Project, "state": "wellFormed"},
	}
	if files, isListed := s.listed[name]; isListed && len(files) > 0 {
		shape["defaultBranch"] = "refs/heads/main"
	}
	return shape
}

func (s *Server) getRepository(r *request) (int, any) { return http.StatusOK, s.shape(r.repo) }

func (s *Server) deleteRepository(r *request) (int, any) {
	id := r.PathValue("repo")
	if s.names[id] == "" { // only an id is accepted
		return refusal(http.StatusBadRequest, "ArgumentException", "A repository id is needed.")
	}
	delete(s.names, id)
	s.Git.Delete(r.repo)
	return http.StatusNoContent, nil
}

// nameAt is the name of the repository that Git finds at a path, "" when there is none.
func (s *Server) nameAt(path string) string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	named, isRepository := strings.CutPrefix(path, Organization+"/"+Project+"/_git/")
	if !isRepository || s.IsHidden() {
		return ""
	}
	return s.nameOf(named)
}

func number(r *request, name string) int {
	value, err := strconv.Atoi(r.PathValue(name))
	if err != nil {
		return 0
	}
	return value
}

func now() time.Time { return time.Now().UTC() }
