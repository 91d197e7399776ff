// Package gitpush publishes a directory of the workspace with Git: it commits the directory as the first
// commit of a branch, and pushes that to a repository of any host. It knows no host. An action creates the
// repository, and tells by the host's API what is on a branch that has other commits.
//
// The same directory, author, message and time give the same commit, so a push that is repeated after a crash
// finds its commit there.
package gitpush

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
)

// Author is who a commit is by.
type Author struct{ Name, Email string }

// Commit describes the commit of a directory.
type Commit struct {
	Author  Author
	Message string
	When    time.Time
}

// CommittedAt is the time of the first commit for an effect. It is the time of the intent, so that every
// attempt makes the same commit.
func CommittedAt(effect action.Effect) time.Time {
	return effect.IntendedAt.UTC().Truncate(time.Second)
}

// Remote is a repository, and the credentials to write to it. Token is a secret.
type Remote struct {
	// Host and Name say in messages which repository it is: "github.com", "acme/shop".
	Host, Name           string
	URL, Username, Token string
}

// CheckURL makes sure that the token is sent to its own host only, and unencrypted only if the API is
// unencrypted too. The address is what the API answered.
func (r Remote) CheckURL(api *url.URL) error {
	parsed, err := url.Parse(r.URL)
	if err != nil || parsed.Host != r.Host || parsed.User != nil || parsed.Scheme != "https" && parsed.Scheme != api.Scheme {
		return fault.New(fault.Input, "%s says that %s is to be cloned from %s, which is not on %s. Check the host's apiBaseUrl.",
			api.Host, r.Name, r.URL, r.Host)
	}
	return nil
}

// Push is one commit that goes to one branch.
type Push struct {
	Remote Remote
	Branch string
	Commit Commit
	Log    action.Log
	// Latest lists the latest two commits of the branch, by the host's API: enough to tell one from more. Has reports
	// whether the repository has a commit. Where both are nil, Git is asked.
	Latest func(ctx context.Context) ([]Existing, error)
	Has    func(ctx context.Context, hash string) (bool, error)
	// Refused explains what this host alone says when it refuses a push; nil when it has nothing to say.
	// Printed is git's output. It may be nil.
	Refused func(printed string) error
}

// Existing is a commit that is on the branch.
type Existing struct {
	Hash string
	When time.Time
}

// IsOnly reports whether a branch has one commit, and it has this time: it was made for the effect whose
// commits have it.
func IsOnly(commits []Existing, when time.Time) bool {
	return len(commits) == 1 && commits[0].When.Equal(when)
}

// Publish commits the source as the first commit of the branch, pushes it, and returns its hash.
func (p Push) Publish(ctx context.Context, source *os.Root) (hash string, err error) {
	tree, err := newWorktree(source.Name(), p.Remote)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, tree.Close()) }()
	hash, err = tree.commit(ctx, p.Commit)
	if err != nil {
		return "", fmt.Errorf("committing the workspace: %w", err)
	}
	if err := tree.logIgnored(ctx, p.Log); err != nil {
		return "", err
	}
	p.Log.Info("Pushing commit %s to %s of %s", hash[:7], p.Branch, p.Remote.Name)
	rejected, err := tree.push(ctx, p.Remote.URL, hash, p.Branch, "")
	if err != nil {
		return "", p.Remote.explainPush(ctx, err, p.Refused)
	}
	if rejected {
		return hash, p.resolveRejection(ctx, tree, hash)
	}
	return hash, nil
}

// maxIgnoredNames is how many ignored files the log names.
const maxIgnoredNames = 20

// logIgnored warns about files that a .gitignore of the workspace keeps out of the repository: its author may
// not have meant that.
func (w *worktree) logIgnored(ctx context.Context, log action.Log) error {
	names, err := w.ignored(ctx)
	if err != nil {
		return fmt.Errorf("committing the workspace: %w", err)
	}
	if len(names) == 0 {
		return nil
	}
	more := ""
	if len(names) > maxIgnoredNames {
		more = fmt.Sprintf(" and %d more", len(names)-maxIgnoredNames)
		names = names[:maxIgnoredNames]
	}
	log.Warn("Left out of the repository, because the workspace's .gitignore says so: %s%s", strings.Join(names, ", "), more)
	return nil
}

// resolveRejection decides what to do about a branch with other commits. An earlier attempt's commit, pushed
// before the step's input was corrected, is replaced. Later commits on top of this commit are fine. Anything
// else is somebody else's and is an error.
func (p Push) resolveRejection(ctx context.Context, tree *worktree, hash string) error {
	if p.Latest == nil {
		p.Latest, p.Has = p.latest, p.has
	}
	commits, err := p.Latest(ctx)
	if err != nil {
		return err
	}
	if IsOnly(commits, p.Commit.When) {
		p.Log.Info("Replacing commit %s, which an earlier attempt pushed", commits[0].Hash[:7])
		rejected, err := tree.push(ctx, p.Remote.URL, hash, p.Branch, commits[0].Hash)
		if err != nil {
			return p.Remote.explainPush(ctx, err, p.Refused)
		}
		if !rejected {
			return nil
		}
	}
	known, err := p.Has(ctx, hash)
	if err != nil || known {
		return err
	}
	return action.Advise(fault.New(fault.Conflict, "The branch %s of %s holds commits that this run did not make, and was left untouched.",
		p.Branch, p.Remote.Name), "Roll the run back, or remove those commits and retry.")
}

// latest lists the commits of the branch by Git.
func (p Push) latest(ctx context.Context) ([]Existing, error) {
	commits, err := p.Remote.History(ctx, p.Branch)
	listed := make([]Existing, 0, len(commits))
	for _, one := range commits {
		listed = append(listed, Existing{Hash: one.Hash, When: one.When})
	}
	return listed, err
}

// has reports whether a commit is among the newest of the branch.
func (p Push) has(ctx context.Context, hash string) (bool, error) {
	commits, err := p.latest(ctx)
	return slices.ContainsFunc(commits, func(one Existing) bool { return one.Hash == hash }), err
}
