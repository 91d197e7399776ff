package github

import (
	"context"
	"net/http"
	"os"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
)

// pushSource commits the source as the repository's first commit, pushes it, and returns its hash.
func (p *publication) pushSource(ctx context.Context, source *os.Root, repository *github.Repository) (hash string, err error) {
	remote := gitpush.Remote{Host: p.target.Host, Name: p.name(), URL: repository.GetCloneURL(), Username: "x-access-token"}
	if err := remote.CheckURL(p.client.BaseURL); err != nil {
		return "", err
	}
	if remote.Token, err = p.credential(ctx); err != nil {
		return "", err
	}
	push := gitpush.Push{
		Remote: remote, Branch: p.input.DefaultBranch, Log: p.call.Log,
		Commit: gitpush.Commit{
			Author:  Author{Name: p.input.GitAuthorName, Email: p.input.GitAuthorEmail},
			Message: p.input.GitCommitMessage, When: gitpush.CommittedAt(p.effect),
		},
		Latest: func(ctx context.Context) ([]gitpush.Existing, error) {
			commits, err := p.commits(ctx, p.input.DefaultBranch)
			return existing(commits), err
		},
		Has:     p.hasCommit,
		Refused: p.explainRefusedWorkflow,
	}
	return push.Publish(ctx, source)
}

// explainRefusedWorkflow explains that the token may not write workflows.
func (p *publication) explainRefusedWorkflow(printed string) error {
	if !strings.Contains(printed, "refusing to allow") || !strings.Contains(printed, "workflow") {
		return nil
	}
	return action.Advise(fault.New(fault.NotAllowed, "pushing to %s: %s accepted the token, but it may not write workflow files: %s",
		p.name(), p.target.Host, printed), "Give the token the right to write workflows or configure another, then retry.")
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
	return gitpush.IsOnly(existing(commits), gitpush.CommittedAt(effect))
}

func existing(commits []*github.RepositoryCommit) []gitpush.Existing {
	var found []gitpush.Existing
	for _, one := range commits {
		found = append(found, gitpush.Existing{Hash: one.GetSHA(), When: one.GetCommit().GetCommitter().GetDate().Time})
	}
	return found
}

func (c *connection) hasCommit(ctx context.Context, hash string) (bool, error) {
	known := false
	err := c.ask(ctx, "looking for commit "+hash+" in "+c.name(), func(ctx context.Context) error {
		_, _, err := c.client.Repositories.GetCommit(ctx, c.target.Owner, c.target.Repo, hash, nil)
		known = err == nil
		if isStatus(err, http.StatusUnprocessableEntity) || isStatus(err, http.StatusNotFound) {
			return nil
		}
		return err
	})
	return known, err
}
