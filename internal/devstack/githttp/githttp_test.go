package githttp_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/devstack/githttp"
)

// environment is that of all processes of git here.
var environment = []string{
	"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0",
	"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.com", "GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@example.com",
}

func git(t *testing.T, directory string, arguments ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "git", arguments...)
	command.Dir, command.Env = directory, environment
	printed, err := command.CombinedOutput()
	require.NoError(t, err, "git %v: %s", arguments, printed)
	return strings.TrimSpace(string(printed))
}

// serve serves one bare repository, at any path, and returns the repository's directory.
func serve(t *testing.T) (server *httptest.Server, directory string) {
	t.Helper()
	directory = filepath.Join(t.TempDir(), "bare.git")
	git(t, t.TempDir(), "init", "--quiet", "--bare", "--initial-branch=main", directory)
	executable, err := exec.LookPath("git")
	require.NoError(t, err)
	backend := githttp.Backend{Executable: executable, Environment: environment, Log: slog.New(slog.DiscardHandler)}
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request, ok := githttp.Parse(r)
		if !ok {
			http.NotFound(w, r)
			return
		}
		backend.Serve(w, r, request, directory)
	}))
	t.Cleanup(server.Close)
	return server, directory
}

func TestGitClonesFetchesAndPushes(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"0", "1", "2"} {
		t.Run("version "+version, func(t *testing.T) {
			t.Parallel()
			server, directory := serve(t)
			version := "protocol.version=" + version
			mine, theirs := filepath.Join(t.TempDir(), "mine"), filepath.Join(t.TempDir(), "theirs")
			for _, clone := range []string{mine, theirs} {
				git(t, t.TempDir(), "-c", version, "clone", "--quiet", server.URL+"/acme/shop.git", clone)
			}
			for range 100 { // so many that the next fetch names what it has in a compressed request
				git(t, theirs, "commit", "--quiet", "--allow-empty", "--message=theirs")
			}
			require.NoError(t, os.WriteFile(filepath.Join(mine, "README.md"), []byte("# Shop\n"), 0o600))
			git(t, mine, "add", ".")
			git(t, mine, "commit", "--quiet", "--message=mine")
			git(t, mine, "-c", version, "push", "--quiet", "origin", "HEAD:refs/heads/main")
			require.Equal(t, git(t, mine, "rev-parse", "HEAD"), git(t, directory, "rev-parse", "refs/heads/main"))
			git(t, theirs, "-c", version, "fetch", "--quiet", "origin")
			require.Equal(t, "# Shop", git(t, theirs, "show", "origin/main:README.md"))
		})
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for url, expected := range map[string]githttp.Request{
		"/acme/shop.git/info/refs?service=git-upload-pack":  {Repository: "acme/shop"},
		"/acme/shop/info/refs?service=git-upload-pack":      {Repository: "acme/shop"},
		"/acme/shop.git/git-upload-pack":                    {Repository: "acme/shop"},
		"/acme/shop.git/info/refs?service=git-receive-pack": {Repository: "acme/shop", Pushes: true},
		"/acme/shop.git/git-receive-pack":                   {Repository: "acme/shop", Pushes: true, Writes: true},
	} {
		request, ok := githttp.Parse(httptest.NewRequestWithContext(t.Context(), http.MethodGet, url, nil))
		require.True(t, ok, url)
		require.Equal(t, expected, githttp.Request{Repository: request.Repository, Pushes: request.Pushes, Writes: request.Writes}, url)
	}
	for _, url := range []string{"/acme/shop.git/info/refs", "/acme/shop.git/info/refs?service=git-upload-archive", "/acme/shop.git/HEAD", "/git-upload-pack/x"} {
		_, ok := githttp.Parse(httptest.NewRequestWithContext(t.Context(), http.MethodGet, url, nil))
		require.False(t, ok, url)
	}
}

func TestRequestsByHand(t *testing.T) {
	t.Parallel()
	server, directory := serve(t)
	send := func(path, encoding string, body []byte) (int, string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+path, bytes.NewReader(body))
		require.NoError(t, err)
		request.Header.Set("Content-Encoding", encoding)
		request.Header.Set("Git-Protocol", "version=2")
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		answered, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return response.StatusCode, string(answered)
	}
	git(t, directory, "update-ref", "refs/heads/main", git(t, directory, "commit-tree", "-m", "first", git(t, directory, "mktree")))
	list := []byte("0014command=ls-refs\n00010000")
	status, plain := send("/shop.git/git-upload-pack", "", list)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, plain, "refs/heads/main")

	var compressed bytes.Buffer
	writer := gzip.NewWriter(&compressed)
	_, err := writer.Write(list)
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	status, answered := send("/shop.git/git-upload-pack", "gzip", compressed.Bytes())
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, plain, answered)

	status, _ = send("/shop.git/git-upload-pack", "gzip", list)
	require.Equal(t, http.StatusBadRequest, status, "it is not compressed")
	require.NoError(t, os.RemoveAll(directory))
	require.NoError(t, os.Mkdir(directory, 0o700))
	status, answered = send("/shop.git/git-upload-pack", "", list)
	require.Equal(t, http.StatusInternalServerError, status)
	require.NotContains(t, answered, directory, "a visitor is not told where repositories are")
}
