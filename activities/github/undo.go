package github

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// mayUndo are the permissions to see whether a repository is used, and to delete it.
var mayUndo = permissions{"metadata": "read", "contents": "read", "issues": "read", "administration": "write"}

// Undo deletes the repository, unless somebody has used it since: then it stays, and a person decides.
func (p *publish) Undo(ctx context.Context, call *action.UndoCall) error {
	return p.options.undoRepository(ctx, call)
}

func (o Options) undoRepository(ctx context.Context, call *action.UndoCall) error {
	record, err := recordOf[repositoryRecord](call.Effect)
	if err != nil {
		return err
	}
	connected, err := o.resume(ctx, call, record.place, mayLook)
	if err != nil {
		return err
	}
	return resource.Remove(ctx, call, connected.repository())
}

// useOf says what somebody has done with the repository since it was created, "" when nothing. It restricts
// the connection to this repository.
func (c *connection) useOf(ctx context.Context, effect action.Effect, repository *github.Repository) (string, error) {
	if err := c.restrict(ctx, mayUndo); err != nil {
		return "", err
	}
	if !strings.EqualFold(repository.GetFullName(), c.name()) {
		return "it was moved to " + repository.GetFullName(), nil
	}
	if repository.GetForksCount() > 0 {
		return "it was forked", nil
	}
	for _, look := range []func(context.Context, action.Effect, *github.Repository) (string, error){
		c.foreignCommits, c.foreignBranches, c.tags, c.issues,
	} {
		if use, err := look(ctx, effect, repository); err != nil || use != "" {
			return use, err
		}
	}
	return "", nil
}

func (c *connection) foreignCommits(ctx context.Context, effect action.Effect, repository *github.Repository) (string, error) {
	commits, err := c.commits(ctx, repository.GetDefaultBranch())
	if err != nil || len(commits) == 0 || isOnlyOurs(effect, commits) || isInitial(effect, repository, commits) {
		return "", err
	}
	return "it has commits that the run did not make", nil
}

// initialWithin is how long after the creation of a repository GitHub makes its first commit.
const initialWithin = time.Minute

// isInitial reports whether the only commit is that which GitHub made with the repository.
func isInitial(effect action.Effect, repository *github.Repository, commits []*github.RepositoryCommit) bool {
	record, err := recordOf[repositoryRecord](effect)
	if err != nil || !record.AutoInit || len(commits) != 1 {
		return false
	}
	after := commits[0].GetCommit().GetCommitter().GetDate().Sub(repository.GetCreatedAt().Time)
	return after.Abs() < initialWithin && commits[0].GetCommit().GetMessage() == "Initial commit"
}

func (c *connection) foreignBranches(ctx context.Context, _ action.Effect, repository *github.Repository) (string, error) {
	var branches []*github.Branch
	err := c.ask(ctx, "listing the branches of "+c.name(), func(ctx context.Context) (err error) {
		options := &github.BranchListOptions{ListOptions: github.ListOptions{PerPage: 2}}
		branches, _, err = c.client.Repositories.ListBranches(ctx, c.target.Owner, c.target.Repo, options)
		return err
	})
	for _, branch := range branches {
		if branch.GetName() != repository.GetDefaultBranch() {
			return "it has the branch " + branch.GetName(), nil
		}
	}
	return "", err
}

func (c *connection) tags(ctx context.Context, _ action.Effect, _ *github.Repository) (string, error) {
	var tags []*github.RepositoryTag
	err := c.ask(ctx, "listing the tags of "+c.name(), func(ctx context.Context) (err error) {
		tags, _, err = c.client.Repositories.ListTags(ctx, c.target.Owner, c.target.Repo, &github.ListOptions{PerPage: 1})
		return err
	})
	if err != nil || len(tags) == 0 {
		return "", err
	}
	return "it has the tag " + tags[0].GetName(), nil
}

// issues finds issues and pull requests, open or closed. They would be lost with the repository. Those that the
// run has opened and closed again are no use, unless somebody has commented.
func (c *connection) issues(ctx context.Context, effect action.Effect, _ *github.Repository) (string, error) {
	record, err := recordOf[repositoryRecord](effect)
	if err != nil {
		return "", err
	}
	var issues []*github.Issue
	err = c.ask(ctx, "listing the issues of "+c.name(), func(ctx context.Context) (err error) {
		options := &github.IssueListByRepoOptions{State: "all", ListOptions: github.ListOptions{PerPage: len(record.Numbers) + 1}}
		issues, _, err = c.client.Issues.ListByRepo(ctx, c.target.Owner, c.target.Repo, options)
		if isStatus(err, http.StatusGone) {
			// Issues are switched off.
			issues, err = nil, nil
		}
		return err
	})
	if err != nil {
		return "", err
	}
	for _, issue := range issues {
		if !slices.Contains(record.Numbers, issue.GetNumber()) || issue.GetState() != "closed" || issue.GetComments() > 0 {
			return fmt.Sprintf("it has issues or pull requests (%q)", issue.GetTitle()), nil
		}
	}
	return "", nil
}
