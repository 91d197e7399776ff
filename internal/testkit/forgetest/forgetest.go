// Package forgetest runs a local forge for a test. Every API exchange is checked against GitHub's published
// description, and tests can inject faults. It is for tests only.
package forgetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/devstack/forge"
	"github.com/portico-dev/portico/internal/githubapi"
)

// Server is a forge on a loopback port for the time of one test. It has an organization "demo" with a team
// "makers", and a user "ann" beside the token's own.
type Server struct {
	*forge.Forge
	// URL, Host and APIBaseURL are the test server's, in place of those of a started forge.
	URL, Host, APIBaseURL string

	dataDir string
	fault   atomic.Pointer[func(*http.Request) Fault]
}

// Fault handles a request instead of the forge, whose handler is next. Nil leaves the request to the forge.
type Fault func(w http.ResponseWriter, r *http.Request, next http.Handler)

// Start serves a new forge until the test ends. An exchange that does not fit GitHub's description fails the
// test.
func Start(t testing.TB) *Server {
	t.Helper()
	dataDir := t.TempDir()
	f, err := forge.New(t.Context(), forge.Options{DataDir: dataDir, WorkflowTime: -1})
	require.NoError(t, err)
	require.NoError(t, f.AddOrganization("demo", "Demo"))
	require.NoError(t, f.AddTeam("demo", "Makers", "They make things"))
	require.NoError(t, f.AddUser("ann", "Ann"))
	server := &Server{Forge: f, dataDir: dataDir}
	server.Inject(nil)
	checked := githubapi.Checked(f.Handler(), func(err error) { t.Errorf("not as GitHub has it: %v", err) })
	listening := httptest.NewServer(server.faulty(checked))
	t.Cleanup(listening.Close)
	server.URL = listening.URL
	server.Host = strings.TrimPrefix(listening.URL, "http://")
	server.APIBaseURL = listening.URL + githubapi.Prefix
	return server
}

// Digest is a checksum of all that the forge keeps: it changes with each change.
func (s *Server) Digest(t testing.TB) string {
	t.Helper()
	sum := sha256.New()
	require.NoError(t, filepath.WalkDir(s.dataDir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path) //nolint:gosec // The test's own directory.
		fmt.Fprintf(sum, "%s %d\n%s", path, len(content), content)
		return err
	}))
	return hex.EncodeToString(sum.Sum(nil))
}

// Repositories are the names of all repositories of an owner, sorted.
func (s *Server) Repositories(t testing.TB, owner string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(s.dataDir, "repositories", owner, "*.git"))
	require.NoError(t, err)
	names := make([]string, len(found))
	for i, path := range found {
		names[i] = strings.TrimSuffix(filepath.Base(path), ".git")
	}
	return names
}

// Client is a client of the forge's API, with its token.
func (s *Server) Client(t testing.TB) *github.Client {
	t.Helper()
	client := github.NewClient(nil).WithAuthToken(s.Token())
	base, err := client.BaseURL.Parse(s.APIBaseURL + "/")
	require.NoError(t, err)
	client.BaseURL = base
	return client
}

// Push commits files as Ann and pushes the commit to a branch of a repository such as "demo/shop": on top of
// its branch main, or as a root of its own.
func (s *Server) Push(t testing.TB, repository, branch string, onMain bool, files map[string]string) {
	t.Helper()
	directory := t.TempDir()
	git := func(args ...string) {
		command := exec.CommandContext(t.Context(), "git", args...)
		command.Dir = directory
		command.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0",
			"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.com", "GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@example.com",
			"GIT_AUTHOR_DATE=@1500000000 +0000", "GIT_COMMITTER_DATE=@1500000000 +0000")
		output, err := command.CombinedOutput()
		require.NoError(t, err, string(output))
	}
	remote := "http://x-access-token:" + s.Token() + "@" + s.Host + "/" + repository + ".git"
	git("init", "--quiet", "--initial-branch="+branch)
	if onMain {
		git("pull", "--quiet", remote, "main")
	}
	for name, content := range files {
		path := filepath.Join(directory, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	git("add", "--all")
	git("commit", "--quiet", "--allow-empty", "-m", "by Ann")
	git("push", "--quiet", remote, "HEAD:refs/heads/"+branch)
}

// PushRefs pushes refspecs to a repository such as "demo/shop": +refs/heads/main:refs/tags/v1 sets a tag, :refs/heads/old deletes a branch.
func (s *Server) PushRefs(t testing.TB, repository string, refspecs ...string) {
	t.Helper()
	remote := "http://x-access-token:" + s.Token() + "@" + s.Host + "/" + repository + ".git"
	directory := t.TempDir()
	run(t, directory, "clone", "--quiet", "--mirror", remote, ".")
	run(t, directory, append([]string{"push", "--quiet", remote}, refspecs...)...)
}

// PushOn commits files as Ann on top of a branch of a repository such as "demo/shop", and pushes that.
func (s *Server) PushOn(t testing.TB, repository, branch string, files map[string]string) {
	t.Helper()
	directory := t.TempDir()
	remote := "http://x-access-token:" + s.Token() + "@" + s.Host + "/" + repository + ".git"
	run(t, directory, "clone", "--quiet", "--branch", branch, remote, ".")
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(directory, name), []byte(content), 0o600))
	}
	run(t, directory, "add", "--all")
	run(t, directory, "-c", "user.name=Ann", "-c", "user.email=ann@example.com", "commit", "--quiet", "-m", "by Ann")
	run(t, directory, "push", "--quiet", remote, "HEAD")
}

func run(t testing.TB, directory string, args ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "git", args...)
	command.Dir = directory
	command.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0")
	output, err := command.CombinedOutput()
	require.NoError(t, err, string(output))
}

// Tip is the last commit of a branch.
func (s *Server) Tip(t testing.TB, repository, branch string) string {
	t.Helper()
	owner, name, _ := strings.Cut(repository, "/")
	hash, _, err := s.Client(t).Repositories.GetCommitSHA1(t.Context(), owner, name, branch, "")
	require.NoError(t, err)
	return hash
}

// Propose opens a pull request that merges a branch into main.
func (s *Server) Propose(t testing.TB, repository, branch string) *github.PullRequest {
	t.Helper()
	owner, name, _ := strings.Cut(repository, "/")
	pull, _, err := s.Client(t).PullRequests.Create(t.Context(), owner, name, &github.NewPullRequest{Title: new("Change " + branch), Head: &branch, Base: new("main")})
	require.NoError(t, err)
	return pull
}

// Inject calls pick for every request from now on, to choose its fault. Nil ends all faults. Pick may be
// called from several goroutines.
func (s *Server) Inject(pick func(*http.Request) Fault) {
	if pick == nil {
		pick = func(*http.Request) Fault { return nil }
	}
	s.fault.Store(&pick)
}

func (s *Server) faulty(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fault := (*s.fault.Load())(r); fault != nil {
			fault(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Answer refuses a request with a status and GitHub's form of a message.
func Answer(status int, message string, header http.Header) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		maps.Copy(w.Header(), header)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		w.Write([]byte(`{"message": ` + strconv.Quote(message) + `}`)) //nolint:errcheck // A test's caller may be gone.
	}
}

// Limited answers as GitHub does when a caller has sent too much.
func Limited(retryAfter time.Duration) Fault {
	header := http.Header{"Retry-After": {strconv.Itoa(int(retryAfter.Seconds()))}}
	return Answer(http.StatusTooManyRequests, "You have exceeded a secondary rate limit.", header)
}

// AskFor has a GraphQL query answered for another owner than it names in its variable login, as after a renaming.
func AskFor(login string) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		var asked struct {
			Query     string         `json:"query"`
			Variables map[string]any `json:"variables"`
		}
		err := json.NewDecoder(r.Body).Decode(&asked)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		asked.Variables["login"] = login
		body, err := json.Marshal(asked)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	}
}

// DropBefore closes the connection without serving the request.
func DropBefore(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }

// DropAfter serves the request and closes the connection before the response.
func DropAfter(_ http.ResponseWriter, r *http.Request, next http.Handler) {
	// The forge finishes the request even if the caller does not wait.
	next.ServeHTTP(httptest.NewRecorder(), r.WithContext(context.WithoutCancel(r.Context())))
	panic(http.ErrAbortHandler)
}

// Hang sends no response until the caller gives up.
func Hang(_ http.ResponseWriter, r *http.Request, _ http.Handler) { <-r.Context().Done() }

// RefusePush answers a push as GitHub does that its rules refuse: it takes the objects, prints a message, and rejects each
// branch for the reason. It is for the path /git-receive-pack.
func RefusePush(branch, message, reason string) Fault {
	line := func(text string) string { return fmt.Sprintf("%04x%s", len(text)+4, text) }
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.Copy(io.Discard, r.Body) // the client sends all of it before it reads
		w.Header().Set("Content-Type", "application/x-git-receive-pack-result")
		report := line("unpack ok\n") + line("ng refs/heads/"+branch+" "+reason+"\n") + "0000"
		_, _ = io.WriteString(w, line("\x02"+message+"\n")+line("\x01"+report)+"0000") // the caller may be gone
	}
}
