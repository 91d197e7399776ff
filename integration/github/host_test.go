package github_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	githubhost "github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/internal/testkit/hosttest"
)

var gitHub = hosttest.Forge{
	API: serve, Root: "/acme/shop", Missing: "/acme/none", Hidden: http.StatusNotFound,
	Config: func(serverURL, host, token string) forges.Config {
		return forges.Config{GitHub: []githubhost.Config{{Host: host, APIBaseURL: serverURL + "/api/v3", Token: token}}}
	},
	At: func(root, ref, path string) string { return root + "/blob/" + ref + "/" + integration.EscapePath(path) },
	Credential: func(request *http.Request) string {
		return strings.TrimPrefix(request.Header.Get("Authorization"), "Bearer ")
	},
}

func TestGitHubIsAHost(t *testing.T) {
	t.Parallel()
	hosttest.Run(t, gitHub)
}

// TestTheWaitOfTheSecondaryLimitIsBounded: GitHub says the limit's kind in the body of its answer.
func TestTheWaitOfTheSecondaryLimitIsBounded(t *testing.T) {
	t.Parallel()
	server := hosttest.Start(t, gitHub)
	set := server.Set(t, hosttest.Token, integration.Limits{})
	for asked, expected := range map[string]time.Duration{"7": 7 * time.Second, "7200": integration.MaxRetryAfter, "9223372036854775807": integration.MaxRetryAfter} {
		server.Answer(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", asked)
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"documentation_url":"https://docs.github.com/rest#secondary-rate-limits"}`)
		})
		_, err := set.ReadURL(t.Context(), server.At("main", "catalog-info.yaml"), integration.ReadOptions{})
		var refused *integration.ResponseError
		require.ErrorAs(t, err, &refused)
		require.True(t, refused.RateLimited)
		require.Equal(t, expected, refused.RetryAfter)
	}
}

// api is the part of GitHub's REST API that is asked.
type api struct{ *hosttest.Repository }

func serve(repository *hosttest.Repository) http.Handler {
	a := api{repository}
	mux := http.NewServeMux()
	for path, handler := range map[string]http.HandlerFunc{
		"":                               a.repository,
		"/commits/{ref...}":              a.commit,
		"/git/matching-refs/{prefix...}": a.refs,
		"/contents/{path...}":            a.contents,
		"/git/trees/{commit}":            a.tree,
		"/git/blobs/{hash}":              a.blob,
		"/tarball/{commit}":              a.tarball,
	} {
		mux.HandleFunc("GET /api/v3/repos/acme/shop"+path, handler)
	}
	return mux
}

func (api) repository(w http.ResponseWriter, _ *http.Request) {
	hosttest.JSON(w, map[string]any{"default_branch": "main"})
}

func (a api) commit(w http.ResponseWriter, r *http.Request) {
	hash := a.Commit(r.PathValue("ref"))
	switch {
	case hash == "":
		w.WriteHeader(http.StatusUnprocessableEntity)
	case r.Header.Get("If-None-Match") == `"`+hash+`"`:
		w.WriteHeader(http.StatusNotModified)
	default:
		hosttest.Send(w, "application/vnd.github.v3.sha", []byte(hash), nil)
	}
}

func (a api) refs(w http.ResponseWriter, r *http.Request) {
	kind, prefix, _ := strings.Cut(r.PathValue("prefix"), "/")
	found := []map[string]string{}
	for _, name := range a.Refs(kind, prefix) {
		found = append(found, map[string]string{"ref": "refs/" + kind + "/" + name})
	}
	hosttest.JSON(w, found)
}

func (a api) contents(w http.ResponseWriter, r *http.Request) {
	content, hash, found := a.File(r.URL.Query().Get("ref"), r.PathValue("path"))
	switch {
	case !found:
		http.NotFound(w, r)
	case r.Header.Get("If-None-Match") == `"`+hash+`"`:
		w.WriteHeader(http.StatusNotModified)
	default:
		w.Header().Set("ETag", `"`+hash+`"`)
		hosttest.Send(w, "application/vnd.github.v3.raw", content, nil)
	}
}

func (a api) tree(w http.ResponseWriter, r *http.Request) {
	objects, _ := a.List(r.PathValue("commit"), "")
	entries := []map[string]any{}
	for _, object := range objects {
		entries = append(entries, map[string]any{
			"path": object.Path, "type": object.Type, "mode": object.Mode, "size": object.Size, "sha": object.Hash,
		})
	}
	hosttest.JSON(w, map[string]any{"sha": r.PathValue("commit"), "tree": entries, "truncated": false})
}

func (a api) blob(w http.ResponseWriter, r *http.Request) {
	content, err := a.Blob(r.PathValue("hash"))
	if err != nil {
		http.Error(w, fmt.Sprint(err), http.StatusNotFound)
		return
	}
	hosttest.JSON(w, map[string]any{"encoding": "utf-8", "content": string(content)})
}

func (a api) tarball(w http.ResponseWriter, r *http.Request) {
	content, err := a.Archive("tar.gz", r.PathValue("commit"), "")
	hosttest.Send(w, "application/x-gzip", content, err)
}
