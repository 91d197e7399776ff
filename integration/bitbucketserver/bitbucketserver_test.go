package bitbucketserver_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/bitbucketserver"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/internal/testkit/hosttest"
)

var forge = hosttest.Forge{
	API: serve, Root: "/projects/ACME/repos/shop", Missing: "/projects/ACME/repos/none", Hidden: http.StatusNotFound, RequestsWithSlashes: 2,
	WholeRefs: true, Repo: integration.Repo{Project: "ACME", Repo: "shop"},
	Config: func(serverURL, host, token string) forges.Config {
		return forges.Config{BitbucketServer: []bitbucketserver.Config{{Host: host, APIBaseURL: serverURL + "/rest/api/1.0", Token: token}}}
	},
	At: func(root, ref, path string) string {
		return root + "/browse/" + integration.EscapePath(path) + "?at=" + url.QueryEscape(ref)
	},
	Credential: func(request *http.Request) string {
		return strings.TrimPrefix(request.Header.Get("Authorization"), "Bearer ")
	},
}

func TestBitbucketServerIsAHost(t *testing.T) {
	t.Parallel()
	hosttest.Run(t, forge)
}

// api is the part of Bitbucket Server's REST API that is asked.
type api struct{ *hosttest.Repository }

func serve(repository *hosttest.Repository) http.Handler {
	a := api{repository}
	mux := http.NewServeMux()
	for path, handler := range map[string]http.HandlerFunc{
		"/branches": a.branches, "/default-branch": a.defaultBranch, "/commits": a.commits, "/raw/{path...}": a.raw, "/archive": a.archive,
	} {
		mux.HandleFunc("GET /rest/api/1.0/projects/ACME/repos/shop"+path, handler)
	}
	return mux
}

func (api) defaultBranch(w http.ResponseWriter, _ *http.Request) {
	hosttest.JSON(w, map[string]string{"id": "refs/heads/main", "displayId": "main"})
}

// branches lists those whose names contain a text.
func (a api) branches(w http.ResponseWriter, r *http.Request) {
	values := []map[string]string{}
	for _, name := range a.Refs("heads", "") {
		if strings.Contains(name, r.URL.Query().Get("filterText")) {
			values = append(values, map[string]string{"id": "refs/heads/" + name, "displayId": name})
		}
	}
	hosttest.JSON(w, map[string]any{"values": values, "isLastPage": true})
}

func (a api) commits(w http.ResponseWriter, r *http.Request) {
	hash := a.Commit(r.URL.Query().Get("until"))
	if hash == "" {
		http.NotFound(w, r)
		return
	}
	hosttest.JSON(w, map[string]any{"values": []map[string]string{{"id": hash}}})
}

func (a api) raw(w http.ResponseWriter, r *http.Request) {
	content, _, found := a.File(r.URL.Query().Get("at"), r.PathValue("path"))
	if !found {
		http.NotFound(w, r)
		return
	}
	hosttest.Send(w, "text/plain; charset=utf-8", content, nil)
}

func (a api) archive(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("format") != "tgz" || r.URL.Query().Get("prefix") == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	content, err := a.Archive("tar.gz", r.URL.Query().Get("at"), "")
	hosttest.Send(w, "application/x-gzip", content, err)
}
