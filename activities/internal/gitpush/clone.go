package gitpush

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
)

const (
	// maxCloneFiles and maxCloneBytes bound what a clone puts into the workspace.
	maxCloneFiles = 50_000
	maxCloneBytes = 512 << 20
)

// Origin is where the files of a directory were cloned from.
type Origin struct {
	// URL is the repository's, without credentials. Branch was checked out, and Commit was its newest one.
	URL, Branch, Commit string
}

// Clone puts the files of a branch into a directory of the workspace, over those that are there, and notes the origin
// beside them for OriginOf. A branch that is not there is a fault of kind NotFound, as is the repository.
func (r Remote) Clone(ctx context.Context, directory *os.Root, branch string) (err error) {
	tree, err := newWorktree(directory.Name(), r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tree.Close()) }()
	tip, err := tree.fetch(ctx, r, branch, 1)
	if err != nil {
		return err
	}
	if tip == "" {
		return action.Advise(fault.New(fault.NotFound, "%s has no branch %s", r.Name, branch), "Correct the branch in the template, and start a new run.")
	}
	if err := tree.checkFiles(ctx, r); err != nil {
		return err
	}
	if err := tree.checkOut(ctx); err != nil {
		return fmt.Errorf("files of %s: %w", r.Name, err)
	}
	return note(directory, Origin{URL: r.URL, Branch: branch, Commit: tip})
}

// checkFiles refuses what is too much, and links that lead out of the repository.
func (w *worktree) checkFiles(ctx context.Context, remote Remote) error {
	listed, err := w.git(ctx, nil, "ls-tree", "-r", "-l", "-z", "FETCH_HEAD")
	if err != nil {
		return fmt.Errorf("files of %s: %w", remote.Name, err)
	}
	count, size := 0, int64(0)
	for entry := range strings.SplitSeq(strings.Trim(listed, "\x00"), "\x00") {
		about, name, _ := strings.Cut(entry, "\t")
		fields := strings.Fields(about) // mode, type, hash, size
		if len(fields) < 4 {
			continue
		}
		count++
		if bytes, err := strconv.ParseInt(fields[3], 10, 64); err == nil {
			size += bytes
		}
		if count > maxCloneFiles || size > maxCloneBytes {
			return action.InputError("%s has more than %d files or %d MiB, which is too much for a workspace", remote.Name, maxCloneFiles, maxCloneBytes>>20)
		}
		if fields[0] != "120000" {
			continue
		}
		target, err := w.git(ctx, nil, "cat-file", "blob", fields[2])
		if err != nil {
			return fmt.Errorf("link %s of %s: %w", name, remote.Name, err)
		}
		if path.IsAbs(target) || !filepath.IsLocal(path.Join(path.Dir(name), target)) {
			return action.InputError("the link %s of %s leads out of the repository, to %s", name, remote.Name, target)
		}
	}
	return nil
}

// checkOut writes the fetched files. Git does not write through links of the directory.
func (w *worktree) checkOut(ctx context.Context) error {
	if _, err := w.git(ctx, nil, "read-tree", "FETCH_HEAD"); err != nil {
		return err
	}
	_, err := w.git(ctx, nil, "-C", w.directory, "checkout-index", "--all", "--force")
	return err
}

// note writes the origin in the form of Git's own files. There are no objects: a later push fetches what it needs, and
// what a template might write there is never run.
func note(directory *os.Root, origin Origin) error {
	for name, content := range map[string]string{
		".git/HEAD":                        "ref: " + branches + origin.Branch + "\n",
		".git/config":                      "[remote \"origin\"]\n\turl = " + origin.URL + "\n",
		".git/" + branches + origin.Branch: origin.Commit + "\n",
		".git/" + "description":            "Files of " + origin.URL + ", without Git's objects\n",
	} {
		if err := directory.MkdirAll(path.Dir(name), 0o755); err != nil {
			return fmt.Errorf("workspace: %w", err)
		}
		if err := directory.WriteFile(name, []byte(content), 0o644); err != nil {
			return fmt.Errorf("workspace: %w", err)
		}
	}
	return nil
}

var (
	headPattern   = regexp.MustCompile(`^ref: refs/heads/(\S+)\s*$`)
	hashPattern   = regexp.MustCompile(`^[0-9a-f]{40}\s*$`)
	originPattern = regexp.MustCompile(`\[remote "origin"\]\s*\n\s*url = (\S+)`)
)

// OriginOf reads what Clone has noted in a directory. A directory that was not cloned is an InputError.
func OriginOf(directory *os.Root) (Origin, error) {
	read := func(name string, pattern *regexp.Regexp) (string, error) {
		content, err := directory.ReadFile(".git/" + name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("workspace: %w", err)
		}
		found := pattern.FindStringSubmatch(string(content))
		if found == nil {
			return "", action.Advise(action.InputError("The directory is no clone of a repository: it has no .git/%s as a clone writes it", name),
				"Clone the repository in a step before, and push the directory into which it was cloned.")
		}
		return strings.TrimSpace(found[len(found)-1]), nil
	}
	branch, err := read("HEAD", headPattern)
	if err != nil {
		return Origin{}, err
	}
	if !IsBranchName(branch) {
		return Origin{}, action.InputError(".git/HEAD names the branch %q, which is not a name that Git takes for a branch", branch)
	}
	commit, err := read(branches+branch, hashPattern)
	if err != nil {
		return Origin{}, err
	}
	address, err := read("config", originPattern)
	if err != nil {
		return Origin{}, err
	}
	if _, err := url.Parse(address); err != nil {
		return Origin{}, action.InputError("the origin in .git/config: %w", err)
	}
	return Origin{URL: address, Branch: branch, Commit: commit}, nil
}
