// Package giteatest is a small Gitea for tests: the operations of operations.txt, on real bare repositories. It
// checks what it is asked and what it answers against Gitea's published description. It is no Gitea: it has one
// organization, one account that owns it, and nothing else.
//
// gitea.json.gz is cut by internal/githubapi/cut from templates/swagger/v1_openapi3_json.tmpl of the Go module
// code.gitea.io/gitea v1.27.3 (MIT, see LICENSE).
package giteatest

import (
	"cmp"
	"encoding/json"
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

// The account, the organization that it owns, and the account's password.
const (
	Account      = "portico"
	Organization = "demo"
	Password     = "gitea-password"
)

// Server is a Gitea on a loopback port for the time of one test. Hide makes the account a mere member of the organization,
// who sees none of its repositories.
type Server struct {
	*apitest.Server

	t            testing.TB
	repositories *gitrepos.Store
	mutex        sync.Mutex
	lastID       int64
	repos        map[string]*repository
	pageSize     int
	// renamed is the new name of the organization, "" for none.
	renamed        string
	organizationID int64
}

// repository is a repository besides its Git objects.
type repository struct {
	id                                      int64
	owner, name, description, defaultBranch string
	isPrivate                               bool
	issues                                  []string
	// isHidden hides it from the account, and listed is nil for one with Git objects.
	isHidden bool
	listed   *Listed
}

// Start serves a new Gitea until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, repositories: gitrepos.New(t), repos: map[string]*repository{}, pageSize: 1, organizationID: 2}
	s.Server = apitest.Start(t, s.checked(s.handler()))
	return s
}

// Repositories are the repositories with all that is known of them, sorted.
func (s *Server) Repositories() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	listed := []string{}
	for _, one := range s.repos {
		visibility := "public"
		if one.isPrivate {
			visibility = "private"
		}
		commits := s.repositories.Git(one.path(), "rev-list", "--all", "--count")
		listed = append(listed, strings.Join([]string{one.owner + "/" + one.name, one.description, visibility, one.defaultBranch, commits, strings.Join(one.issues, ", ")}, "|"))
	}
	slices.Sort(listed)
	return listed
}

// Digest changes with each change.
func (s *Server) Digest() string {
	return s.repositories.Digest() + apitest.Digest(s.t, s.Repositories())
}

// Create creates a repository as somebody else.
func (s *Server) Create(owner, name string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.create(&repository{owner: owner, name: name, defaultBranch: "main"})
}

// Open opens an issue as somebody else.
func (s *Server) Open(owner, name, title string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	one := s.repos[owner+"/"+name]
	one.issues = append(one.issues, title)
}

// Branch makes a branch of the default one as somebody else.
func (s *Server) Branch(owner, name, branch string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	one := s.repos[owner+"/"+name]
	s.repositories.Git(one.path(), "branch", branch, one.defaultBranch)
}

func (s *Server) create(one *repository) {
	s.lastID++
	one.id = s.lastID
	s.repos[one.owner+"/"+one.name] = one
	s.repositories.Create(one.path(), one.defaultBranch)
}

func (r *repository) path() string { return r.owner + "/" + r.name }

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, serve := range map[string]func(*Server, *request) (int, any){
		"GET /user":                                    (*Server).user,
		"GET /user/orgs":                               (*Server).organizations,
		"GET /users/{user}/repos":                      (*Server).repositoriesOf,
		"GET /orgs/{org}/repos":                        (*Server).repositoriesOf,
		"POST /user/repos":                             (*Server).createOwn,
		"GET /orgs/{org}":                              (*Server).organization,
		"POST /orgs/{org}/repos":                       (*Server).createInOrganization,
		"GET /users/{user}/orgs/{org}/permissions":     (*Server).permissions,
		"GET /repos/{owner}/{repo}":                    (*Server).get,
		"PATCH /repos/{owner}/{repo}":                  (*Server).patch,
		"DELETE /repos/{owner}/{repo}":                 (*Server).delete,
		"GET /repos/{owner}/{repo}/commits":            (*Server).commits,
		"GET /repos/{owner}/{repo}/git/commits/{sha}":  (*Server).commit,
		"GET /repos/{owner}/{repo}/branches":           (*Server).branches,
		"GET /repos/{owner}/{repo}/tags":               (*Server).tags,
		"GET /repos/{owner}/{repo}/contents":           (*Server).contents,
		"GET /repos/{owner}/{repo}/contents/{path...}": (*Server).contents,
		"GET /repos/{owner}/{repo}/issues":             (*Server).issues,
		"POST /repos/{owner}/{repo}/issues":            (*Server).openIssue,
	} {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+prefix+path, func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, serve) })
	}
	mux.Handle("/", s.repositories.Handler(gitrepos.Host{Realm: "Gitea", Accepts: isAuthenticated, Name: s.nameAt}))
	return mux
}

// request is a call of the API.
type request struct {
	*http.Request

	// repo is the repository of the path, nil for other paths.
	repo *repository
	// answer is the header of the answer.
	answer http.Header
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, serve func(*Server, *request) (int, any)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.renamed != "" && r.PathValue("org") == Organization {
		w.Header().Set("Location", s.URL+strings.Replace(r.URL.Path, Organization, s.renamed, 1)+"?"+r.URL.RawQuery)
		w.WriteHeader(http.StatusTemporaryRedirect)
		return
	}
	status, body := http.StatusUnauthorized, any(map[string]string{"message": "invalid username, password or token"})
	if isAuthenticated(r) {
		status, body = http.StatusNotFound, map[string]any{"message": "The target couldn't be found.", "errors": []string{}}
		call := &request{Request: r, repo: s.repos[r.PathValue("owner")+"/"+r.PathValue("repo")], answer: w.Header()}
		isHidden := s.IsHidden() && r.PathValue("owner") == Organization
		if r.PathValue("repo") == "" || call.repo != nil && !isHidden {
			status, body = serve(s, call)
		}
	}
	apitest.JSON(w, status, body)
}

func (*Server) user(*request) (int, any) {
	return http.StatusOK, map[string]any{"id": 1, "login": Account, "is_admin": false}
}

func (*Server) organization(r *request) (int, any) {
	if r.PathValue("org") != Organization {
		return http.StatusNotFound, map[string]any{"message": "The target couldn't be found.", "errors": []string{}}
	}
	return http.StatusOK, map[string]any{"id": 2, "username": Organization, "name": Organization}
}

func (*Server) organizations(r *request) (int, any) {
	if r.URL.Query().Get("page") != "1" {
		return http.StatusOK, []any{}
	}
	return http.StatusOK, []any{map[string]any{"id": 2, "username": Organization, "name": Organization}}
}

// repositoriesOf lists the repositories of the organization or the user of the path by their ids.
func (s *Server) repositoriesOf(r *request) (int, any) {
	owner := r.PathValue("org") + r.PathValue("user")
	if owner == s.renamed {
		owner = Organization
	}
	if r.PathValue("org") != "" && owner != Organization {
		return http.StatusNotFound, map[string]any{"message": "The target couldn't be found.", "errors": []string{}}
	}
	all := []*repository{}
	for _, one := range s.repos {
		if one.owner == owner {
			all = append(all, one)
		}
	}
	slices.SortFunc(all, func(a, b *repository) int { return cmp.Compare(a.id, b.id) })
	from, to := s.paged(r, len(all))
	listed := []any{}
	for _, one := range all[from:to] {
		if !one.isHidden && !s.IsHidden() {
			listed = append(listed, s.shape(one))
		}
	}
	return http.StatusOK, listed
}

func (s *Server) permissions(*request) (int, any) {
	isOwner := !s.IsHidden()
	return http.StatusOK, map[string]any{"is_owner": isOwner, "is_admin": isOwner, "can_create_repository": true, "can_read": true, "can_write": isOwner}
}

func (s *Server) createOwn(r *request) (int, any) { return s.createFor(r, Account) }

func (s *Server) createInOrganization(r *request) (int, any) {
	return s.createFor(r, r.PathValue("org"))
}

func (s *Server) createFor(r *request, owner string) (int, any) {
	var body struct {
		Name          string `json:"name"`
		Description   string `json:"description"`
		Private       bool   `json:"private"`
		DefaultBranch string `json:"default_branch"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Name == "" {
		return http.StatusUnprocessableEntity, map[string]string{"message": "[Name]: Required"}
	}
	if s.repos[owner+"/"+body.Name] != nil {
		return http.StatusConflict, map[string]string{"message": "The repository with the same name already exists."}
	}
	created := &repository{owner: owner, name: body.Name, description: body.Description, isPrivate: body.Private, defaultBranch: body.DefaultBranch}
	if created.defaultBranch == "" {
		created.defaultBranch = "main"
	}
	s.create(created)
	return http.StatusCreated, s.shape(created)
}

func (s *Server) shape(one *repository) any {
	owner := one.owner
	if owner == Organization && s.renamed != "" {
		owner = s.renamed
	}
	page := s.URL + "/" + owner + "/" + one.name
	shape := map[string]any{
		"id": one.id, "name": one.name, "full_name": owner + "/" + one.name, "description": one.description, "private": one.isPrivate,
		"default_branch": one.defaultBranch, "html_url": page, "clone_url": page + ".git", "forks_count": 0, "open_issues_count": len(one.issues),
		"owner": map[string]any{"id": s.organizationID, "login": owner}, "empty": false, "permissions": map[string]any{"admin": true, "push": true, "pull": true},
	}
	if listed := one.listed; listed != nil {
		shape["updated_at"], shape["mirror"], shape["empty"] = listed.Updated.Format(time.RFC3339), listed.IsMirror, len(listed.Files) == 0
		shape["permissions"] = map[string]any{"admin": false, "push": false, "pull": !listed.IsUnreadable}
	}
	return shape
}

func (s *Server) get(r *request) (int, any) { return http.StatusOK, s.shape(r.repo) }

func (s *Server) patch(r *request) (int, any) {
	var body struct {
		Description   *string `json:"description"`
		DefaultBranch *string `json:"default_branch"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return http.StatusUnprocessableEntity, map[string]string{"message": err.Error()}
	}
	if body.Description != nil {
		r.repo.description = *body.Description
	}
	if body.DefaultBranch != nil {
		if _, err := s.repositories.Try(r.repo.path(), "rev-parse", "--verify", "refs/heads/"+*body.DefaultBranch); err != nil {
			return http.StatusNotFound, map[string]string{"message": "branch does not exist"}
		}
		r.repo.defaultBranch = *body.DefaultBranch
	}
	return http.StatusOK, s.shape(r.repo)
}

func (s *Server) delete(r *request) (int, any) {
	s.repositories.Delete(r.repo.path())
	delete(s.repos, r.repo.owner+"/"+r.repo.name)
	return http.StatusNoContent, nil
}

func (s *Server) commits(r *request) (int, any) {
	if s.repositories.Git(r.repo.path(), "for-each-ref") == "" {
		return http.StatusConflict, map[string]string{"message": "Git Repository is empty."}
	}
	listed := []any{}
	printed, err := s.repositories.Try(r.repo.path(), "log", "--format=%H %cI", "-n", r.URL.Query().Get("limit"), r.URL.Query().Get("sha"), "--")
	if err != nil {
		return http.StatusNotFound, map[string]any{"message": "The target couldn't be found.", "errors": []string{}}
	}
	for line := range strings.Lines(printed) {
		hash, date, _ := strings.Cut(strings.TrimSpace(line), " ")
		listed = append(listed, map[string]any{"sha": hash, "created": date, "commit": map[string]any{"committer": map[string]any{"date": date}}})
	}
	return http.StatusOK, listed
}

func (s *Server) commit(r *request) (int, any) {
	if _, err := s.repositories.Try(r.repo.path(), "cat-file", "-e", r.PathValue("sha")+"^{commit}"); err != nil {
		return http.StatusNotFound, map[string]any{"message": "The target couldn't be found.", "errors": []string{}}
	}
	return http.StatusOK, map[string]any{"sha": r.PathValue("sha"), "created": time.Now().UTC().Format(time.RFC3339)}
}

func (s *Server) branches(r *request) (int, any) {
	listed := []any{map[string]any{"name": "main"}}
	if r.repo.listed == nil {
		listed = s.refs(r, "refs/heads")
		r.answer.Set("X-Total-Count", strconv.Itoa(len(listed)))
		return http.StatusOK, listed
	}
	from, to := s.paged(r, len(listed))
	return http.StatusOK, listed[from:to]
}

func (s *Server) tags(r *request) (int, any) { return http.StatusOK, s.refs(r, "refs/tags") }

func (s *Server) refs(r *request, prefix string) []any {
	listed := []any{}
	for name := range strings.FieldsSeq(s.repositories.Git(r.repo.path(), "for-each-ref", "--format=%(refname:lstrip=2)", prefix)) {
		listed = append(listed, map[string]any{"name": name})
	}
	return listed
}

func (*Server) issues(r *request) (int, any) {
	listed := []any{}
	for n, title := range r.repo.issues {
		listed = append(listed, map[string]any{"id": n + 1, "number": n + 1, "title": title, "state": "open"})
	}
	return http.StatusOK, listed
}

func (*Server) openIssue(r *request) (int, any) {
	var body struct {
		Title string `json:"title"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Title == "" {
		return http.StatusUnprocessableEntity, map[string]string{"message": "[Title]: Required"}
	}
	r.repo.issues = append(r.repo.issues, body.Title)
	return http.StatusCreated, map[string]any{"id": len(r.repo.issues), "number": len(r.repo.issues), "title": body.Title, "state": "open"}
}

func isAuthenticated(r *http.Request) bool {
	user, password, _ := r.BasicAuth()
	return user == Account && password == Password
}

// nameAt is the name of the repository that Git finds at a path, "" when there is none.
func (s *Server) nameAt(path string) string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	one := s.repos[path]
	if one == nil {
		return ""
	}
	return one.path()
}
