// Package gitrepos serves real bare Git repositories over HTTP, for the servers of tests that stand for a host of
// source code. It knows no host's API.
package gitrepos

import (
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/devstack/githttp"
)

// Store is a directory of bare repositories. A name may be any text.
type Store struct {
	t         testing.TB
	directory string

	mutex sync.Mutex
	// trees are the files of each tree that was read, by its hash.
	trees map[string][]string
}

// New is an empty store for the time of one test.
func New(t testing.TB) *Store {
	t.Helper()
	return &Store{t: t, directory: t.TempDir(), trees: map[string][]string{}}
}

// environment is that of git, which writes nothing for safety and tidies nothing up: no repository outlives its test.
var environment = []string{
	"PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "HOME=/nonexistent",
	"GIT_CONFIG_COUNT=3", "GIT_CONFIG_KEY_0=core.fsync", "GIT_CONFIG_VALUE_0=none",
	"GIT_CONFIG_KEY_1=receive.autogc", "GIT_CONFIG_VALUE_1=false", "GIT_CONFIG_KEY_2=gc.auto", "GIT_CONFIG_VALUE_2=0",
}

func (s *Store) path(name string) string { return filepath.Join(s.directory, url.PathEscape(name)) }

// Create makes an empty repository, as git init does. The branch will be its default one.
func (s *Store) Create(name, branch string) {
	for _, directory := range []string{"objects", "refs"} {
		require.NoError(s.t, os.MkdirAll(filepath.Join(s.path(name), directory), 0o700))
	}
	for file, content := range map[string]string{
		"HEAD": "ref: refs/heads/" + branch + "\n", "config": "[core]\n\trepositoryformatversion = 0\n\tbare = true\n",
	} {
		require.NoError(s.t, os.WriteFile(filepath.Join(s.path(name), file), []byte(content), 0o600))
	}
}

// Delete removes a repository.
func (s *Store) Delete(name string) { require.NoError(s.t, os.RemoveAll(s.path(name))) }

// Git runs git in a repository, and fails the test where git fails.
func (s *Store) Git(name string, arguments ...string) string {
	printed, err := s.Try(name, arguments...)
	require.NoError(s.t, err, printed)
	return printed
}

// Try runs git in a repository.
func (s *Store) Try(name string, arguments ...string) (string, error) {
	printed, err := s.feed(name, "", arguments...)
	return strings.TrimSpace(printed), err
}

// feed runs git in a repository on an input.
func (s *Store) feed(name, input string, arguments ...string) (string, error) {
	command := exec.Command("git", arguments...) //nolint:noctx // It is a part of a request.
	command.Dir, command.Env, command.Stdin = s.path(name), environment, strings.NewReader(input)
	printed, err := command.CombinedOutput()
	return string(printed), err
}

// Commit adds a commit to a branch as somebody else, with these files over those that are there; "->target" is a link.
// It makes the branch if it is not there.
func (s *Store) Commit(name, branch string, files map[string]string) (hash string) {
	var stream strings.Builder
	data := func(content string) { fmt.Fprintf(&stream, "data %d\n%s\n", len(content), content) }
	fmt.Fprintf(&stream, "commit refs/heads/%s\ncommitter Somebody <somebody@example.com> now\n", branch)
	data("Changed\n")
	if tip := s.Tip(name, branch); tip != "" {
		fmt.Fprintf(&stream, "from %s\n", tip)
	}
	for file, content := range files {
		mode := "100644"
		if target, isLink := strings.CutPrefix(content, "->"); isLink {
			mode, content = "120000", target
		}
		fmt.Fprintf(&stream, "M %s inline %s\n", mode, file)
		data(content)
	}
	printed, err := s.feed(name, stream.String(), "fast-import", "--quiet", "--date-format=now")
	require.NoError(s.t, err, printed)
	return s.Tip(name, branch)
}

// Tip is the hash of a branch's newest commit, "" for none.
func (s *Store) Tip(name, branch string) string {
	hash, err := s.Try(name, "rev-parse", "--verify", "--quiet", "refs/heads/"+branch)
	if err != nil {
		return ""
	}
	return hash
}

// Branches are the names of the branches.
func (s *Store) Branches(name string) []string {
	return strings.Fields(s.Git(name, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads"))
}

// Files are the files of each branch with their content, as "main: README.md=# Shop", sorted.
func (s *Store) Files(name string) []string {
	var listed []string
	for line := range strings.Lines(s.Git(name, "for-each-ref", "--format=%(tree) %(refname:lstrip=2)", "refs/heads")) {
		tree, branch, _ := strings.Cut(strings.TrimSpace(line), " ")
		for _, file := range s.filesOf(name, tree) {
			listed = append(listed, branch+": "+file)
		}
	}
	slices.Sort(listed)
	return listed
}

// filesOf are the files of a tree with their content. They are read once, because the hash of a tree says all of it.
func (s *Store) filesOf(name, tree string) []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if files, known := s.trees[tree]; known {
		return files
	}
	var files []string
	var hashes strings.Builder
	for entry := range strings.SplitSeq(s.Git(name, "ls-tree", "-r", "--format=%(objectname) %(path)", tree), "\n") {
		if hash, file, found := strings.Cut(entry, " "); found {
			files = append(files, file)
			hashes.WriteString(hash + "\n")
		}
	}
	contents, err := s.feed(name, hashes.String(), "cat-file", "--batch=%(objectsize)")
	require.NoError(s.t, err, contents)
	for i := range files {
		size, rest, _ := strings.Cut(contents, "\n")
		length, err := strconv.Atoi(size)
		require.NoError(s.t, err)
		files[i] += "=" + strings.TrimSpace(rest[:length])
		contents = rest[length+1:]
	}
	s.trees[tree] = files
	return files
}

// Digest changes with each change of a branch, a tag or another ref of any repository.
func (s *Store) Digest() string {
	var digest strings.Builder
	require.NoError(s.t, filepath.WalkDir(s.directory, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && filepath.Dir(filepath.Dir(path)) == s.directory && entry.Name() == "objects":
			return fs.SkipDir
		case entry.IsDir():
			return nil
		}
		content, err := os.ReadFile(path) //nolint:gosec // The test's own directory.
		fmt.Fprintf(&digest, "%s %s\n", path, content)
		return err
	}))
	return digest.String()
}

// Host is a host of source code that serves its repositories to Git.
type Host struct {
	// Realm is the host's name for those who have no valid credentials, and Accepts reports who has them.
	Realm   string
	Accepts func(r *http.Request) bool
	// Name is the name in the store of the repository with a path, which has no ".git"; "" when there is none.
	Name func(path string) string
	// Pushed is called after each push to a repository. It may be nil.
	Pushed func(name string)
}

// Handler serves pushes and fetches as a host does. It answers "not found" to other requests.
func (s *Store) Handler(host Host) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, isGit := githttp.Parse(r)
		if !host.Accepts(r) {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf("Basic realm=%q", host.Realm))
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		name := ""
		if isGit {
			name = host.Name(asked.Repository)
		}
		if name == "" {
			http.NotFound(w, r)
			return
		}
		s.serve(w, r, asked, name)
		if asked.Writes && host.Pushed != nil {
			host.Pushed(name)
		}
	})
}

func (s *Store) serve(w http.ResponseWriter, r *http.Request, asked githttp.Request, name string) {
	executable, err := exec.LookPath("git")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	githttp.Backend{Executable: executable, Environment: slices.Clone(environment), Log: slog.New(slog.DiscardHandler)}.Serve(w, r, asked, s.path(name))
}
