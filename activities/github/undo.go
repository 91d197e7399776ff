package github

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/scaffolder/action"
)

// userTokenSecret is the secret under which the form hands over the token of whoever started the run.
const userTokenSecret = "USER_OAUTH_TOKEN" //nolint:gosec // A name, not a secret.

// mayUndo is what it takes to see whether somebody uses a repository, and to delete it.
var mayUndo = permissions{"metadata": "read", "contents": "read", "issues": "read", "administration": "write"}

// Undo deletes the repository, unless somebody has used it since: then it stays, and a person decides.
func (p *publish) Undo(ctx context.Context, call *action.UndoCall) error {
	record, err := recordOf(call.Effect)
	if err != nil {
		return err
	}
	token := ""
	if record.OwnToken {
		token = call.Secrets[userTokenSecret]
	}
	connected, err := p.connect(ctx, integration.Repo{Host: record.Host, Owner: record.Owner, Repo: record.Repo}, token, mayLook)
	if err != nil {
		return err
	}
	existing, err := connected.find(ctx)
	switch {
	case err != nil:
		return err
	case existing == nil && record.OwnToken && token == "":
		return fault.New(fault.NotAllowed, "%s on %s was created with a token that the step passed and that is gone now; the configured one "+
			"does not see it. Delete it on %s, or give the configured token access.", connected.name(), record.Host, record.Host)
	case existing == nil || !isOurs(call.Effect, existing):
		call.Log.Info("%s on %s is not there any more", connected.name(), record.Host)
		return nil
	}
	if err := connected.narrow(ctx, mayUndo); err != nil {
		return err
	}
	use, err := connected.useOf(ctx, call.Effect, existing)
	if err != nil {
		return err
	}
	if use != "" {
		return &action.InUseError{Reason: fmt.Sprintf("%s was left alone: %s. Delete it on %s if nobody needs it.",
			existing.GetHTMLURL(), use, record.Host)}
	}
	return connected.remove(ctx, call.Log)
}

func (c *connection) remove(ctx context.Context, log action.Log) error {
	err := c.ask(ctx, "deleting the repository "+c.name(), func(ctx context.Context) error {
		_, err := c.client.Repositories.Delete(ctx, c.target.Owner, c.target.Repo)
		if isStatus(err, http.StatusNotFound) {
			return nil
		}
		return err
	})
	if err == nil {
		log.Info("Deleted the repository %s on %s", c.name(), c.target.Host)
	}
	return err
}

// useOf says what somebody has done with the repository since it was created, "" when nothing.
func (c *connection) useOf(ctx context.Context, effect action.Effect, repository *github.Repository) (string, error) {
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
	if err != nil || len(commits) == 0 || isOnlyOurs(effect, commits) {
		return "", err
	}
	return "it has commits that the run did not make", nil
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

// issues finds issues and pull requests, open or closed: what people wrote is gone for good with the repository.
func (c *connection) issues(ctx context.Context, _ action.Effect, _ *github.Repository) (string, error) {
	var issues []*github.Issue
	err := c.ask(ctx, "listing the issues of "+c.name(), func(ctx context.Context) (err error) {
		options := &github.IssueListByRepoOptions{State: "all", ListOptions: github.ListOptions{PerPage: 1}}
		issues, _, err = c.client.Issues.ListByRepo(ctx, c.target.Owner, c.target.Repo, options)
		if isStatus(err, http.StatusGone) {
			// Issues are switched off.
			issues, err = nil, nil
		}
		return err
	})
	if err != nil || len(issues) == 0 {
		return "", err
	}
	return fmt.Sprintf("it has issues or pull requests (%q)", issues[0].GetTitle()), nil
}
