package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// pullKind is the kind of effect that a pull request is: a new one, or one whose text an update has changed.
const pullKind = "github:pull-request"

// pullRecord is what the ledger keeps about a pull request.
type pullRecord struct {
	place

	// Head is the branch, as in "acme:feature", and Commits are those that this run has made for it.
	Head    string   `json:"head"`
	Base    string   `json:"base"`
	Commits []string `json:"commits"`
	// Number, Before and After are those of a pull request that was open before the run, and that it changed.
	Number int       `json:"number,omitempty"`
	Before *pullText `json:"before,omitempty"`
	After  *pullText `json:"after,omitempty"`
}

// pullText is what an update changes of a pull request.
type pullText struct {
	Title string `json:"title"`
	Body  string `json:"body"`
	Base  string `json:"base"`
}

func textOf(pull *github.PullRequest) pullText {
	return pullText{Title: pull.GetTitle(), Body: pull.GetBody(), Base: pull.GetBase().GetRef()}
}

// pull describes a pull request to package resource, for finding and closing it.
func (c *connection) pull(record pullRecord) resource.Spec[*github.PullRequest] {
	return resource.Spec[*github.PullRequest]{
		Title: fmt.Sprintf("the pull request from %s to %s of %s on %s", record.Head, record.Base, c.name(), c.target.Host),
		Find: func(ctx context.Context, effect action.Effect) (*resource.Found[*github.PullRequest], error) {
			return c.findPull(ctx, effect, record)
		},
		Delete: func(ctx context.Context, pull *github.PullRequest) error { return c.removePull(ctx, pull, record) },
		Hidden: c.hiddenWithin,
		Used: func(_ context.Context, _ action.Effect, pull *github.PullRequest) (string, error) {
			return record.useOf(pull), nil
		},
	}
}

// useOf says what others have done with the pull request.
func (r pullRecord) useOf(pull *github.PullRequest) string {
	switch {
	case isMerged(pull):
		return "it was merged"
	case r.After != nil && textOf(pull) != *r.After:
		return "its title, description or target was changed since"
	case r.After == nil && !slices.Contains(r.Commits, pull.GetHead().GetSHA()):
		return "it has commits that the run did not make"
	}
	return ""
}

func isMerged(pull *github.PullRequest) bool { return pull.GetMerged() || pull.MergedAt != nil }

// findPull finds an open or merged pull request: one that was closed is gone. One that an update has not
// changed is not found, either.
func (c *connection) findPull(ctx context.Context, effect action.Effect, record pullRecord) (*resource.Found[*github.PullRequest], error) {
	number := record.Number
	if effect.ExternalID != "" {
		parsed, err := strconv.Atoi(effect.ExternalID)
		if err != nil {
			return nil, action.Final(fmt.Errorf("effect %s %q: %q is not the number of a pull request", effect.ID, effect.Name, effect.ExternalID))
		}
		number = parsed
	}
	if number == 0 && effect.Fresh {
		return nil, nil // GitHub refuses a second one.
	}
	pull, err := c.readPull(ctx, number, record)
	if err != nil || pull == nil || pull.GetState() == "closed" && !isMerged(pull) || record.Before != nil && textOf(pull) == *record.Before {
		return nil, err
	}
	return foundPull(pull), nil
}

// readPull reads a pull request by its number, or the open one of the head where the number is not known.
func (c *connection) readPull(ctx context.Context, number int, record pullRecord) (pull *github.PullRequest, err error) {
	if number == 0 {
		return c.openPull(ctx, record.Head, record.Base)
	}
	err = c.ask(ctx, fmt.Sprintf("looking for the pull request %d of %s", number, c.name()), func(ctx context.Context) (err error) {
		pull, _, err = c.client.PullRequests.Get(ctx, c.target.Owner, c.target.Repo, number)
		return err
	})
	if isStatus(err, http.StatusNotFound) {
		return nil, nil
	}
	return pull, err
}

func foundPull(pull *github.PullRequest) *resource.Found[*github.PullRequest] {
	return &resource.Found[*github.PullRequest]{
		Thing: pull, ID: strconv.Itoa(pull.GetNumber()), URL: pull.GetHTMLURL(),
		// The branch is the run's, so a pull request that has its commit was opened by an earlier attempt. For
		// an update it is the text that an earlier attempt has changed.
		MadeFor: func(effect action.Effect) bool {
			record, err := recordOf[pullRecord](effect)
			if err != nil || effect.Kind != pullKind {
				return false
			}
			if record.After != nil {
				return pull.GetNumber() == record.Number && textOf(pull) == *record.After
			}
			return slices.Contains(record.Commits, pull.GetHead().GetSHA())
		},
	}
}

// openPull is the open pull request from a head ("acme:feature") to a base, or to any where base is "".
func (c *connection) openPull(ctx context.Context, head, base string) (*github.PullRequest, error) {
	var open []*github.PullRequest
	err := c.ask(ctx, fmt.Sprintf("looking for a pull request from %s to %s", head, c.name()), func(ctx context.Context) (err error) {
		options := &github.PullRequestListOptions{State: "open", Head: head, Base: base, ListOptions: github.ListOptions{PerPage: 1}}
		open, _, err = c.client.PullRequests.List(ctx, c.target.Owner, c.target.Repo, options)
		return err
	})
	if err != nil || len(open) == 0 {
		return nil, err
	}
	return open[0], nil
}

// removePull closes a new pull request, and gives one that was there before its former text.
func (c *connection) removePull(ctx context.Context, pull *github.PullRequest, record pullRecord) error {
	if err := c.restrict(ctx, mayPropose); err != nil {
		return err
	}
	change := &github.PullRequest{State: new("closed")}
	if record.Before != nil {
		change = record.Before.change()
	}
	err := c.editPull(ctx, pull.GetNumber(), change)
	if isStatus(err, http.StatusNotFound) {
		return resource.ErrNotExist
	}
	return err
}

func (t *pullText) change() *github.PullRequest {
	return &github.PullRequest{Title: &t.Title, Body: &t.Body, Base: &github.PullRequestBranch{Ref: &t.Base}, State: new("open")}
}

func (c *connection) editPull(ctx context.Context, number int, change *github.PullRequest) error {
	return c.ask(ctx, fmt.Sprintf("changing the pull request %d of %s", number, c.name()), func(ctx context.Context) error {
		_, _, err := c.client.PullRequests.Edit(ctx, c.target.Owner, c.target.Repo, number, change)
		return err
	})
}

func (p *pullRequest) undoPull(ctx context.Context, call *action.UndoCall) error {
	record, err := recordOf[pullRecord](call.Effect)
	if err != nil {
		return err
	}
	connected, err := p.options.resume(ctx, call, record.place, mayLookOver)
	if err != nil {
		return err
	}
	return resource.Remove(ctx, call, connected.pull(record))
}

// headLabel is GitHub's name for the branch: "acme:feature".
func (p *proposal) headLabel() string { return p.head.target.Owner + ":" + p.input.BranchName }

func (p *proposal) pullIntent(record pullRecord) action.Intent {
	name := fmt.Sprintf("%s: %s to %s", p.name(), p.headLabel(), p.base)
	return action.Intent{Kind: pullKind, Name: name, Key: p.key(pullKind, name), Data: record}
}

// ensurePull opens the pull request, or changes the text of the one that the branch had before the run.
func (p *proposal) ensurePull(ctx context.Context) (*github.PullRequest, error) {
	record := pullRecord{place: p.place(), Head: p.headLabel(), Base: p.base, Commits: p.commits}
	before, err := resource.Earlier(ctx, p.call, p.pullIntent(record).Key)
	if err != nil {
		return nil, err
	}
	switch {
	case before.ID != "":
		known, err := recordOf[pullRecord](before)
		if err != nil {
			return nil, err
		}
		record.Number, record.Before, record.After = known.Number, known.Before, known.After
	case p.isUpdate:
		done, err := p.planUpdate(ctx, &record)
		if err != nil || done != nil {
			return done, err
		}
	}
	spec := p.pull(record)
	spec.Intent = p.pullIntent(record)
	spec.Create = func(ctx context.Context, _ action.Effect) (*resource.Found[*github.PullRequest], error) {
		return p.createPull(ctx, record)
	}
	pull, effect, err := resource.Ensure(ctx, p.call, spec)
	if err != nil {
		return nil, err
	}
	return pull, p.noteCommits(ctx, effect, record)
}

// planUpdate adds to the record what is to be changed of the pull request that the branch has already. It
// returns the pull request where that is nothing.
func (p *proposal) planUpdate(ctx context.Context, record *pullRecord) (*github.PullRequest, error) {
	open, err := p.openPull(ctx, record.Head, "")
	if err != nil || open == nil {
		return nil, err
	}
	before, after := textOf(open), pullText{Title: p.input.Title, Body: p.input.Description, Base: p.base}
	if before == after {
		p.call.Log.Info("The pull request %d has this title and description already", open.GetNumber())
		return open, nil
	}
	record.Number, record.Before, record.After = open.GetNumber(), &before, &after
	return nil, nil
}

func (p *proposal) createPull(ctx context.Context, record pullRecord) (*resource.Found[*github.PullRequest], error) {
	if record.Number != 0 {
		p.call.Log.Info("Changing the pull request %d of %s", record.Number, p.name())
		var changed *github.PullRequest
		err := p.ask(ctx, fmt.Sprintf("changing the pull request %d of %s", record.Number, p.name()), func(ctx context.Context) (err error) {
			changed, _, err = p.client.PullRequests.Edit(ctx, p.target.Owner, p.target.Repo, record.Number, record.After.change())
			return err
		})
		if err != nil {
			return nil, err
		}
		return foundPull(changed), nil
	}
	p.call.Log.Info("Opening a pull request from %s to %s of %s", record.Head, record.Base, p.name())
	var created *github.PullRequest
	err := p.ask(ctx, fmt.Sprintf("opening a pull request from %s to %s of %s", record.Head, record.Base, p.name()), func(ctx context.Context) (err error) {
		created, _, err = p.client.PullRequests.Create(ctx, p.target.Owner, p.target.Repo, &github.NewPullRequest{
			Title: &p.input.Title, Head: &record.Head, Base: &record.Base, Body: &p.input.Description, Draft: &p.input.Draft,
		})
		return err
	})
	switch {
	case saysPullExists(err):
		return nil, resource.Exists(err)
	case err != nil:
		return nil, err
	}
	return foundPull(created), nil
}

func saysPullExists(err error) bool {
	var answer *github.ErrorResponse
	return errors.As(err, &answer) && answer.Response.StatusCode == http.StatusUnprocessableEntity &&
		strings.Contains(messageOf(answer), "pull request already exists")
}

// noteCommits keeps the newest commits in the ledger, by which an undo sees whether others have pushed.
func (p *proposal) noteCommits(ctx context.Context, effect action.Effect, record pullRecord) error {
	wanted, err := json.Marshal(record)
	if err != nil || bytes.Equal(wanted, effect.Data) {
		return err
	}
	err = p.call.Ledger.Confirm(ctx, effect.ID, action.Confirmation{ExternalID: effect.ExternalID, URL: effect.URL, Data: record})
	if err != nil {
		return action.Transient(fmt.Errorf("effects ledger: the pull request: %w", err), 0)
	}
	return nil
}
