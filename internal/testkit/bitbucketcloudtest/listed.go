package bitbucketcloudtest

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/portico-dev/portico/internal/testkit/apitest"
)

// Listed is a repository that is only listed and read by the API: it has no Git objects.
type Listed struct {
	// Files are those of the branch Branch, by paths. Without one, there is no branch.
	Files            map[string]string
	Branch, Project  string
	Created, Updated time.Time
}

// AddListed creates a repository of the workspace.
func (s *Server) AddListed(name string, listed Listed) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.lastID++
	s.repositories[name] = &repository{Name: name, UUID: fmt.Sprintf("{c0ffee00-0000-4000-8000-%012d}", s.lastID), Created: listed.Created, listed: &listed}
}

// ChangeListed changes a repository that AddListed has created.
func (s *Server) ChangeListed(name string, change func(*Listed)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	change(s.repositories[name].listed)
}

// RemoveListed removes a repository that AddListed has created.
func (s *Server) RemoveListed(name string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.repositories, name)
}

// RenameWorkspace gives the workspace another name.
func (s *Server) RenameWorkspace(name string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.renamed = name
}

// ReplaceWorkspace gives the workspace's name to another workspace with the same repositories.
func (s *Server) ReplaceWorkspace() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.workspaceID++
}

// workspaceSlug is the name of the workspace.
func (s *Server) workspaceSlug() string {
	if s.renamed != "" {
		return s.renamed
	}
	return Workspace
}

func (s *Server) listedShape(one *repository) map[string]any {
	listed := one.listed
	shape := map[string]any{
		"type": "repository", "uuid": one.UUID, "slug": one.Name, "name": one.Name, "full_name": s.workspaceSlug() + "/" + one.Name,
		"created_on": listed.Created.Format("2006-01-02T15:04:05.000000-07:00"), "updated_on": listed.Updated.Format("2006-01-02T15:04:05.000000-07:00"),
		"project": map[string]any{"key": listed.Project}, "mainbranch": nil,
		"workspace": map[string]any{"slug": s.workspaceSlug(), "uuid": fmt.Sprintf("{workspace-%d}", s.workspaceID)},
		"links":     map[string]any{"html": href(s.URL + "/" + s.workspaceSlug() + "/" + one.Name)},
	}
	if len(listed.Files) > 0 {
		shape["mainbranch"] = map[string]any{"type": "branch", "name": listed.Branch}
	}
	return shape
}

// listCreated lists the repositories of the workspace in the order in which they were created.
func (s *Server) listCreated(r *request) (int, any) {
	query := r.URL.Query()
	var from time.Time
	if q := query.Get("q"); q != "" {
		var err error
		if from, err = time.Parse(time.RFC3339, strings.TrimPrefix(q, "created_on >= ")); err != nil {
			return refusal(http.StatusBadRequest, "Bad query: %s", q)
		}
	}
	all := slices.SortedFunc(maps.Values(s.repositories), func(a, b *repository) int { return a.Created.Compare(b.Created) })
	all = slices.DeleteFunc(all, func(one *repository) bool { return one.listed == nil || one.Created.Before(from) })
	size, err := strconv.Atoi(query.Get("pagelen"))
	if err != nil || size > 100 {
		return refusal(http.StatusBadRequest, "Invalid pagelen")
	}
	answer := map[string]any{"size": len(all), "page": 1, "pagelen": size, "values": []any{}}
	values := []any{}
	for _, one := range all[:min(size, len(all))] {
		values = append(values, s.listedShape(one))
	}
	answer["values"] = values
	if size < len(all) {
		answer["next"] = s.APIURL + "/repositories/" + Workspace + "?page=2"
	}
	return http.StatusOK, answer
}

// source serves files as they are, and the entries of directories that a query looks for.
func (s *Server) source(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	isValid, _ := authenticate(r)
	one := s.named(r.PathValue("repo"))
	path := r.PathValue("path")
	switch {
	case !isValid:
		http.Error(w, "", http.StatusUnauthorized)
	case one == nil || one.listed == nil || s.renamed != "" || r.PathValue("ref") != refOf(one.listed):
		http.Error(w, `{"type": "error"}`, http.StatusNotFound)
	case path == "" || strings.HasSuffix(path, "/"):
		s.directory(w, r, one.listed, path)
	default:
		content, is := one.listed.Files[path]
		if !is {
			http.Error(w, `{"type": "error", "error": {"message": "No such file or directory: `+path+`"}}`, http.StatusNotFound)
			return
		}
		io.WriteString(w, content) //nolint:errcheck // A test's caller may be gone.
	}
}

// refOf is the branch, or its commit where the path cannot have its name.
func refOf(listed *Listed) string {
	if strings.Contains(listed.Branch, "/") {
		return commit
	}
	return listed.Branch
}

// commit is the newest commit of each repository.
const commit = "c0ffee00000000000000000000000000000000ee"

func (s *Server) directory(w http.ResponseWriter, r *http.Request, listed *Listed, directory string) {
	wanted := strings.Trim(strings.TrimPrefix(r.URL.Query().Get("q"), "path = "), `"`)
	values := []any{}
	content, isFile := listed.Files[wanted]
	isDirectory := slices.ContainsFunc(slices.Collect(maps.Keys(listed.Files)), func(file string) bool { return strings.HasPrefix(file, wanted+"/") })
	isHere := strings.HasPrefix(wanted, directory) && !strings.Contains(strings.TrimPrefix(wanted, directory), "/")
	switch {
	case isHere && isFile:
		values = append(values, map[string]any{"type": "commit_file", "path": wanted, "size": len(content), "attributes": []any{}})
	case isHere && isDirectory:
		values = append(values, map[string]any{"type": "commit_directory", "path": wanted})
	}
	_, body := page(values)
	apitest.JSON(w, http.StatusOK, body)
}
