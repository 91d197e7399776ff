package integration_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/github"
)

const (
	commit = "0123456789abcdef0123456789abcdef01234567"
	token  = "a-token"
)

// entry is a file of the fake repository acme/shop.
type entry struct {
	path, content, link string
	mode                int64
}

// gitHub is an httptest server that speaks the part of GitHub's REST API that reading needs, for one
// repository.
type gitHub struct {
	*httptest.Server
	entries []entry
	// truncated makes the tree incomplete, as GitHub does for large repositories.
	truncated bool
	// archiveHost is where tarballs are redirected to; "" serves them on the spot.
	archiveHost string
	mutex       sync.Mutex
	// requests lists path and Authorization of all requests.
	requests []string
}

func newGitHub(t *testing.T, entries ...entry) *gitHub {
	t.Helper()
	fake := &gitHub{entries: entries}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v3/repos/acme/shop", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{"default_branch": "main"})
	})
	mux.HandleFunc("GET /api/v3/repos/acme/shop/commits/{ref}", fake.commit)
	mux.HandleFunc("GET /api/v3/repos/acme/shop/contents/{path...}", fake.contents)
	mux.HandleFunc("GET /raw/acme/shop/main/{path...}", fake.contents)
	mux.HandleFunc("GET /api/v3/repos/acme/shop/tarball/"+commit, fake.tarball)
	mux.HandleFunc("GET /archive", fake.tarball)
	mux.HandleFunc("GET /api/v3/repos/acme/shop/git/trees/"+commit, fake.tree)
	mux.HandleFunc("GET /api/v3/repos/acme/shop/git/blobs/{index}", fake.blob)
	fake.Server = httptest.NewServer(fake.record(mux))
	t.Cleanup(fake.Close)
	return fake
}

func (g *gitHub) host() string { return g.Listener.Addr().String() }

func (g *gitHub) file(path string) string { return g.URL + "/acme/shop/blob/main/" + path }

// set makes a Set that knows the server as a GitHub Enterprise host.
func (g *gitHub) set(t *testing.T, limits integration.Limits) *integration.Set {
	t.Helper()
	set, err := forges.New(forges.Config{
		GitHub: []github.Config{{Host: g.host(), APIBaseURL: g.URL + "/api/v3/", Token: token}},
	}, integration.Options{Limits: limits})
	require.NoError(t, err)
	return set
}

func (g *gitHub) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mutex.Lock()
		g.requests = append(g.requests, r.URL.Path+" "+r.Header.Get("Authorization"))
		g.mutex.Unlock()
		next.ServeHTTP(w, r)
	})
}

func (g *gitHub) recorded() []string {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return slices.Clone(g.requests)
}

// commit answers with a hash alone, as a caller may ask.
func (g *gitHub) commit(w http.ResponseWriter, r *http.Request) {
	switch {
	case !strings.HasSuffix(r.Header.Get("Accept"), ".sha"):
		w.WriteHeader(http.StatusNotAcceptable)
	case r.PathValue("ref") == "main" && r.Header.Get("If-None-Match") == `"`+commit+`"`:
		w.WriteHeader(http.StatusNotModified)
	case r.PathValue("ref") == "main":
		w.Header().Set("Content-Type", "application/vnd.github.v3.sha")
		_, _ = w.Write([]byte(commit))
	case r.PathValue("ref") == "broken":
		_, _ = w.Write([]byte("../../etc"))
	case r.PathValue("ref") == "forbidden":
		w.WriteHeader(http.StatusNotFound)
	default:
		w.WriteHeader(http.StatusUnprocessableEntity)
		writeJSON(w, map[string]any{"message": "No commit found for SHA: " + r.PathValue("ref")})
	}
}

func (g *gitHub) contents(w http.ResponseWriter, r *http.Request) {
	if status, err := strconv.Atoi(r.PathValue("path")); err == nil {
		w.Header().Set("X-Ratelimit-Remaining", "0")
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		return
	}
	for _, entry := range g.entries {
		if entry.path != r.PathValue("path") {
			continue
		}
		if r.Header.Get("If-None-Match") == `"etag"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", `"etag"`)
		w.Header().Set("Content-Type", "application/vnd.github.v3.raw")
		_, _ = w.Write([]byte(entry.content))
		return
	}
	w.WriteHeader(http.StatusNotFound)
	writeJSON(w, map[string]any{"message": "Not Found"})
}

func (g *gitHub) tarball(w http.ResponseWriter, r *http.Request) {
	if g.archiveHost != "" && r.URL.Path != "/archive" {
		http.Redirect(w, r, g.archiveHost+"/archive?token=temporary", http.StatusFound)
		return
	}
	w.Header().Set("Content-Type", "application/x-gzip")
	_, _ = w.Write(pack(g.entries))
}

// pack makes a tarball like GitHub's: a global header, then everything below one directory.
func pack(entries []entry) []byte {
	var packed bytes.Buffer
	compressed := gzip.NewWriter(&packed)
	archive := tar.NewWriter(compressed)
	_ = archive.WriteHeader(&tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": commit}})
	_ = archive.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "acme-shop-0123456/", Mode: 0o755})
	for _, entry := range entries {
		header := &tar.Header{Name: "acme-shop-0123456/" + entry.path, Size: int64(len(entry.content)), Mode: entry.mode}
		if entry.link != "" {
			header.Typeflag, header.Linkname, header.Size = tar.TypeSymlink, entry.link, 0
		}
		_ = archive.WriteHeader(header)
		if entry.link == "" {
			_, _ = archive.Write([]byte(entry.content))
		}
	}
	_ = archive.Close()
	_ = compressed.Close()
	return packed.Bytes()
}

func (g *gitHub) tree(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("recursive") == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	var entries []map[string]any
	for i, entry := range g.entries {
		mode := "100644"
		if entry.link != "" {
			mode = "120000"
		}
		entries = append(entries, map[string]any{
			"path": entry.path, "type": "blob", "mode": mode, "size": len(entry.content), "sha": strconv.Itoa(i),
		})
	}
	entries = append(entries, map[string]any{"path": "directory.yaml", "type": "tree", "mode": "040000", "sha": "x"})
	writeJSON(w, map[string]any{"sha": commit, "tree": entries, "truncated": g.truncated})
}

func (g *gitHub) blob(w http.ResponseWriter, r *http.Request) {
	index, err := strconv.Atoi(r.PathValue("index"))
	if err != nil || index >= len(g.entries) {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(g.entries[index].content))
	writeJSON(w, map[string]any{"encoding": "base64", "content": encoded[:len(encoded)/2] + "\n" + encoded[len(encoded)/2:] + "\n"})
}

func writeJSON(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic(err)
	}
}

func hostOf(t *testing.T, rawURL string) string {
	t.Helper()
	parsed, err := url.Parse(rawURL)
	require.NoError(t, err)
	return parsed.Host
}
