package bitbucketcloud_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/bitbucketcloud"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/internal/testkit/hosttest"
)

var forge = hosttest.Forge{
	API: serve, Root: "/acme/shop", Missing: "/acme/none", Hidden: http.StatusNotFound, RequestsWithSlashes: 2,
	Repo: integration.Repo{Workspace: "acme", Project: "WEB", Repo: "shop"},
	Config: func(serverURL, host, token string) forges.Config {
		return forges.Config{BitbucketCloud: []bitbucketcloud.Config{{Host: host, APIBaseURL: serverURL + "/2.0", BaseURL: serverURL, Token: token}}}
	},
	At: func(root, ref, path string) string { return root + "/src/" + ref + "/" + integration.EscapePath(path) },
	Credential: func(request *http.Request) string {
		return strings.TrimPrefix(request.Header.Get("Authorization"), "Bearer ")
	},
}

func TestBitbucketCloudIsAHost(t *testing.T) {
	t.Parallel()
	hosttest.Run(t, forge)
}

// TestRefsAreBounded: some of the branches would let another branch's file be read.
func TestRefsAreBounded(t *testing.T) {
	t.Parallel()
	server := hosttest.Start(t, forge)
	server.Answer(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/refs") {
			http.NotFound(w, r)
			return
		}
		hosttest.JSON(w, map[string]any{"values": []map[string]string{{"name": "release/x"}}, "next": server.URL})
	})
	_, err := server.Set(t, hosttest.Token, integration.Limits{}).ReadURL(t.Context(), server.At("release/v3", "catalog-info.yaml"), integration.ReadOptions{})
	require.Equal(t, fault.Input, fault.KindOf(err))
	require.EqualError(t, err, "acme/shop has too many branches and tags that begin with release/. Escape the slashes of the name in the URL as %2F")
}

// api is the part of Bitbucket Cloud's REST API that is asked, and the archives beside it.
type api struct{ *hosttest.Repository }

func serve(repository *hosttest.Repository) http.Handler {
	a := api{repository}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2.0/repositories/acme/shop", a.repository)
	mux.HandleFunc("GET /2.0/repositories/acme/shop/refs", func(w http.ResponseWriter, r *http.Request) { a.refs(w, r, "heads", "tags") })
	mux.HandleFunc("GET /2.0/repositories/acme/shop/refs/branches", func(w http.ResponseWriter, r *http.Request) { a.refs(w, r, "heads") })
	mux.HandleFunc("GET /2.0/repositories/acme/shop/commit/{hash}", a.commit)
	mux.HandleFunc("GET /2.0/repositories/acme/shop/src/{commit}/{path...}", a.src)
	mux.HandleFunc("GET /acme/shop/get/{name}", a.archive)
	return mux
}

func (api) repository(w http.ResponseWriter, _ *http.Request) {
	hosttest.JSON(w, map[string]any{"mainbranch": map[string]string{"type": "branch", "name": "main"}})
}

// refs understands the two operators that are asked with: = and ~, which is "contains".
func (a api) refs(w http.ResponseWriter, r *http.Request, kinds ...string) {
	var values []map[string]any
	asked := r.URL.Query().Get("q")
	if asked == "" {
		asked = `name ~ ""`
	}
	operator, quoted, _ := strings.Cut(strings.TrimPrefix(asked, "name "), " ")
	wanted, err := strconv.Unquote(quoted)
	number, numberErr := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil || numberErr != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, kind := range kinds {
		for _, name := range a.Refs(kind, "") {
			if operator == "=" && name == wanted || operator == "~" && strings.Contains(name, wanted) {
				values = append(values, map[string]any{"name": name, "target": map[string]string{"hash": a.Commit(name)}})
			}
		}
	}
	start := min((number-1)*hosttest.PageSize, len(values))
	end := min(start+hosttest.PageSize, len(values))
	page := map[string]any{"values": values[start:end]}
	if end < len(values) {
		page["next"] = "http://" + r.Host + r.URL.Path + "?page=" + strconv.Itoa(number+1)
	}
	hosttest.JSON(w, page)
}

func (a api) commit(w http.ResponseWriter, r *http.Request) {
	hash := a.Commit(r.PathValue("hash"))
	if hash == "" {
		http.NotFound(w, r)
		return
	}
	hosttest.JSON(w, map[string]string{"hash": hash})
}

func (a api) src(w http.ResponseWriter, r *http.Request) {
	content, hash, found := a.File(r.PathValue("commit"), r.PathValue("path"))
	switch {
	case !found || strings.Contains(r.PathValue("commit"), "/"):
		http.NotFound(w, r)
	case r.Header.Get("If-None-Match") == `"`+hash+`"`:
		w.WriteHeader(http.StatusNotModified)
	default:
		w.Header().Set("ETag", `"`+hash+`"`)
		hosttest.Send(w, "text/plain; charset=utf-8", content, nil)
	}
}

func (a api) archive(w http.ResponseWriter, r *http.Request) {
	content, err := a.Archive("tar.gz", strings.TrimSuffix(r.PathValue("name"), ".tar.gz"), "")
	hosttest.Send(w, "application/x-tar-gz", content, err)
}
