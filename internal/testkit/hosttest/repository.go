// Package hosttest tests the hosts of package integration against one specification, each with a test server
// that implements its REST API on a real Git repository. It is for tests only.
package hosttest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/cgi" //nolint:gosec // Go has been safe from Httpoxy since 1.6.3.
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Repository is a bare Git repository with branches main and release/v3, three more whose names begin alike,
// and a tag v1. It is private: the server requires the token.
type Repository struct {
	// Dir is the bare repository.
	Dir  string
	work string

	mutex    sync.Mutex
	statuses map[string][]Status
}

// Status is what somebody has said about a commit.
type Status struct {
	State       string `json:"state"`
	Name        string `json:"name"`
	Description string `json:"description"`
	TargetURL   string `json:"target_url"`
}

// Statuses are those of a commit, the last one at the end.
func (r *Repository) Statuses(commit string) []Status {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return slices.Clone(r.statuses[commit])
}

func (r *Repository) addStatus(commit string, status Status) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.statuses == nil {
		r.statuses = map[string][]Status{}
	}
	r.statuses[commit] = append(r.statuses[commit], status)
}

// files are on main; release/v3 has another catalog-info.yaml.
var files = map[string]string{
	"catalog-info.yaml":                  "kind: Component",
	"docs/a b.yaml":                      "spaced",
	"docs/ü#%.yaml":                      "strange",
	"services/one/catalog-info.yaml":     "one",
	"services/two/catalog-info.yaml":     "two",
	"services/.hidden/catalog-info.yaml": "hidden",
	"skeleton/${{ values.name }}.go":     "package x",
	"skeleton/run.sh":                    "#!/bin/sh",
}

// NewRepository makes the repository.
func NewRepository(t testing.TB) *Repository {
	t.Helper()
	base := t.TempDir()
	r := &Repository{Dir: filepath.Join(base, "bare.git"), work: filepath.Join(base, "work")}
	r.run(t, base, "init", "--quiet", "--bare", "--initial-branch=main", r.Dir)
	r.run(t, base, "clone", "--quiet", r.Dir, r.work)
	for name, content := range files {
		r.write(t, name, content)
	}
	require.NoError(t, os.Chmod(filepath.Join(r.work, "skeleton/run.sh"), 0o755))
	require.NoError(t, os.Symlink("../catalog-info.yaml", filepath.Join(r.work, "skeleton/link.yaml")))
	r.push(t, "main")
	r.run(t, r.work, "tag", "v1")
	r.run(t, r.work, "switch", "--quiet", "-c", "release/v3")
	r.write(t, "catalog-info.yaml", "of release/v3")
	r.push(t, "release/v3")
	r.run(t, r.work, "push", "--quiet", "origin", "v1")
	for _, earlier := range []string{"release/v0", "release/v1", "release/v2"} {
		r.run(t, r.Dir, "branch", earlier, "main")
	}
	r.run(t, r.work, "switch", "--quiet", "main")
	return r
}

func (r *Repository) write(t testing.TB, name, content string) {
	t.Helper()
	target := filepath.Join(r.work, filepath.FromSlash(name))
	require.NoError(t, os.MkdirAll(filepath.Dir(target), 0o755))
	require.NoError(t, os.WriteFile(target, []byte(content), 0o600))
	require.NoError(t, os.Chmod(target, 0o644))
}

// Change commits a file to main.
func (r *Repository) Change(t testing.TB, name, content string) {
	t.Helper()
	r.write(t, name, content)
	r.push(t, "main")
}

func (r *Repository) push(t testing.TB, branch string) {
	t.Helper()
	r.run(t, r.work, "add", ".")
	r.run(t, r.work, "-c", "user.name=Ann", "-c", "user.email=ann@example.com", "commit", "--quiet", "-m", "a change")
	r.run(t, r.work, "push", "--quiet", "origin", branch)
}

func (*Repository) run(t testing.TB, directory string, args ...string) {
	t.Helper()
	output, err := git(directory, args...)
	require.NoError(t, err, "git %v: %s", args, output)
}

func git(directory string, args ...string) ([]byte, error) {
	command := exec.Command("git", args...) //nolint:noctx,gosec // It is short, and a test chose the arguments.
	command.Dir = directory
	command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0")
	return command.CombinedOutput()
}

// Commit is the hash of the commit of a branch, a tag or a hash; "" for none.
func (r *Repository) Commit(ref string) string {
	output, err := git(r.Dir, "rev-parse", "--verify", "--quiet", "--end-of-options", ref+"^{commit}")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(output))
}

// Refs lists the branches or the tags ("heads", "tags") whose names begin with a prefix.
func (r *Repository) Refs(kind, prefix string) []string {
	output, err := git(r.Dir, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/"+kind+"/")
	if err != nil {
		return nil
	}
	var names []string
	for name := range strings.Lines(string(output)) {
		if name = strings.TrimSpace(name); strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names
}

// Object is an entry of a tree.
type Object struct {
	Mode, Type, Hash, Path string
	Size                   int
}

// List lists everything below a directory at a ref, including directories; false if the directory does not
// exist.
func (r *Repository) List(ref, directory string) ([]Object, bool) {
	at := r.Commit(ref)
	if directory != "" {
		at += ":" + directory
	}
	output, err := git(r.Dir, "ls-tree", "-r", "-t", "-z", "--long", at)
	if err != nil {
		return nil, false
	}
	var objects []Object
	for line := range strings.SplitSeq(strings.TrimSuffix(string(output), "\x00"), "\x00") {
		details, name, _ := strings.Cut(line, "\t")
		fields := strings.Fields(details)
		size, _ := strconv.Atoi(fields[3]) // "-" for a directory
		objects = append(objects, Object{Mode: fields[0], Type: fields[1], Hash: fields[2], Size: size, Path: path.Join(directory, name)})
	}
	return objects, true
}

// File returns the content of a file at a ref and its hash; false if it does not exist.
func (r *Repository) File(ref, name string) (content []byte, hash string, found bool) {
	objects, _ := r.List(ref, "")
	for _, object := range objects {
		if object.Path == name && object.Type == "blob" {
			content, err := r.Blob(object.Hash)
			return content, object.Hash, err == nil
		}
	}
	return nil, "", false
}

// Blob is the content with a hash.
func (r *Repository) Blob(hash string) ([]byte, error) { return git(r.Dir, "cat-file", "blob", hash) }

// Archive returns the files at a ref, or below a directory there, in a format of git archive. All are below
// one directory, except in a ZIP archive.
func (r *Repository) Archive(format, ref, directory string) ([]byte, error) {
	args := []string{"archive", "--format=" + format, r.Commit(ref)}
	if format != "zip" {
		args = slices.Insert(args, 2, "--prefix=shop-"+r.Commit(ref)[:7]+"/")
	}
	if directory != "" {
		args = append(args, directory)
	}
	return git(r.Dir, args...)
}

// gitServices are the paths that Git appends to the URL of a repository.
var gitServices = []string{"/info/refs", "/git-upload-pack"}

func isGit(path string) bool {
	return slices.ContainsFunc(gitServices, func(service string) bool { return strings.HasSuffix(path, service) })
}

// serveGit serves clones, at any path.
func (r *Repository) serveGit(w http.ResponseWriter, request *http.Request) {
	core, err := git(r.Dir, "--exec-path")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	service := slices.IndexFunc(gitServices, func(service string) bool { return strings.HasSuffix(request.URL.Path, service) })
	request = request.Clone(request.Context())
	request.URL.Path = "/" + filepath.Base(r.Dir) + gitServices[service]
	(&cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(core)), "git-http-backend"), Stderr: io.Discard,
		Env: []string{"GIT_PROJECT_ROOT=" + filepath.Dir(r.Dir), "GIT_HTTP_EXPORT_ALL=1"},
	}).ServeHTTP(w, request)
}

// Send responds with content.
func Send(w http.ResponseWriter, contentType string, content []byte, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	_, _ = io.Copy(w, bytes.NewReader(content)) // the client may have gone
}
