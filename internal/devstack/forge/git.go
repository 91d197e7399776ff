package forge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	errNoRevision = errors.New("no such revision")

	// revisionPattern matches names of branches and tags, and hashes. It excludes what git would parse as an
	// option, a range or an operator.
	revisionPattern = regexp.MustCompile(`^[^-\x00-\x20~^:?*\[\\\x7f][^\x00-\x20~^:?*\[\\\x7f]*$`)
)

// git runs the git executable in an environment of its own: no configuration of the machine or the user, and
// no hooks but the forge's.
type git struct{ executable string }

// environment is the environment of every git process of the forge, those that serve fetches and pushes included.
// More configuration precedes its own.
func (g *git) environment(more ...string) []string {
	config := append([]string{
		"core.hooksPath=/dev/null", "receive.autogc=false", "gc.auto=0", "safe.directory=*",
		"uploadpack.allowAnySHA1InWant=true",
		// Objects must survive a killed process, not a power failure.
		"core.fsync=none",
	}, more...)
	environment := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_TERMINAL_PROMPT=0", "GIT_LITERAL_PATHSPECS=1", "GIT_CONFIG_COUNT=" + strconv.Itoa(len(config)),
	}
	for i, entry := range config {
		name, value, _ := strings.Cut(entry, "=")
		environment = append(environment, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, name), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, value))
	}
	return environment
}

// run executes git and returns what it printed.
func (g *git) run(ctx context.Context, extraEnvironment []string, args ...string) ([]byte, error) {
	var stdout bytes.Buffer
	err := g.stream(ctx, extraEnvironment, &stdout, args...)
	return stdout.Bytes(), err
}

func (g *git) stream(ctx context.Context, extraEnvironment []string, stdout io.Writer, args ...string) error {
	return g.pipe(ctx, extraEnvironment, nil, stdout, args...)
}

// pipe is stream for a command that reads its standard input.
func (g *git) pipe(ctx context.Context, extraEnvironment []string, stdin io.Reader, stdout io.Writer, args ...string) error {
	var stderr bytes.Buffer
	command := exec.CommandContext(ctx, g.executable, args...) //nolint:gosec // Revisions are checked, paths come after "--".
	command.Env = append(g.environment(), extraEnvironment...)
	command.Dir = "/"
	command.Stdin, command.Stdout, command.Stderr = stdin, stdout, &stderr
	command.WaitDelay = time.Second
	if err := command.Run(); err != nil {
		return fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return nil
}

func (g *git) initialize(ctx context.Context, directory string) error {
	_, err := g.run(ctx, nil, "init", "--quiet", "--bare", "--template=", "--initial-branch=main", directory)
	return err
}

// gitRepository is one bare repository.
type gitRepository struct {
	git       *git
	directory string
}

func (g gitRepository) run(ctx context.Context, args ...string) ([]byte, error) {
	return g.git.run(ctx, []string{"GIT_DIR=" + g.directory}, args...)
}

// feed runs a command that reads input, with more environment, and returns what it printed, without the space
// around it.
func (g gitRepository) feed(ctx context.Context, environment []string, input string, args ...string) (string, error) {
	var stdout bytes.Buffer
	environment = append(environment, "GIT_DIR="+g.directory)
	err := g.git.pipe(ctx, environment, strings.NewReader(input), &stdout, args...)
	return strings.TrimSpace(stdout.String()), err
}

// reference is a branch or a tag, such as "refs/heads/main", and its commit.
type reference struct{ Name, Commit string }

// Short is the name without its prefix.
func (r reference) Short() string {
	return strings.TrimPrefix(strings.TrimPrefix(r.Name, "refs/heads/"), "refs/tags/")
}

// references lists the references with a prefix such as "refs/heads".
func (g gitRepository) references(ctx context.Context, prefixes ...string) ([]reference, error) {
	format := "--format=%(refname) %(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end)"
	listed, err := g.run(ctx, append([]string{"for-each-ref", format}, prefixes...)...)
	if err != nil {
		return nil, err
	}
	found := []reference{}
	for line := range strings.Lines(string(listed)) {
		name, commit, _ := strings.Cut(strings.TrimSpace(line), " ")
		found = append(found, reference{Name: name, Commit: commit})
	}
	return found, nil
}

// defaultBranch is the branch that HEAD names. It need not exist yet.
func (g gitRepository) defaultBranch() (string, error) {
	head, err := os.ReadFile(filepath.Join(g.directory, "HEAD"))
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(strings.TrimPrefix(string(head), "ref: refs/heads/")), nil
}

func (g gitRepository) setDefaultBranch(ctx context.Context, branch string) error {
	_, err := g.run(ctx, "symbolic-ref", "HEAD", "refs/heads/"+branch)
	return err
}

// settleDefaultBranch makes the first branch that was pushed the default one, as GitHub does.
func (g gitRepository) settleDefaultBranch(ctx context.Context) error {
	branches, err := g.references(ctx, "refs/heads")
	if err != nil || len(branches) == 0 {
		return err
	}
	current, err := g.defaultBranch()
	if err != nil {
		return err
	}
	for _, branch := range branches {
		if branch.Short() == current {
			return nil
		}
	}
	return g.setDefaultBranch(ctx, branches[0].Short())
}

// resolve resolves a branch, a tag or a hash to the hash of a commit.
func (g gitRepository) resolve(ctx context.Context, revision string) (string, error) {
	return g.parse(ctx, revision, "^{commit}")
}

func (g gitRepository) parse(ctx context.Context, revision, suffix string) (string, error) {
	if !revisionPattern.MatchString(revision) || strings.Contains(revision, "..") || strings.Contains(revision, "@{") {
		return "", fmt.Errorf("%q: %w", revision, errNoRevision)
	}
	hash, err := g.run(ctx, "rev-parse", "--verify", "--quiet", revision+suffix)
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if err != nil {
		return "", fmt.Errorf("%q: %w", revision, errNoRevision)
	}
	return strings.TrimSpace(string(hash)), nil
}

// isEmpty reports whether nothing was pushed yet.
func (g gitRepository) isEmpty(ctx context.Context) (bool, error) {
	found, err := g.references(ctx)
	return len(found) == 0, err
}

// treeEntry is one file or directory of a tree. Type is blob, tree or commit (a submodule); Size is -1 for an
// entry that is not a blob.
type treeEntry struct {
	Mode, Type, Hash, Path string
	Size                   int64
}

// Name is the last part of the path.
func (e treeEntry) Name() string { return e.Path[strings.LastIndexByte(e.Path, '/')+1:] }

// IsTree reports whether the entry is a directory.
func (e treeEntry) IsTree() bool { return e.Type == "tree" }

// Bytes is the formatted size.
func (e treeEntry) Bytes() string { return byteCount(e.Size) }

func (e treeEntry) isLink() bool { return e.Mode == "120000" }

// list lists the entries of a tree-ish ("<hash>" or "<hash>:<path>"), with paths relative to it.
func (g gitRepository) list(ctx context.Context, treeish string, recursive bool) ([]treeEntry, error) {
	args := []string{"ls-tree", "-z", "-l", "--full-tree"}
	if recursive {
		args = append(args, "-r", "-t")
	}
	return g.entries(ctx, append(args, treeish)...)
}

// entry finds one path in a commit.
func (g gitRepository) entry(ctx context.Context, commit, path string) (treeEntry, error) {
	found, err := g.entries(ctx, "ls-tree", "-z", "-l", "--full-tree", commit, "--", path)
	if err != nil {
		return treeEntry{}, err
	}
	if len(found) != 1 || found[0].Path != path {
		return treeEntry{}, fmt.Errorf("path %q: %w", path, errNotFound)
	}
	return found[0], nil
}

func (g gitRepository) entries(ctx context.Context, args ...string) ([]treeEntry, error) {
	listed, err := g.run(ctx, args...)
	if err != nil {
		return nil, err
	}
	found := []treeEntry{}
	for record := range strings.SplitSeq(strings.TrimSuffix(string(listed), "\x00"), "\x00") {
		meta, path, ok := strings.Cut(record, "\t")
		fields := strings.Fields(meta)
		if !ok || len(fields) != 4 {
			continue
		}
		size, err := strconv.ParseInt(fields[3], 10, 64)
		if err != nil {
			size = -1
		}
		found = append(found, treeEntry{Mode: fields[0], Type: fields[1], Hash: fields[2], Size: size, Path: path})
	}
	return found, nil
}

func (g gitRepository) blob(ctx context.Context, hash string) ([]byte, error) {
	return g.run(ctx, "cat-file", "blob", hash)
}

// commit is one commit from the output of `git log`.
type commit struct {
	Hash, Tree        string
	Parents           []string
	Author, Committer person
	Message           string
}

type person struct {
	Name, Email string
	When        time.Time
}

// Subject is the first line of the message.
func (c commit) Subject() string {
	subject, _, _ := strings.Cut(c.Message, "\n")
	return subject
}

// Short is the abbreviated hash.
func (c commit) Short() string { return c.Hash[:7] }

const logFormat = "--format=%H%x1f%T%x1f%P%x1f%an%x1f%ae%x1f%aI%x1f%cn%x1f%ce%x1f%cI%x1f%B%x00"

// commits lists the ancestors of a commit, only those that touch path when it is not empty.
func (g gitRepository) commits(ctx context.Context, from, path string, limit, skip int) ([]commit, error) {
	args := []string{"log", logFormat, fmt.Sprintf("--max-count=%d", limit), fmt.Sprintf("--skip=%d", skip), from, "--"}
	if path != "" {
		args = append(args, path)
	}
	listed, err := g.run(ctx, args...)
	if err != nil {
		return nil, err
	}
	found := []commit{}
	for record := range strings.SplitSeq(string(listed), "\x00") {
		fields := strings.Split(strings.TrimPrefix(record, "\n"), "\x1f")
		if len(fields) != 10 {
			continue
		}
		found = append(found, commit{
			Hash: fields[0], Tree: fields[1], Parents: strings.Fields(fields[2]),
			Author:    person{Name: fields[3], Email: fields[4], When: parseTime(fields[5])},
			Committer: person{Name: fields[6], Email: fields[7], When: parseTime(fields[8])},
			Message:   strings.TrimRight(fields[9], "\n"),
		})
	}
	return found, nil
}

func (g gitRepository) commit(ctx context.Context, hash string) (commit, error) {
	found, err := g.commits(ctx, hash, "", 1, 0)
	if err != nil {
		return commit{}, err
	}
	if len(found) == 0 {
		return commit{}, fmt.Errorf("%q: %w", hash, errNoRevision)
	}
	return found[0], nil
}

// patch is the diff of a commit.
func (g gitRepository) patch(ctx context.Context, hash string) (string, error) {
	text, err := g.run(ctx, "show", "--format=", "--stat", "--patch", hash)
	return string(text), err
}

// archive writes a compressed tarball with everything under prefix.
func (g gitRepository) archive(ctx context.Context, w io.Writer, hash, prefix string) error {
	return g.git.stream(ctx, []string{"GIT_DIR=" + g.directory}, w, "archive", "--format=tar.gz", "--prefix="+prefix, hash)
}

// parseTime parses git's strict ISO format, which is always valid.
func parseTime(text string) time.Time {
	when, _ := time.Parse(time.RFC3339, text)
	return when.UTC()
}

func byteCount(size int64) string {
	switch {
	case size < 0:
		return ""
	case size < 1<<10:
		return fmt.Sprintf("%d B", size)
	case size < 1<<20:
		return fmt.Sprintf("%.1f kB", float64(size)/(1<<10))
	default:
		return fmt.Sprintf("%.1f MB", float64(size)/(1<<20))
	}
}
