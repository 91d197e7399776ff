package gitpush

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
)

// Change is a commit that is about to go on top of another one of a repository. It has the files of that one, and those
// of a directory over them: what the directory does not have stays.
type Change struct {
	// Tree is the hash of the files, which is known before the commit is.
	Tree string

	remote Remote
	parent string
	tree   *worktree
	log    action.Log
}

// Base is where a change goes on top: a commit by its hash, and a branch that has it. The zero Commit begins a branch
// of an empty repository.
type Base struct{ Branch, Commit string }

// Change prepares a change by the files of the source. It changes nothing on the host. Close it after use.
func (r Remote) Change(ctx context.Context, log action.Log, base Base, source *os.Root) (*Change, error) {
	tree, err := newWorktree(source.Name(), r)
	if err != nil {
		return nil, err
	}
	c := &Change{remote: r, parent: base.Commit, tree: tree, log: log}
	if err := c.prepare(ctx, base); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Close removes what was prepared.
func (c *Change) Close() error { return c.tree.Close() }

func (c *Change) prepare(ctx context.Context, base Base) error {
	if err := c.stand(ctx, base); err != nil {
		return err
	}
	tree, err := c.tree.add(ctx, "--ignore-removal")
	if err != nil {
		return fmt.Errorf("committing the workspace: %w", err)
	}
	c.Tree = tree
	return c.tree.logIgnored(ctx, c.log)
}

// Push makes the commit, pushes it to a ref by its complete name, and returns its hash. A ref that has other commits
// than the base is left untouched: the error is a fault of kind Conflict.
func (c *Change) Push(ctx context.Context, ref string, commit Commit) (hash string, err error) {
	if hash, err = c.tree.commitTree(ctx, c.Tree, c.parent, commit); err != nil {
		return "", fmt.Errorf("committing the workspace: %w", err)
	}
	name := strings.TrimPrefix(ref, branches)
	c.log.Info("Pushing commit %s to %s of %s", hash[:7], name, c.remote.Name)
	rejected, err := c.tree.pushTo(ctx, c.remote.URL, hash, ref, "")
	switch {
	case err != nil:
		return "", c.remote.explainPush(ctx, err, nil)
	case rejected:
		return "", action.Advise(fault.New(fault.Conflict, "%s of %s has commits that this run did not make, and was left untouched.", name, c.remote.Name),
			"Roll the run back and start a new one, which begins at these commits.")
	}
	return hash, nil
}

// stand puts the files of the base into the index. A branch that has moved on since is fetched as a whole.
func (c *Change) stand(ctx context.Context, base Base) error {
	if base.Commit == "" {
		return nil
	}
	for _, depth := range []int{1, maxHistory, everything} {
		if _, err := c.tree.fetch(ctx, c.remote, base.Branch, depth); err != nil {
			return err
		}
		if found, err := c.tree.read(ctx, base.Commit); err != nil || found {
			return err
		}
	}
	return action.Advise(fault.New(fault.Conflict, "The commit %s is not on %s of %s any more.", base.Commit, base.Branch, c.remote.Name),
		"Start a new run, which begins at the commits that are there.")
}

// read puts the files of a commit into the index. It reports whether the repository has that commit.
func (w *worktree) read(ctx context.Context, hash string) (found bool, err error) {
	_, err = w.git(ctx, nil, "read-tree", hash+"^{commit}")
	var failed *gitError
	if errors.As(err, &failed) && strings.Contains(failed.Printed, "Not a valid object name") {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("files of commit %s: %w", hash, err)
	}
	return true, nil
}

// Revert puts a commit on top of one that a run made at the end of a branch: the files are again those of its base.
func (r Remote) Revert(ctx context.Context, branch string, made, base Logged, commit Commit) error {
	return r.within(func(tree *worktree) error {
		if _, err := tree.fetch(ctx, r, branch, maxHistory); err != nil {
			return err
		}
		hash, err := tree.commitTree(ctx, base.Tree, made.Hash, commit)
		if err != nil {
			return fmt.Errorf("reverting commit %s of %s: %w", made.Hash, r.Name, err)
		}
		rejected, err := tree.push(ctx, r.URL, hash, branch, made.Hash)
		switch {
		case err != nil:
			return r.explainPush(ctx, err, nil)
		case rejected:
			return action.Transient(fmt.Errorf("reverting commit %s of %s: somebody has pushed this moment", made.Hash, r.Name), 0)
		}
		return nil
	})
}
