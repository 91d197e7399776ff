package gitpush

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
)

const (
	// maxHistory is how many commits of a branch are looked at. A run looks for its own commit among the newest ones.
	maxHistory = 50
	// everything is the depth that git takes for no bound.
	everything = math.MaxInt32
)

// Logged is a commit of a branch.
type Logged struct {
	Hash string
	// Parent is the hash of the first parent, "" for a first commit.
	Parent string
	// Tree is the hash of the files.
	Tree string
	// When is the committer's time.
	When time.Time
}

// History lists the newest commits of a branch, the newest first. A branch that is not there has none. A repository
// that is not there is a fault of kind NotFound.
func (r Remote) History(ctx context.Context, branch string) (commits []Logged, err error) {
	err = r.within(func(tree *worktree) error {
		commits, err = tree.history(ctx, r, branch)
		return err
	})
	return commits, err
}

// Refs are the branches and tags of the repository by their complete names, with the hashes that they point at. A
// repository that is not there is a fault of kind NotFound.
func (r Remote) Refs(ctx context.Context) (refs map[string]string, err error) {
	err = r.within(func(tree *worktree) error {
		listed, err := tree.git(ctx, nil, "ls-remote", "--quiet", "--heads", "--tags", "--refs", r.URL)
		if err != nil {
			return r.explainRead(ctx, err)
		}
		refs = map[string]string{}
		for line := range strings.Lines(listed) {
			hash, name, _ := strings.Cut(strings.TrimSpace(line), "\t")
			refs[name] = hash
		}
		return nil
	})
	return refs, err
}

// UseOf says what others have put into a repository in which a run made the first commit of one branch at a time: ""
// when nothing.
func (r Remote) UseOf(ctx context.Context, branch string, when time.Time) (string, error) {
	refs, err := r.Refs(ctx)
	if err != nil {
		return "", err
	}
	for name := range refs {
		short, isBranch := strings.CutPrefix(name, branches)
		switch {
		case !isBranch:
			return "it has the tag " + strings.TrimPrefix(name, "refs/tags/"), nil
		case short != branch:
			return "it has the branch " + short, nil
		}
	}
	commits, err := r.History(ctx, branch)
	if err != nil {
		return "", err
	}
	if len(commits) > 0 && !isOnly(commits, when) {
		return "it has commits that the run did not make", nil
	}
	return "", nil
}

func isOnly(commits []Logged, when time.Time) bool {
	return len(commits) == 1 && commits[0].When.Equal(when)
}

// HasFilesOf reports whether the newest commit of a branch, whose hash it returns, has the same files as one of its
// earlier commits. It fetches all of the branch.
func (r Remote) HasFilesOf(ctx context.Context, branch, commit string) (newest string, hasSame bool, err error) {
	err = r.within(func(tree *worktree) error {
		if _, err := tree.fetch(ctx, r, branch, everything); err != nil {
			return err
		}
		listed, err := tree.git(ctx, nil, "rev-parse", "FETCH_HEAD", "FETCH_HEAD^{tree}", commit+"^{tree}")
		if _, isFailure := errors.AsType[*gitError](err); isFailure {
			return nil // it has no such commit
		}
		if hashes := strings.Fields(listed); err == nil && len(hashes) == 3 {
			newest, hasSame = hashes[0], hashes[1] == hashes[2]
		}
		return err
	})
	return newest, hasSame, err
}

// Delete deletes a branch if it is still at a commit. It succeeds when the branch is gone.
func (r Remote) Delete(ctx context.Context, branch, hash string) error {
	return r.within(func(tree *worktree) error {
		_, err := tree.git(ctx, nil, "push", "--porcelain", "--force-with-lease="+branches+branch+":"+hash, r.URL, ":"+branches+branch)
		var failed *gitError
		switch {
		case err == nil, errors.As(err, &failed) && strings.Contains(failed.Printed, "remote ref does not exist"):
			return nil
		case failed != nil && rejectedPattern.MatchString(failed.Printed):
			return action.Transient(fmt.Errorf("deleting the branch %s of %s: somebody has pushed to it this moment", branch, r.Name), 0)
		}
		return r.explainPush(ctx, err, nil)
	})
}

const branches = "refs/heads/"

// within calls do with a repository for requests to the remote, without files.
func (r Remote) within(do func(*worktree) error) (err error) {
	tree, err := newWorktree("", r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tree.Close()) }()
	return do(tree)
}

// history fetches a branch and lists its commits.
func (w *worktree) history(ctx context.Context, remote Remote, branch string) ([]Logged, error) {
	tip, err := w.fetch(ctx, remote, branch, maxHistory)
	if err != nil || tip == "" {
		return nil, err
	}
	printed, err := w.git(ctx, nil, "log", "--first-parent", "--max-count="+strconv.Itoa(maxHistory), "--format=%H %T %ct %P", tip, "--")
	if err != nil {
		return nil, fmt.Errorf("history of %s of %s: %w", branch, remote.Name, err)
	}
	var commits []Logged
	for line := range strings.Lines(printed) {
		fields := strings.Fields(line)
		if len(fields) < 3 {
			return nil, fmt.Errorf("history of %s of %s: git printed %q", branch, remote.Name, line)
		}
		seconds, err := strconv.ParseInt(fields[2], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("history of %s of %s: %w", branch, remote.Name, err)
		}
		one := Logged{Hash: fields[0], Tree: fields[1], When: time.Unix(seconds, 0).UTC()}
		if len(fields) > 3 {
			one.Parent = fields[3]
		}
		commits = append(commits, one)
	}
	return commits, nil
}

// fetch fetches the newest commits of a branch. It returns the hash of the newest one, "" when there is no such branch.
func (w *worktree) fetch(ctx context.Context, remote Remote, branch string, depth int) (tip string, err error) {
	_, err = w.git(ctx, nil, "fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--depth="+strconv.Itoa(depth), remote.URL, branches+branch)
	var failed *gitError
	if errors.As(err, &failed) && strings.Contains(failed.Printed, "couldn't find remote ref") {
		return "", nil
	}
	if err != nil {
		return "", remote.explainRead(ctx, err)
	}
	// Git notes what it has fetched there, one line each that begins with the hash.
	fetched, err := os.ReadFile(filepath.Join(w.repository, gitDirectory, "FETCH_HEAD"))
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", remote.Name, err)
	}
	tip, _, _ = strings.Cut(string(fetched), "\t")
	return tip, nil
}

// explainRead classifies the failure of a fetch.
func (r Remote) explainRead(ctx context.Context, err error) error {
	doing := "reading " + r.Name
	var failed *gitError
	if ctx.Err() != nil || !errors.As(err, &failed) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	switch status := statusOf(failed); {
	case isRefused(failed):
		return action.Advise(fault.Wrap(fault.NotAllowed, failed, "%s: %s refused the credentials: %s", doing, r.Host, failed.Printed),
			"Give the account the right to read it or configure another, then retry.")
	case status == http.StatusNotFound, strings.Contains(failed.Printed, "not found"):
		return action.Advise(fault.Wrap(fault.NotFound, failed, "%s: %s has no such repository, or hides it: %s", doing, r.Host, failed.Printed),
			"Check the name, and that the account may see it, then retry.")
	}
	return action.Advise(action.Transient(fmt.Errorf("%s: %w", doing, failed), 0), "Check that %s is up, then retry.", r.Host)
}
