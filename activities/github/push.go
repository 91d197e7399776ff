package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
)

// committedAt is the time of the first commit. It is the time of the intent, so that every attempt makes the
// same commit.
func committedAt(effect action.Effect) time.Time {
	return effect.IntendedAt.UTC().Truncate(time.Second)
}

// pushSource commits the source as the repository's first commit, pushes it, and returns its hash.
func (p *publication) pushSource(ctx context.Context, source *os.Root, repository *github.Repository) (hash string, err error) {
	remote, err := p.checkRemote(repository.GetCloneURL())
	if err != nil {
		return "", err
	}
	token, err := p.credential(ctx)
	if err != nil {
		return "", err
	}
	tree, err := newWorktree(ctx, source.Name(), remote, token)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, tree.Close()) }()
	author := Author{Name: p.input.GitAuthorName, Email: p.input.GitAuthorEmail}
	hash, err = tree.commit(ctx, author, p.input.GitCommitMessage, committedAt(p.effect))
	if err != nil {
		return "", fmt.Errorf("committing the workspace: %w", err)
	}
	if err := p.logIgnored(ctx, tree); err != nil {
		return "", err
	}
	p.call.Log.Info("Pushing commit %s to %s of %s", hash[:7], p.input.DefaultBranch, p.name())
	rejected, err := tree.push(ctx, remote, hash, p.input.DefaultBranch, "")
	if err != nil {
		return "", p.explainPush(ctx, err)
	}
	if rejected {
		return hash, p.resolveRejection(ctx, tree, remote, hash)
	}
	return hash, nil
}

// maxIgnoredNames is how many ignored files the log names.
const maxIgnoredNames = 20

// logIgnored warns about files that a .gitignore of the workspace keeps out of the repository: its author may
// not have meant that.
func (p *publication) logIgnored(ctx context.Context, tree *worktree) error {
	names, err := tree.ignored(ctx)
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
	p.call.Log.Warn("Left out of the repository, because the workspace's .gitignore says so: %s%s", strings.Join(names, ", "), more)
	return nil
}

// checkRemote makes sure that the token is sent to its own host only, and unencrypted only if the API is
// unencrypted too.
func (p *publication) checkRemote(address string) (string, error) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host != p.target.Host || parsed.User != nil ||
		parsed.Scheme != "https" && parsed.Scheme != p.client.BaseURL.Scheme {
		return "", fault.New(fault.Input, "%s says that %s is to be cloned from %s, which is not on %s. Check the host's apiBaseUrl.",
			p.client.BaseURL.Host, p.name(), address, p.target.Host)
	}
	return address, nil
}

// resolveRejection decides what to do about a branch with other commits. An earlier attempt's commit, pushed
// before the step's input was corrected, is replaced. Later commits on top of this commit are fine. Anything
// else is somebody else's and is an error.
func (p *publication) resolveRejection(ctx context.Context, tree *worktree, remote, hash string) error {
	commits, err := p.commits(ctx, p.input.DefaultBranch)
	if err != nil {
		return err
	}
	if isOnlyOurs(p.effect, commits) {
		p.call.Log.Info("Replacing commit %s, which an earlier attempt pushed", commits[0].GetSHA()[:7])
		rejected, err := tree.push(ctx, remote, hash, p.input.DefaultBranch, commits[0].GetSHA())
		if err != nil {
			return p.explainPush(ctx, err)
		}
		if !rejected {
			return nil
		}
	}
	known, err := p.hasCommit(ctx, hash)
	if err != nil || known {
		return err
	}
	return action.Advise(fault.New(fault.Conflict, "The branch %s of %s holds commits that this run did not make, and was left untouched.",
		p.input.DefaultBranch, p.name()), "Roll the run back, or remove those commits and retry.")
}

// commits lists the latest two commits of a branch: enough to tell one from more. An empty repository has
// none.
func (c *connection) commits(ctx context.Context, branch string) ([]*github.RepositoryCommit, error) {
	var found []*github.RepositoryCommit
	err := c.ask(ctx, "listing the commits of "+c.name(), func(ctx context.Context) (err error) {
		options := &github.CommitsListOptions{SHA: branch, ListOptions: github.ListOptions{PerPage: 2}}
		found, _, err = c.client.Repositories.ListCommits(ctx, c.target.Owner, c.target.Repo, options)
		if isStatus(err, http.StatusConflict) {
			found, err = nil, nil
		}
		return err
	})
	return found, err
}

// isOnlyOurs reports whether a branch has one commit, and this effect made it: it has the time of the intent.
func isOnlyOurs(effect action.Effect, commits []*github.RepositoryCommit) bool {
	return len(commits) == 1 && commits[0].GetCommit().GetCommitter().GetDate().Time.Equal(committedAt(effect))
}

func (p *publication) hasCommit(ctx context.Context, hash string) (bool, error) {
	known := false
	err := p.ask(ctx, "looking for commit "+hash+" in "+p.name(), func(ctx context.Context) error {
		_, _, err := p.client.Repositories.GetCommit(ctx, p.target.Owner, p.target.Repo, hash, nil)
		known = err == nil
		if isStatus(err, http.StatusUnprocessableEntity) || isStatus(err, http.StatusNotFound) {
			return nil
		}
		return err
	})
	return known, err
}

// explainPush classifies the failure of a push. The repository exists and the API accepted the token, so "not
// found" means that the repository is not known to every server of GitHub yet: that is transient.
func (p *publication) explainPush(ctx context.Context, err error) error {
	doing := "pushing to " + p.name()
	var failed *gitError
	if ctx.Err() != nil || !errors.As(err, &failed) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	switch status := statusOf(failed); {
	case status == http.StatusUnauthorized, status == http.StatusForbidden, strings.Contains(failed.Printed, "could not read Username"),
		strings.Contains(failed.Printed, "Authentication failed"):
		return action.Advise(fault.Wrap(fault.NotAllowed, failed, "%s: %s refused the token: %s", doing, p.target.Host, failed.Printed),
			"Give the token the right to write contents or configure another, then retry.")
	case strings.Contains(failed.Printed, "refusing to allow") && strings.Contains(failed.Printed, "workflow"):
		return action.Advise(fault.Wrap(fault.NotAllowed, failed, "%s: %s accepted the token, but it may not write workflow files: %s", doing, p.target.Host, failed.Printed),
			"Give the token the right to write workflows or configure another, then retry.")
	case strings.Contains(failed.Printed, "[remote rejected]"):
		return action.Advise(fault.Wrap(fault.Conflict, failed, "%s: %s did not take the commit: %s", doing, p.target.Host, failed.Printed),
			"A rule of the owner may forbid what the workspace holds: change the rule and retry, or the template and start a new run.")
	default:
		return action.Advise(action.Transient(fmt.Errorf("%s: %w", doing, failed), 0), "Check that %s is up and takes pushes, then retry.",
			p.target.Host)
	}
}
