package azure_test

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/azure"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/internal/testkit/hosttest"
)

var forge = hosttest.Forge{
	API: serve, Root: "/acme/the%20project/_git/shop", Missing: "/acme/the%20project/_git/none", Hidden: http.StatusUnauthorized,
	WholeRefs: true, RequestsWithSlashes: 2, Repo: integration.Repo{Organization: "acme", Project: "the project", Repo: "shop"},
	Config: func(serverURL, host, token string) forges.Config {
		config := azure.Config{Host: host, BaseURL: serverURL}
		if token != "" {
			config.Credentials = []azure.Credential{
				{PersonalAccessToken: "of-nobody"}, {Organizations: []string{"other", "ACME"}, PersonalAccessToken: token},
			}
		}
		return forges.Config{Azure: []azure.Config{config}}
	},
	At: func(root, ref, path string) string {
		query := url.Values{"path": {"/" + path}, "version": {"GB" + ref}}
		return root + "?" + query.Encode()
	},
	Credential: func(request *http.Request) string {
		_, token, _ := request.BasicAuth()
		return token
	},
}

func TestAzureIsAHost(t *testing.T) {
	t.Parallel()
	hosttest.Run(t, forge)
}

// api is the part of the REST API of Azure Repos that is asked.
type api struct{ *hosttest.Repository }

func serve(repository *hosttest.Repository) http.Handler {
	a := api{repository}
	mux := http.NewServeMux()
	for path, handler := range map[string]http.HandlerFunc{
		"": a.repository, "/refs": a.refs, "/commits": a.commits, "/items": a.items, "/blobs/{id}": a.blob,
	} {
		mux.HandleFunc("GET /acme/{project}/_apis/git/repositories/shop"+path, func(w http.ResponseWriter, r *http.Request) {
			if r.PathValue("project") != "the project" || r.URL.Query().Get("api-version") == "" {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			handler(w, r)
		})
	}
	return mux
}

func (a api) refs(w http.ResponseWriter, r *http.Request) {
	values := []map[string]string{}
	for _, name := range a.Refs("heads", "") {
		if strings.HasPrefix("heads/"+name, r.URL.Query().Get("filter")) {
			values = append(values, map[string]string{"name": "refs/heads/" + name})
		}
	}
	hosttest.JSON(w, map[string]any{"value": values})
}

func (api) repository(w http.ResponseWriter, _ *http.Request) {
	hosttest.JSON(w, map[string]string{"defaultBranch": "refs/heads/main"})
}

func (a api) commits(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	prefix := map[string]string{"branch": "refs/heads/", "tag": "refs/tags/"}[query.Get("searchCriteria.itemVersion.versionType")]
	hash := a.Commit(prefix + query.Get("searchCriteria.itemVersion.version"))
	if hash == "" {
		http.NotFound(w, r)
		return
	}
	hosttest.JSON(w, map[string]any{"count": 1, "value": []map[string]string{{"commitId": hash}}})
}

// items are a file, a list or an archive.
func (a api) items(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	commit, scope := query.Get("versionDescriptor.version"), strings.Trim(query.Get("scopePath"), "/")
	switch {
	case query.Get("$format") == "zip":
		content, err := a.Archive("zip", commit, "")
		// Azure's archives have no top-level directory.
		hosttest.Send(w, "application/zip", content, err)
	case query.Get("path") != "":
		content, _, found := a.File(commit, strings.TrimPrefix(query.Get("path"), "/"))
		if !found {
			http.NotFound(w, r)
			return
		}
		hosttest.Send(w, "application/octet-stream", content, nil)
	default:
		objects, found := a.List(commit, scope)
		if !found {
			http.NotFound(w, r)
			return
		}
		items := []map[string]any{}
		for _, object := range objects {
			items = append(items, map[string]any{
				"objectId": object.Hash, "gitObjectType": object.Type, "path": "/" + object.Path, "isSymLink": object.Mode == integration.ModeSymlink,
			})
		}
		hosttest.JSON(w, map[string]any{"count": len(items), "value": items})
	}
}

func (a api) blob(w http.ResponseWriter, r *http.Request) {
	content, err := a.Blob(r.PathValue("id"))
	hosttest.Send(w, "application/octet-stream", content, err)
}

func TestParse(t *testing.T) {
	t.Parallel()
	host, err := azure.New(azure.Config{}, nil)
	require.NoError(t, err)
	for address, expected := range map[string]integration.Place{
		"/o/p/_git/r":                            {Repository: "o/p/r", RefIsWhole: true},
		"/o/_git/r":                              {Repository: "o/r/r", RefIsWhole: true},
		"/tfs/o/p/_git/r":                        {Repository: "tfs/o/p/r", RefIsWhole: true},
		"/o/p/_git/r?path=/a/b.yaml":             {Repository: "o/p/r", RefIsWhole: true, Path: "a/b.yaml"},
		"/o/p/_git/r?path=%2Fa&version=GBx%2Fy":  {Repository: "o/p/r", RefIsWhole: true, Path: "a", View: "GB", Ref: "x/y"},
		"/o/p/_git/r?path=/a&version=GTv1":       {Repository: "o/p/r", RefIsWhole: true, Path: "a", View: "GT", Ref: "v1"},
		"/o/p/_git/r?path=/a&version=GC0123&_a=": {Repository: "o/p/r", RefIsWhole: true, Path: "a", View: "GC", Ref: "0123"},
	} {
		parsed, err := url.Parse("https://dev.azure.com" + address)
		require.NoError(t, err)
		place, err := host.Parse(parsed)
		require.NoError(t, err, address)
		require.Equal(t, expected, place, address)
	}
	for _, address := range []string{
		"/", "/o/p/r", "/_git/r", "/o/p/_git/r/x", "/o/../_git/r", "/o/p%2Fq/_git/r", "/o/p/_git/r?path=/a/../b", "/o/p/_git/r?version=xx", "/a/b/c/d/_git/r",
	} {
		parsed, err := url.Parse("https://dev.azure.com" + address)
		require.NoError(t, err)
		_, err = host.Parse(parsed)
		require.Error(t, err, address)
	}
}

// TestALongListIsReadFromTheArchive: Azure lists all files in one response, which may be longer than what is
// read of a response.
func TestALongListIsReadFromTheArchive(t *testing.T) {
	t.Parallel()
	long := forge
	long.API = func(repository *hosttest.Repository) http.Handler {
		served := serve(repository)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			query := r.URL.Query()
			if query.Get("recursionLevel") == "Full" && query.Get("$format") == "" {
				hosttest.Send(w, "application/json", slices.Concat([]byte(`{"value":[`), bytes.Repeat([]byte(" "), 16<<20), []byte(`]}`)), nil)
				return
			}
			served.ServeHTTP(w, r)
		})
	}
	server := hosttest.Start(t, long)
	found, err := server.Set(t, hosttest.Token, integration.Limits{}).
		Search(t.Context(), server.At("main", "services/*/catalog-info.yaml"), integration.ReadOptions{})
	require.NoError(t, err)
	require.Len(t, found.Files, 2)
}

// TestArchivesLeaveNoTemporaryFile looks at the directory of temporary files while an archive is read.
// Whatever is there would stay after a crash. The test is not parallel, because it sets an environment
// variable.
func TestArchivesLeaveNoTemporaryFile(t *testing.T) {
	server := hosttest.Start(t, forge)
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	tree, err := server.Set(t, hosttest.Token, integration.Limits{}).ReadTree(t.Context(), server.URL+forge.Root, integration.ReadOptions{})
	require.NoError(t, err)
	defer tree.Close()
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	require.Empty(t, left)
	for _, err := range tree.Files() {
		require.NoError(t, err)
	}
}

// TestASignInPageIsAnError: Azure responds to an invalid token with a page and a successful status.
func TestASignInPageIsAnError(t *testing.T) {
	t.Parallel()
	server := hosttest.Start(t, forge)
	server.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNonAuthoritativeInfo) })
	_, err := server.Set(t, hosttest.Token, integration.Limits{}).ReadURL(t.Context(), server.At("main", "catalog-info.yaml"), integration.ReadOptions{})
	var refused *integration.ResponseError
	require.ErrorAs(t, err, &refused)
	require.False(t, refused.Temporary())
	require.ErrorContains(t, err, "Check that the credentials of "+server.Listener.Addr().String()+" under integrations.azure have not expired")
}
