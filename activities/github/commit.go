package github

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
	"path"
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
)

// openSource opens the directory that becomes the repository's root; it cannot lead out of the workspace.
func openSource(workspace *os.Root, sourcePath string) (*os.Root, error) {
	source, err := workspace.OpenRoot(path.Clean("./" + strings.TrimPrefix(sourcePath, "/")))
	if err != nil {
		return nil, action.InputError("sourcePath %q is not a directory of the workspace: %w", sourcePath, err)
	}
	if err := refuseNested(source); err != nil {
		return nil, errors.Join(err, source.Close())
	}
	return source, nil
}

// refuseNested refuses directories that are Git repositories of their own: git would commit a link to them
// instead of their files. A repository at the root is left out and does no harm.
func refuseNested(source *os.Root) error {
	return fs.WalkDir(source.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("workspace: %w", err)
		case name == ".git" && entry.IsDir():
			return fs.SkipDir
		case entry.Name() == ".git" && name != ".git":
			return action.InputError("%s is a Git repository within the workspace, which cannot be published as files. "+
				"Remove %s with fs:delete before publishing.", path.Dir(name), name)
		default:
			return nil
		}
	})
}

// worktree is a directory of files, and a separate Git repository in which they are committed.
type worktree struct {
	executable            string
	directory, repository string
	environment           []string
	// hidden are the texts that must not appear in an error.
	hidden []string
}

// newWorktree prepares a repository for one directory and one remote. Close removes the repository.
func newWorktree(ctx context.Context, directory, remote, token string) (*worktree, error) {
	executable, err := exec.LookPath("git")
	if err != nil {
		return nil, action.Final(fmt.Errorf("git is not installed where this worker runs: %w", err))
	}
	if directory, err = filepath.Abs(directory); err != nil {
		return nil, fmt.Errorf("workspace: %w", err)
	}
	repository, err := os.MkdirTemp("", "portico-publish-")
	if err != nil {
		return nil, fmt.Errorf("repository for the push: %w", err)
	}
	credentials := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + token))
	w := &worktree{executable: executable, directory: directory, repository: repository, hidden: []string{token, credentials}}
	w.environment, err = gitEnvironment(repository, directory, remote, credentials)
	if err == nil {
		_, err = w.git(ctx, nil, "init", "--quiet", "--template=", "--initial-branch=main")
	}
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
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
		{"core.autocrlf", "false"}, {"credential.helper", ""}, {"commit.gpgSign", "false"}, {"gc.auto", "0"},
		{"protocol.allow", "never"}, {"protocol." + parsed.Scheme + ".allow", "always"},
		{"http.followRedirects", "false"}, {"http.lowSpeedLimit", "1"}, {"http.lowSpeedTime", stalledAfter},
		{"http." + remote + ".extraHeader", "Authorization: Basic " + credentials},
		// The repository is deleted after the push, so its objects are not synced to disk. They go into one
		// file.
		{"core.fsync", "none"}, {"core.bigFileThreshold", "1"},
	}
	environment := []string{
		"HOME=" + repository, "GIT_DIR=" + filepath.Join(repository, "git"), "GIT_WORK_TREE=" + directory,
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

// gitError is a git command that failed; Printed is what it wrote to both outputs.
type gitError struct {
	Command, Printed string
	Err              error
}

func (e *gitError) Error() string { return fmt.Sprintf("git %s: %s", e.Command, e.Printed) }

// Unwrap gives the cause to errors.Is.
func (e *gitError) Unwrap() error { return e.Err }

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
	return strings.TrimSpace(stdout.String()), nil
}

// commit records the directory as one commit and returns its hash. The same files, author, message and time
// give the same hash.
func (w *worktree) commit(ctx context.Context, author Author, message string, when time.Time) (string, error) {
	if _, err := w.git(ctx, []string{"GIT_LITERAL_PATHSPECS=1"}, "-C", w.directory, "add", "--all", "."); err != nil {
		return "", err
	}
	date := fmt.Sprintf("@%d +0000", when.Unix())
	signature := []string{
		"GIT_AUTHOR_NAME=" + author.Name, "GIT_AUTHOR_EMAIL=" + author.Email, "GIT_AUTHOR_DATE=" + date,
		"GIT_COMMITTER_NAME=" + author.Name, "GIT_COMMITTER_EMAIL=" + author.Email, "GIT_COMMITTER_DATE=" + date,
	}
	_, err := w.git(ctx, signature, "commit", "--quiet", "--allow-empty", "--allow-empty-message", "--no-verify",
		"--cleanup=verbatim", "--message="+message)
	if err != nil {
		return "", err
	}
	return w.git(ctx, nil, "rev-parse", "HEAD")
}

// ignored lists what the directory's own .gitignore files keep out of the commit; a directory that is left
// out as a whole ends with a slash.
func (w *worktree) ignored(ctx context.Context) ([]string, error) {
	listed, err := w.git(ctx, nil, "-C", w.directory, "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory")
	if err != nil {
		return nil, err
	}
	return strings.FieldsFunc(listed, func(r rune) bool { return r == 0 }), nil
}

// push sends a commit to a branch. With replacing, it overwrites the branch if it is still at that hash.
// Rejected means that the branch has other commits.
func (w *worktree) push(ctx context.Context, remote, hash, branch, replacing string) (rejected bool, err error) {
	args := []string{"push", "--porcelain"}
	if replacing != "" {
		args = append(args, "--force-with-lease=refs/heads/"+branch+":"+replacing)
	}
	_, err = w.git(ctx, nil, append(args, remote, hash+":refs/heads/"+branch)...)
	var failed *gitError
	if errors.As(err, &failed) && rejectedPattern.MatchString(failed.Printed) {
		return true, nil
	}
	return false, err
}

var (
	// rejectedPattern is how `git push --porcelain` says that a branch has moved, which is not "[remote
	// rejected]".
	rejectedPattern = regexp.MustCompile(`(?m)^!\t.*\t\[rejected\]`)
	// statusPattern finds the HTTP status in git's messages.
	statusPattern = regexp.MustCompile(`(?:returned error: |HTTP )(\d{3})`)
)

// statusOf is the HTTP status that made git fail, 0 when it was none.
func statusOf(failed *gitError) int {
	found := statusPattern.FindStringSubmatch(failed.Printed)
	if found == nil {
		return 0
	}
	status, err := strconv.Atoi(found[1])
	if err != nil {
		return 0
	}
	return status
}
