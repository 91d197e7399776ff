package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// branchKind is the kind of effect that the branch of a pull request is: a new one, or one that was there and
// that an update has moved.
const branchKind = "github:branch"

// branchRecord is what the ledger keeps about a branch.
type branchRecord struct {
	place

	Branch string `json:"branch"`
	// Commits are those that this run has made for the branch, the newest last. While the branch leads to one
	// of them, nobody else has changed it.
	Commits []string `json:"commits"`
	// Content identifies what the newest commit has.
	Content string `json:"content"`
	// Was is the commit to which the branch led before an update, "" for a new branch.
	Was string `json:"was,omitempty"`
}

func (r branchRecord) newest() string {
	if len(r.Commits) == 0 {
		return ""
	}
	return r.Commits[len(r.Commits)-1]
}

// isOf reports whether an effect is about the branch, and what leads to tip is what the run has made of it. A
// branch that the ledger has as created stays the run's after others have pushed to it.
func (r branchRecord) isOf(effect action.Effect, tip string) bool {
	other, err := recordOf[branchRecord](effect)
	return err == nil && effect.Kind == branchKind && other.Host == r.Host && strings.EqualFold(other.Owner+"/"+other.Repo, r.Owner+"/"+r.Repo) &&
		other.Branch == r.Branch && (isConfirmed(effect) || slices.Contains(other.Commits, tip))
}

// branch describes a branch to package resource, for finding it and removing it.
func (c *connection) branch(record branchRecord) resource.Spec[string] {
	return resource.Spec[string]{
		Title: fmt.Sprintf("the branch %s of %s on %s", record.Branch, c.name(), c.target.Host),
		Find: func(ctx context.Context, effect action.Effect) (*resource.Found[string], error) {
			tip, err := c.tipOf(ctx, record.Branch)
			if err != nil {
				return nil, err
			}
			return c.foundBranch(effect, record, tip), nil
		},
		Delete: func(ctx context.Context, _ string) error { return c.removeBranch(ctx, record) },
		Hidden: c.hiddenWithin,
		Used: func(_ context.Context, _ action.Effect, tip string) (string, error) {
			if slices.Contains(record.Commits, tip) {
				return "", nil
			}
			return "it has commits that the run did not make", nil
		},
	}
}

// foundBranch is nil where there is no such branch, or an update has not moved it.
func (c *connection) foundBranch(effect action.Effect, record branchRecord, tip string) *resource.Found[string] {
	if known, err := recordOf[branchRecord](effect); err == nil {
		record = known
	}
	if tip == "" || tip == record.Was {
		return nil
	}
	return &resource.Found[string]{
		Thing: tip, URL: fmt.Sprintf("%s/%s/tree/%s", c.webAddress(), c.name(), record.Branch),
		MadeFor: func(effect action.Effect) bool { return record.isOf(effect, tip) },
	}
}

// webAddress is where people see the host: GitHub's own API is at another host than its pages.
func (c *connection) webAddress() string { return c.client.BaseURL.Scheme + "://" + c.target.Host }

// tipOf is the commit of a branch, "" where there is none.
func (c *connection) tipOf(ctx context.Context, branch string) (string, error) {
	var found *github.Reference
	err := c.ask(ctx, fmt.Sprintf("looking for the branch %s of %s", branch, c.name()), func(ctx context.Context) (err error) {
		found, _, err = c.client.Git.GetRef(ctx, c.target.Owner, c.target.Repo, "heads/"+branch)
		return err
	})
	if isStatus(err, http.StatusNotFound) {
		return "", nil
	}
	return found.GetObject().GetSHA(), err
}

// hiddenWithin says why a thing in the repository may exist although the token does not see it: the whole
// repository may be hidden.
func (c *connection) hiddenWithin(ctx context.Context) (string, error) {
	found, err := c.findRepository(ctx, action.Effect{})
	if err != nil || found != nil {
		return "", err
	}
	return c.hiddenBecause(ctx)
}

func saysReference(err error, message string) bool {
	var answer *github.ErrorResponse
	return errors.As(err, &answer) && answer.Response.StatusCode == http.StatusUnprocessableEntity && strings.Contains(messageOf(answer), message)
}

// moveBranch has the branch lead to a commit, whatever it led to.
func (c *connection) moveBranch(ctx context.Context, branch, commit string) error {
	return c.ask(ctx, fmt.Sprintf("moving the branch %s of %s", branch, c.name()), func(ctx context.Context) error {
		ref := &github.Reference{Ref: new("refs/heads/" + branch), Object: &github.GitObject{SHA: &commit}}
		_, _, err := c.client.Git.UpdateRef(ctx, c.target.Owner, c.target.Repo, ref, true)
		return err
	})
}

// removeBranch deletes a new branch, and moves one back that an update has moved.
func (c *connection) removeBranch(ctx context.Context, record branchRecord) error {
	if err := c.restrict(ctx, mayPropose); err != nil {
		return err
	}
	if record.Was != "" {
		return c.moveBranch(ctx, record.Branch, record.Was)
	}
	return c.deleteBranch(ctx, record.Branch)
}

func (c *connection) deleteBranch(ctx context.Context, branch string) error {
	err := c.ask(ctx, fmt.Sprintf("deleting the branch %s of %s", branch, c.name()), func(ctx context.Context) error {
		_, err := c.client.Git.DeleteRef(ctx, c.target.Owner, c.target.Repo, "heads/"+branch)
		return err
	})
	if saysReference(err, "does not exist") || isStatus(err, http.StatusNotFound) {
		return resource.ErrNotExist
	}
	return err
}

func (p *pullRequest) undoBranch(ctx context.Context, call *action.UndoCall) error {
	record, err := recordOf[branchRecord](call.Effect)
	if err != nil {
		return err
	}
	connected, err := p.options.resume(ctx, call, record.place, mayLookOver)
	if err != nil {
		return err
	}
	return resource.Remove(ctx, call, connected.branch(record))
}

// look finds the tip of the branch, "" where there is none.
func (p *proposal) look(ctx context.Context) (string, error) {
	return p.head.tipOf(ctx, p.input.BranchName)
}

// branchIntent is the intent of the branch with a record.
func (p *proposal) branchIntent(record branchRecord) action.Intent {
	name := p.head.name() + ":" + p.input.BranchName
	return action.Intent{Kind: branchKind, Name: name, Key: p.key(branchKind, name), Data: record}
}

func (p *proposal) key(kind, name string) string {
	return fmt.Sprintf("%s/%s/%s/%s/%s", p.call.StepID, p.call.Iteration, kind, p.target.Host, name)
}

// content identifies the commit that the step wants.
func (p *proposal) content() string {
	return fmt.Sprintf("%s %q %v %s", p.changes.digest, p.message, p.author, p.base)
}

// ensureBranch has the branch lead to a commit with the changes. A commit has the time at which it was made, so
// that two attempts make two of them: the ledger knows each before the branch leads to it.
func (p *proposal) ensureBranch(ctx context.Context) error {
	before, err := resource.Earlier(ctx, p.call, p.branchIntent(branchRecord{}).Key)
	if err != nil {
		return err
	}
	tip, err := p.look(ctx)
	if err != nil {
		return err
	}
	record := branchRecord{place: p.head.place(), Branch: p.input.BranchName}
	isOurs := tip != "" && record.isOf(before, tip)
	if before.ID != "" {
		if record, err = recordOf[branchRecord](before); err != nil {
			return err
		}
	}
	switch isCreated := before.State == action.EffectCreated; {
	case isOurs && record.Content == p.content() && (isCreated || tip == record.newest()),
		isCreated && !isOurs,
		!isOurs && tip != "" && !p.input.Update:
		// It is done, gone, or somebody else's: Ensure says which.
	case isOurs && !slices.Contains(record.Commits, tip):
		return action.Advise(fault.New(fault.Conflict, "The branch %s of %s has commits that this run did not make, and was left untouched.",
			record.Branch, p.head.name()), "Roll the run back, or remove those commits and retry.")
	default:
		if !isOurs {
			record.Was = tip
		}
		if err := p.renew(ctx, before, &record); err != nil {
			return err
		}
	}
	return p.settleBranch(ctx, record, tip)
}

// renew makes the commit, and lets the ledger know of it before the branch does.
func (p *proposal) renew(ctx context.Context, before action.Effect, record *branchRecord) error {
	commit, err := p.commit(ctx)
	if err != nil {
		return err
	}
	record.Commits, record.Content = append(record.Commits, commit), p.content()
	switch {
	case isConfirmed(before):
		err = p.call.Ledger.Confirm(ctx, before.ID, action.Confirmation{ExternalID: before.ExternalID, URL: before.URL, Data: *record})
	case before.ID != "":
		// An intent keeps what it was recorded with: a new one names the new commit, too.
		err = p.call.Ledger.Abandon(ctx, before.ID, "another attempt makes another commit")
	}
	if err != nil {
		return action.Transient(fmt.Errorf("effects ledger: the branch %s: %w", record.Branch, err), 0)
	}
	return nil
}

// settleBranch makes the branch, or moves the one that led to tip.
func (p *proposal) settleBranch(ctx context.Context, record branchRecord, tip string) error {
	spec := p.head.branch(record)
	spec.Intent = p.branchIntent(record)
	look := spec.Find
	spec.Find = func(ctx context.Context, effect action.Effect) (*resource.Found[string], error) {
		if effect.Fresh {
			return p.head.foundBranch(effect, record, tip), nil // We have looked just now.
		}
		return look(ctx, effect)
	}
	spec.Create = func(ctx context.Context, effect action.Effect) (*resource.Found[string], error) {
		return p.createBranch(ctx, effect, record)
	}
	found, _, err := resource.Ensure(ctx, p.call, spec)
	switch {
	case errors.Is(err, resource.ErrTaken):
		return p.taken(ctx, err)
	case err != nil:
		return err
	}
	p.commits, p.isUpdate = record.Commits, record.Was != ""
	if found != record.newest() && slices.Contains(record.Commits, found) {
		p.call.Log.Info("Replacing commit %.7s, which an earlier attempt made", found)
		return p.head.moveBranch(ctx, record.Branch, record.newest())
	}
	return nil
}

func (p *proposal) createBranch(ctx context.Context, effect action.Effect, record branchRecord) (*resource.Found[string], error) {
	if record.Was != "" {
		p.call.Log.Info("Moving the branch %s of %s to commit %.7s", record.Branch, p.head.name(), record.newest())
		return p.head.foundBranch(effect, record, record.newest()), p.head.moveBranch(ctx, record.Branch, record.newest())
	}
	p.call.Log.Info("Creating the branch %s of %s at commit %.7s", record.Branch, p.head.name(), record.newest())
	err := p.ask(ctx, fmt.Sprintf("creating the branch %s of %s", record.Branch, p.head.name()), func(ctx context.Context) error {
		ref := &github.Reference{Ref: new("refs/heads/" + record.Branch), Object: &github.GitObject{SHA: new(record.newest())}}
		_, _, err := p.head.client.Git.CreateRef(ctx, p.head.target.Owner, p.head.target.Repo, ref)
		return err
	})
	if saysReference(err, "already exists") {
		return nil, resource.Exists(err)
	}
	if err != nil {
		return nil, err
	}
	return p.head.foundBranch(effect, record, record.newest()), nil
}

// taken is the error for a branch that is somebody else's. Backstage's message names the pull request.
func (p *proposal) taken(ctx context.Context, err error) error {
	open, failed := p.openPull(ctx, p.headLabel(), "")
	switch {
	case failed != nil:
		return failed
	case open == nil:
		return err
	}
	return action.Advise(fault.Wrap(fault.Conflict, resource.ErrTaken, "Pull request creation failed; caused by Error: "+
		"[octokit-plugin-create-pull-request] Pull request already exists: %s. Set update=true to enable updating", open.GetHTMLURL()),
		"Nothing was changed. Choose another branchName, or let the template set update.")
}
