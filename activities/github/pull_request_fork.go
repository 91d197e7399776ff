package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// forkKind is the kind of effect that a fork is, which was made for a pull request.
const forkKind = "github:fork"

// forkRecord is what the ledger keeps about a fork. Its place is the repository that was forked.
type forkRecord struct {
	place

	// Forker is the user who has the fork.
	Forker string `json:"forker"`
}

const (
	// forkAttempts and forkWait are how long a new fork is waited for: GitHub copies a repository after it has
	// answered.
	forkAttempts = 20
	forkWait     = time.Second
)

// findHead decides which repository gets the branch: a fork of the token's user where the template wants one, or
// where the user may not push.
func (p *proposal) findHead(ctx context.Context, repository *github.Repository, isUser bool) error {
	p.head = p.connection
	mayPush, said := repository.GetPermissions()["push"]
	if !p.input.ForceFork && (!isUser || !said || mayPush) {
		return nil
	}
	user, _, err := p.whoAmI(ctx)
	if isStatus(err, http.StatusForbidden) {
		return action.Advise(err, "Only users have forks, not Apps: pass the user's token, or let the template do without forceFork.")
	}
	if err != nil {
		return err
	}
	if strings.EqualFold(user, p.target.Owner) {
		return nil // It is the user's own.
	}
	p.forker = user
	p.fork, err = p.forkOf(ctx, user)
	name := p.target.Repo
	if p.fork != nil {
		name = p.fork.GetName()
	}
	p.head = p.connection.beside(user, name)
	return err
}

// beside are requests about another repository with the same credentials.
func (c *connection) beside(owner, repo string) *connection {
	other := *c
	other.target = integration.Repo{Host: c.target.Host, Owner: owner, Repo: repo}
	return &other
}

// forkOf is the fork of the repository that a user has, nil for none.
func (c *connection) forkOf(ctx context.Context, user string) (*github.Repository, error) {
	options := &github.RepositoryListForksOptions{ListOptions: github.ListOptions{PerPage: 100}}
	for {
		var forks []*github.Repository
		var answer *github.Response
		err := c.ask(ctx, "listing the forks of "+c.name(), func(ctx context.Context) (err error) {
			forks, answer, err = c.client.Repositories.ListForks(ctx, c.target.Owner, c.target.Repo, options)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, fork := range forks {
			if strings.EqualFold(fork.GetOwner().GetLogin(), user) {
				return fork, nil
			}
		}
		if answer.NextPage == 0 {
			return nil, nil
		}
		options.Page = answer.NextPage
	}
}

func (p *proposal) forkIntent() action.Intent {
	name := p.forker + ": fork of " + p.name()
	return action.Intent{Kind: forkKind, Name: name, Key: p.key(forkKind, name), Data: forkRecord{place: p.place(), Forker: p.forker}}
}

// ensureFork makes the fork that the branch is to be in. One that the user had before is used, and is no effect.
func (p *proposal) ensureFork(ctx context.Context) error {
	if p.forker == "" {
		return nil
	}
	before, err := resource.Earlier(ctx, p.call, p.forkIntent().Key)
	if err != nil || before.ID == "" && p.fork != nil {
		return err
	}
	spec := p.forked(p.forker)
	spec.Intent = p.forkIntent()
	spec.Create = p.createFork
	fork, _, err := resource.Ensure(ctx, p.call, spec)
	if err != nil {
		return err
	}
	p.head = p.connection.beside(p.forker, fork.GetName())
	return p.head.awaitCommit(ctx, p.baseCommit.GetSHA())
}

// forked describes a user's fork of the repository to package resource. A user has one at most, so whichever is
// found was made by this run: before the run there was none.
func (c *connection) forked(user string) resource.Spec[*github.Repository] {
	return resource.Spec[*github.Repository]{
		Title: fmt.Sprintf("the fork of %s that %s has on %s", c.name(), user, c.target.Host),
		Find: func(ctx context.Context, _ action.Effect) (*resource.Found[*github.Repository], error) {
			fork, err := c.forkOf(ctx, user)
			if err != nil || fork == nil {
				if isStatus(err, http.StatusNotFound) {
					err = nil
				}
				return nil, err
			}
			return foundFork(fork), nil
		},
		Delete: func(ctx context.Context, fork *github.Repository) error {
			return c.beside(user, fork.GetName()).deleteRepository(ctx, fork)
		},
		Hidden: c.hiddenWithin,
		Used: func(ctx context.Context, _ action.Effect, fork *github.Repository) (string, error) {
			return c.useOfFork(ctx, c.beside(user, fork.GetName()))
		},
	}
}

func foundFork(fork *github.Repository) *resource.Found[*github.Repository] {
	return &resource.Found[*github.Repository]{
		Thing: fork, ID: strconv.FormatInt(fork.GetID(), 10), URL: fork.GetHTMLURL(),
		MadeFor: func(effect action.Effect) bool { return effect.Kind == forkKind },
	}
}

func (p *proposal) createFork(ctx context.Context, _ action.Effect) (*resource.Found[*github.Repository], error) {
	p.call.Log.Info("Forking %s for %s", p.name(), p.forker)
	var fork *github.Repository
	err := p.ask(ctx, "forking "+p.name(), func(ctx context.Context) (err error) {
		fork, _, err = p.client.Repositories.CreateFork(ctx, p.target.Owner, p.target.Repo, nil)
		if _, accepted := errors.AsType[*github.AcceptedError](err); accepted {
			err = nil // GitHub answers that it is going to make it.
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return foundFork(fork), nil
}

// awaitCommit waits until a new fork has a commit of its parent.
func (c *connection) awaitCommit(ctx context.Context, hash string) error {
	for attempt := 1; ; attempt++ {
		known, err := c.hasCommit(ctx, hash)
		if err != nil || known {
			return err
		}
		if attempt == forkAttempts {
			return action.Advise(action.Transient(fmt.Errorf("the fork %s is not complete yet", c.name()), 0), "Wait for a while, then retry.")
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the fork %s: %w", c.name(), ctx.Err())
		case <-time.After(forkWait):
		}
	}
}

// maxForkBranches is how many branches of a fork are compared with those of its parent.
const maxForkBranches = 100

// useOfFork says what the fork has that its parent does not have.
func (c *connection) useOfFork(ctx context.Context, fork *connection) (string, error) {
	var branches []*github.Branch
	err := c.ask(ctx, "listing the branches of "+fork.name(), func(ctx context.Context) (err error) {
		options := &github.BranchListOptions{ListOptions: github.ListOptions{PerPage: maxForkBranches}}
		branches, _, err = fork.client.Repositories.ListBranches(ctx, fork.target.Owner, fork.target.Repo, options)
		return err
	})
	if err != nil {
		return "", err
	}
	if len(branches) >= maxForkBranches {
		return "it has too many branches to see whether somebody uses them", nil
	}
	for _, branch := range branches {
		tip, err := c.tipOf(ctx, branch.GetName())
		if err != nil {
			return "", err
		}
		if tip == "" {
			return "it has the branch " + branch.GetName(), nil
		}
		if tip == branch.GetCommit().GetSHA() {
			continue
		}
		isBehind, err := fork.isBehind(ctx, c.target.Owner, branch)
		if err != nil || !isBehind {
			return "it has commits on the branch " + branch.GetName(), err
		}
	}
	return "", nil
}

// isBehind reports whether a branch of a fork has no commit that its parent's does not have.
func (c *connection) isBehind(ctx context.Context, parent string, branch *github.Branch) (bool, error) {
	var compared *github.CommitsComparison
	err := c.ask(ctx, "comparing "+c.name()+" with its parent", func(ctx context.Context) (err error) {
		options := &github.ListOptions{PerPage: 1}
		compared, _, err = c.client.Repositories.CompareCommits(ctx, c.target.Owner, c.target.Repo, parent+":"+branch.GetName(), branch.GetName(), options)
		return err
	})
	return compared.GetAheadBy() == 0, err
}

func (p *pullRequest) undoFork(ctx context.Context, call *action.UndoCall) error {
	record, err := recordOf[forkRecord](call.Effect)
	if err != nil {
		return err
	}
	connected, err := p.options.resume(ctx, call, record.place, mayLookOver)
	if err != nil {
		return err
	}
	return resource.Remove(ctx, call, connected.forked(record.Forker))
}
