package hosttest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/gitlab"
)

const gitLabProject = "acme/teams/shop"

// GitLab is a GitLab at a path of its host, as it may be installed, with the project acme/teams/shop.
var GitLab = Forge{
	API: serveGitLab, Root: "/git/" + gitLabProject, Missing: "/git/acme/none", Hidden: http.StatusNotFound,
	Config: func(serverURL, host, token string) forges.Config {
		return forges.Config{GitLab: []gitlab.Config{{Host: host, BaseURL: serverURL + "/git/", Token: token}}}
	},
	At: func(root, ref, path string) string {
		return root + "/-/blob/" + ref + "/" + integration.EscapePath(path)
	},
	Credential: func(request *http.Request) string {
		return strings.TrimPrefix(request.Header.Get("Authorization"), "Bearer ")
	},
}

// gitLabAPI is the part of GitLab's REST API that Portico calls, as docs.gitlab.com describes it.
type gitLabAPI struct{ *Repository }

func serveGitLab(repository *Repository) http.Handler {
	a := gitLabAPI{repository}
	mux := http.NewServeMux()
	for route, handler := range map[string]http.HandlerFunc{
		"GET ":                             a.project,
		"GET /repository/commits/{sha}":    a.commit,
		"GET /repository/branches":         a.refs("heads"),
		"GET /repository/tags":             a.refs("tags"),
		"GET /repository/files/{path}/raw": a.file,
		"GET /repository/tree":             a.tree,
		"GET /repository/blobs/{sha}/raw":  a.blob,
		"GET /repository/archive.tar.gz":   a.archive,
		"POST /statuses/{sha}":             a.setStatus,
	} {
		method, path, _ := strings.Cut(route, " ")
		mux.HandleFunc(method+" /git/api/v4/projects/{id}"+path, func(w http.ResponseWriter, r *http.Request) {
			if r.PathValue("id") != gitLabProject {
				missingOnGitLab(w, "Project")
				return
			}
			handler(w, r)
		})
	}
	return mux
}

func missingOnGitLab(w http.ResponseWriter, what string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusNotFound)
	fmt.Fprintf(w, `{"message":"404 %s Not Found"}`, what)
}

func (gitLabAPI) project(w http.ResponseWriter, _ *http.Request) {
	JSON(w, map[string]any{"id": 7, "path_with_namespace": gitLabProject, "default_branch": "main", "archived": false})
}

func (a gitLabAPI) commit(w http.ResponseWriter, r *http.Request) {
	hash := a.Commit(r.PathValue("sha"))
	if hash == "" {
		missingOnGitLab(w, "Commit")
		return
	}
	JSON(w, map[string]any{"id": hash, "short_id": hash[:8], "title": "a change"})
}

// setStatus takes a status as GitLab does: with a known state, and at most 255 bytes of a description.
func (a gitLabAPI) setStatus(w http.ResponseWriter, r *http.Request) {
	hash := a.Commit(r.PathValue("sha"))
	if hash == "" {
		missingOnGitLab(w, "Commit")
		return
	}
	var status Status
	err := json.NewDecoder(r.Body).Decode(&status)
	if err != nil || !slices.Contains([]string{"pending", "running", "success", "failed", "canceled", "skipped"}, status.State) || len(status.Description) > 255 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	a.addStatus(hash, status)
	w.WriteHeader(http.StatusCreated)
	JSON(w, status)
}

// refs searches as GitLab does: ^ anchors at the beginning. Pages are numbered from 1.
func (a gitLabAPI) refs(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		prefix, anchored := strings.CutPrefix(r.URL.Query().Get("search"), "^")
		if r.URL.Query().Has("search") && !anchored {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		names := a.Refs(kind, prefix)
		number, err := strconv.Atoi(cmp.Or(r.URL.Query().Get("page"), "1"))
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		start := min((number-1)*PageSize, len(names))
		end := min(start+PageSize, len(names))
		if end < len(names) {
			linkToNext(w, r, "page", strconv.Itoa(number+1))
		}
		found := []map[string]string{}
		for _, name := range names[start:end] {
			found = append(found, map[string]string{"name": name})
		}
		JSON(w, found)
	}
}

func (a gitLabAPI) file(w http.ResponseWriter, r *http.Request) {
	content, hash, found := a.File(r.URL.Query().Get("ref"), r.PathValue("path"))
	if !found {
		missingOnGitLab(w, "File")
		return
	}
	w.Header().Set("X-Gitlab-Blob-Id", hash)
	Send(w, "text/plain; charset=utf-8", content, nil)
}

func (a gitLabAPI) tree(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	objects, found := a.List(query.Get("ref"), query.Get("path"))
	if !found {
		missingOnGitLab(w, "Tree")
		return
	}
	if query.Get("recursive") != "true" {
		depth := strings.Count(query.Get("path")+"/", "/")
		objects = slices.DeleteFunc(objects, func(o Object) bool { return strings.Count("/"+o.Path, "/") > depth })
	}
	size, err := strconv.Atoi(cmp.Or(query.Get("per_page"), "20"))
	if err != nil || size > 100 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	size = min(size, PageSize)
	start := slices.IndexFunc(objects, func(o Object) bool { return o.Path == query.Get("page_token") }) + 1
	end := min(start+size, len(objects))
	if end < len(objects) {
		linkToNext(w, r, "page_token", objects[end-1].Path)
	}
	page := []map[string]string{}
	for _, o := range objects[start:end] {
		page = append(page, map[string]string{"id": o.Hash, "name": o.Path, "type": o.Type, "path": o.Path, "mode": o.Mode})
	}
	JSON(w, page)
}

// linkToNext adds the header with the URL of the next page: the request's with another parameter.
func linkToNext(w http.ResponseWriter, r *http.Request, name, value string) {
	query := r.URL.Query()
	query.Set(name, value)
	next := url.URL{Scheme: "http", Host: r.Host, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: query.Encode()}
	w.Header().Set("Link", fmt.Sprintf(`<http://%s/first>; rel="first", <%s>; rel="next"`, r.Host, next.String()))
}

func (a gitLabAPI) blob(w http.ResponseWriter, r *http.Request) {
	content, err := a.Blob(r.PathValue("sha"))
	if err != nil {
		missingOnGitLab(w, "Blob")
		return
	}
	Send(w, "application/octet-stream", content, nil)
}

func (a gitLabAPI) archive(w http.ResponseWriter, r *http.Request) {
	content, err := a.Archive("tar.gz", r.URL.Query().Get("sha"), r.URL.Query().Get("path"))
	Send(w, "application/octet-stream", content, err)
}
