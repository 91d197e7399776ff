package gitpush

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/portico-dev/portico/scaffolder/action"
)

const (
	// gitTimeout bounds one git command. The longest is the push of the largest workspace.
	gitTimeout = 10 * time.Minute
	// stalledAfter is how many seconds a transfer may make no progress.
	stalledAfter = "60"
	// gitDirectory is the name of the Git repository in the directory of a worktree.
	gitDirectory = "git"
)

// worktree is a directory of files, and a separate Git repository in which they are committed.
type worktree struct {
	executable            string
	directory, repository string
	environment           []string
	// hidden are the texts that must not appear in an error.
	hidden []string
}

// newWorktree prepares a repository for one directory and one remote, which is the zero value where nothing is
// pushed. The directory "" has no files. Close removes the repository.
func newWorktree(directory string, remote Remote) (*worktree, error) {
	executable, err := exec.LookPath("git")
	if err != nil {
		return nil, action.Final(fmt.Errorf("git is not installed where this worker runs: %w", err))
	}
	repository, err := os.MkdirTemp("", "portico-publish-")
	if err != nil {
		return nil, fmt.Errorf("repository for the push: %w", err)
	}
	if directory == "" {
		directory = repository
	}
	if directory, err = filepath.Abs(directory); err != nil {
		return nil, errors.Join(fmt.Errorf("workspace: %w", err), os.RemoveAll(repository))
	}
	w := &worktree{executable: executable, directory: directory, repository: repository}
	credentials := ""
	if remote.Token != "" {
		credentials = base64.StdEncoding.EncodeToString([]byte(remote.Username + ":" + remote.Token))
		w.hidden = []string{remote.Token, credentials}
	}
	w.environment, err = gitEnvironment(repository, directory, remote.URL, credentials)
	if err == nil {
		err = w.initialize()
	}
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// initialize makes an empty repository. These are the files that Git requires of one, see gitrepository-layout(5):
// a git init for each push, fetch and look at a remote would take as long as what it is for.
func (w *worktree) initialize() error {
	for _, directory := range []string{"objects", "refs"} {
		if err := os.MkdirAll(filepath.Join(w.repository, gitDirectory, directory), 0o700); err != nil {
			return fmt.Errorf("repository for the push: %w", err)
		}
	}
	for name, content := range map[string]string{"HEAD": "ref: " + branches + "main\n", "config": "[core]\n\trepositoryformatversion = 0\n"} {
		if err := os.WriteFile(filepath.Join(w.repository, gitDirectory, name), []byte(content), 0o600); err != nil {
			return fmt.Errorf("repository for the push: %w", err)
		}
	}
	return nil
}

// Close removes the repository, not the directory.
func (w *worktree) Close() error { return os.RemoveAll(w.repository) }

// gitEnvironment is the whole environment of git: no configuration, hooks, attributes or credentials of the
// machine or the user, one protocol, no redirects, and the token for the one remote. The configuration is
// passed by environment because argument lists are public on the machine.
func gitEnvironment(repository, directory, remote, credentials string) ([]string, error) {
	parsed, err := url.Parse(remote)
	if err != nil {
		return nil, fmt.Errorf("address of the repository: %w", err)
	}
	config := [][2]string{
		{"core.hooksPath", os.DevNull}, {"core.attributesFile", os.DevNull}, {"core.excludesFile", os.DevNull},
		{"core.autocrlf", "false"}, {"credential.helper", ""}, {"commit.gpgSign", "false"}, {"maintenance.auto", "false"}, {"gc.auto", "0"},
		{"protocol.allow", "never"},
		{"http.followRedirects", "false"}, {"http.lowSpeedLimit", "1"}, {"http.lowSpeedTime", stalledAfter},
		// The repository is deleted after the push, so its objects are not synced to disk. They go into one
		// file.
		{"core.fsync", "none"}, {"core.bigFileThreshold", "1"},
	}
	if credentials != "" {
		config = append(config, [2]string{"protocol." + parsed.Scheme + ".allow", "always"},
			[2]string{"http." + remote + ".extraHeader", "Authorization: Basic " + credentials})
	}
	environment := []string{
		"HOME=" + repository, "GIT_DIR=" + filepath.Join(repository, gitDirectory), "GIT_WORK_TREE=" + directory,
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=", "LC_ALL=C",
		"GIT_CONFIG_COUNT=" + strconv.Itoa(len(config)),
	}
	for i, entry := range config {
		environment = append(environment, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, entry[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, entry[1]))
	}
	for _, name := range []string{"PATH", "TMPDIR", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy",
		"SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO"} {
		if value, set := os.LookupEnv(name); set {
			environment = append(environment, name+"="+value)
		}
	}
	return environment, nil
}

// git runs one command and returns what it printed.
func (w *worktree) git(ctx context.Context, extraEnvironment []string, args ...string) (string, error) {
	bounded, cancel := context.WithTimeout(ctx, gitTimeout)
	defer cancel()
	var stdout, stderr bytes.Buffer
	command := exec.CommandContext(bounded, w.executable, args...)
	command.Env = append(append([]string{}, w.environment...), extraEnvironment...)
	command.Dir = w.repository
	command.Stdout, command.Stderr = &stdout, &stderr
	command.WaitDelay = time.Second
	err := command.Run()
	if ctx.Err() != nil {
		return "", fmt.Errorf("git %s: %w", args[0], ctx.Err())
	}
	if err != nil {
		printed := strings.TrimSpace(stderr.String() + "\n" + stdout.String())
		for _, text := range w.hidden {
			printed = strings.ReplaceAll(printed, text, "***")
		}
		return "", &gitError{Command: args[0], Printed: printed, Err: errors.Join(err, bounded.Err())}
	}
	return strings.TrimRight(stdout.String(), "\n"), nil
}

// commit records the directory as one commit and returns its hash. The same files, author, message and time
// give the same hash.
func (w *worktree) commit(ctx context.Context, commit Commit) (string, error) {
	tree, err := w.add(ctx, "--all")
	if err != nil {
		return "", err
	}
	return w.commitTree(ctx, tree, "", commit)
}

// add puts the directory into the index, and returns the hash of the tree that this makes. how is --all, or
// --ignore-removal for files of the index to stay that the directory does not have.
func (w *worktree) add(ctx context.Context, how string) (tree string, err error) {
	if _, err := w.git(ctx, []string{"GIT_LITERAL_PATHSPECS=1"}, "-C", w.directory, "add", how, "."); err != nil {
		return "", err
	}
	return w.git(ctx, nil, "write-tree")
}

// commitTree commits a tree on top of a parent, "" for none, and returns the hash. An empty message is one.
func (w *worktree) commitTree(ctx context.Context, tree, parent string, commit Commit) (hash string, err error) {
	args := []string{"commit-tree", tree, "-m", commit.Message}
	if parent != "" {
		args = append(args, "-p", parent)
	}
	return w.git(ctx, commit.signature(), args...)
}

// signature is who commits and when, as git takes it.
func (c Commit) signature() []string {
	date := fmt.Sprintf("@%d +0000", c.When.Unix())
	return []string{
		"GIT_AUTHOR_NAME=" + c.Author.Name, "GIT_AUTHOR_EMAIL=" + c.Author.Email, "GIT_AUTHOR_DATE=" + date,
		"GIT_COMMITTER_NAME=" + c.Author.Name, "GIT_COMMITTER_EMAIL=" + c.Author.Email, "GIT_COMMITTER_DATE=" + date,
	}
}

// ignored lists what the directory's own .gitignore files keep out of the commit; a directory that is left
// out as a whole ends with a slash.
func (w *worktree) ignored(ctx context.Context) ([]string, error) {
	if some, err := hasIgnoreFile(w.directory); err != nil || !some {
		return nil, err
	}
	listed, err := w.git(ctx, nil, "-C", w.directory, "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory")
	if err != nil {
		return nil, err
	}
	return strings.FieldsFunc(listed, func(r rune) bool { return r == 0 }), nil
}

// hasIgnoreFile reports whether there is a .gitignore file in a directory or below.
func hasIgnoreFile(directory string) (found bool, err error) {
	err = filepath.WalkDir(directory, func(_ string, entry fs.DirEntry, err error) error {
		found = err == nil && entry.Name() == ".gitignore"
		if found {
			return fs.SkipAll
		}
		return err
	})
	return found, err
}

// push sends a commit to a branch. With replacing, it overwrites the branch if it is still at that hash.
// Rejected means that the branch has other commits.
func (w *worktree) push(ctx context.Context, remote, hash, branch, replacing string) (rejected bool, err error) {
	return w.pushTo(ctx, remote, hash, branches+branch, replacing)
}

// pushTo is push to a ref by its complete name.
func (w *worktree) pushTo(ctx context.Context, remote, hash, ref, replacing string) (rejected bool, err error) {
	args := []string{"push", "--porcelain"}
	if replacing != "" {
		args = append(args, "--force-with-lease="+ref+":"+replacing)
	}
	_, err = w.git(ctx, nil, append(args, remote, hash+":"+ref)...)
	var failed *gitError
	if errors.As(err, &failed) && rejectedPattern.MatchString(failed.Printed) {
		return true, nil
	}
	return false, err
}

// rejectedPattern is how `git push --porcelain` says that a branch has moved, which is not "[remote
// rejected]".
var rejectedPattern = regexp.MustCompile(`(?m)^!\t.*\t\[rejected\]`)
