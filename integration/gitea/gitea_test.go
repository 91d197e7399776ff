package gitea_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/gitea"
	"github.com/portico-dev/portico/internal/testkit/hosttest"
)

var forge = hosttest.Forge{
	API: serve, Root: "/acme/shop", Missing: "/acme/none", Hidden: http.StatusNotFound,
	Config: func(serverURL, host, token string) forges.Config {
		return forges.Config{Gitea: []gitea.Config{{Host: host, BaseURL: serverURL, Password: token}}}
	},
	At: func(root, ref, path string) string {
		return root + "/src/branch/" + ref + "/" + integration.EscapePath(path)
	},
	Credential: func(request *http.Request) string {
		return strings.TrimPrefix(request.Header.Get("Authorization"), "token ")
	},
}

func TestGiteaIsAHost(t *testing.T) {
	t.Parallel()
	hosttest.Run(t, forge)
}

// api is the part of Gitea's REST API that is asked.
type api struct{ *hosttest.Repository }

func serve(repository *hosttest.Repository) http.Handler {
	a := api{repository}
	mux := http.NewServeMux()
	for path, handler := range map[string]http.HandlerFunc{
		"":                   a.repository,
		"/commits":           a.commits,
		"/git/refs/{ref...}": a.refs,
		"/raw/{path...}":     a.raw,
		"/git/trees/{sha}":   a.tree,
		"/archive/{name}":    a.archive,
	} {
		mux.HandleFunc("GET /api/v1/repos/acme/shop"+path, handler)
	}
	return mux
}

func (api) repository(w http.ResponseWriter, _ *http.Request) {
	hosttest.JSON(w, map[string]any{"default_branch": "main"})
}

func (a api) commits(w http.ResponseWriter, r *http.Request) {
	hash := a.Commit(r.URL.Query().Get("sha"))
	if hash == "" {
		http.NotFound(w, r)
		return
	}
	hosttest.JSON(w, []map[string]string{{"sha": hash}})
}

// refs answers "not found" where there are none.
func (a api) refs(w http.ResponseWriter, r *http.Request) {
	kind, prefix, _ := strings.Cut(r.PathValue("ref"), "/")
	var found []map[string]string
	for _, name := range a.Refs(kind, prefix) {
		found = append(found, map[string]string{"ref": "refs/" + kind + "/" + name})
	}
	if found == nil {
		http.NotFound(w, r)
		return
	}
	hosttest.JSON(w, found)
}

func (a api) raw(w http.ResponseWriter, r *http.Request) {
	content, hash, found := a.File(r.URL.Query().Get("ref"), r.PathValue("path"))
	switch {
	case !found:
		http.NotFound(w, r)
	case r.Header.Get("If-None-Match") == `"`+hash+`"`:
		w.WriteHeader(http.StatusNotModified)
	default:
		w.Header().Set("ETag", `"`+hash+`"`)
		hosttest.Send(w, "text/plain; charset=utf-8", content, nil)
	}
}

// tree has small pages, so that a test needs some.
func (a api) tree(w http.ResponseWriter, r *http.Request) {
	const size = 4
	objects, _ := a.List(r.PathValue("sha"), "")
	page, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil || r.URL.Query().Get("recursive") != "true" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	end := min(page*size, len(objects))
	entries := []map[string]any{}
	for _, object := range objects[min((page-1)*size, end):end] {
		entries = append(entries, map[string]any{
			"path": object.Path, "type": object.Type, "mode": object.Mode, "size": object.Size, "sha": object.Hash,
		})
	}
	hosttest.JSON(w, map[string]any{"page": page, "total_count": len(objects), "truncated": end < len(objects), "tree": entries})
}

func (a api) archive(w http.ResponseWriter, r *http.Request) {
	content, err := a.Archive("tar.gz", strings.TrimSuffix(r.PathValue("name"), ".tar.gz"), "")
	hosttest.Send(w, "application/gzip", content, err)
}
