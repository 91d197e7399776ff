package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// repositoryKind is the kind of effect that a created repository is.
const repositoryKind = "github:repository"

// repositoryRecord is what the ledger keeps about a repository.
type repositoryRecord struct {
	place

	// AutoInit says that GitHub has made the first commit.
	AutoInit bool `json:"autoInit,omitempty"`
	// Numbers are those of the issues and pull requests that the run has opened there.
	Numbers []int `json:"numbers,omitempty"`
}

// ownRepositories are the effects of this run that are the repository of the connection: one, or none where somebody
// else has created it.
func (c *connection) ownRepositories(ctx context.Context, call *action.Call) ([]action.Effect, error) {
	effects, err := call.Ledger.Effects(ctx)
	if err != nil {
		return nil, action.Transient(fmt.Errorf("effects ledger: %w", err), 0)
	}
	return slices.DeleteFunc(effects, func(effect action.Effect) bool {
		if effect.Kind != repositoryKind || effect.State != action.EffectCreated {
			return true
		}
		record, err := recordOf[repositoryRecord](effect)
		return err != nil || record.Host != c.target.Host || !strings.EqualFold(record.Owner+"/"+record.Repo, c.name())
	}), nil
}

// noteNumber keeps the number of an issue or a pull request with the repository, if this run created both: GitHub
// deletes neither, and what is left of them is no use of the repository.
func (c *connection) noteNumber(ctx context.Context, call *action.Call, number int) error {
	owned, err := c.ownRepositories(ctx, call)
	if err != nil {
		return err
	}
	for _, effect := range owned {
		record, err := recordOf[repositoryRecord](effect)
		if err != nil {
			return err
		}
		if slices.Contains(record.Numbers, number) {
			continue
		}
		record.Numbers = append(record.Numbers, number)
		confirmation := action.Confirmation{ExternalID: effect.ExternalID, URL: effect.URL, Data: record}
		if err := call.Ledger.Confirm(ctx, effect.ID, confirmation); err != nil {
			return action.Transient(fmt.Errorf("effects ledger: the repository %s: %w", c.name(), err), 0)
		}
	}
	return nil
}

// marker is a repository's description from its creation until the run has finished with it. It proves that
// this run created the repository when the process crashed before the ledger had its id.
func marker(effect action.Effect) string {
	return fmt.Sprintf("Being created by Portico: run %s, effect %s", effect.RunID, effect.ID)
}

// repository describes the repository to package resource, for finding and deleting it.
func (c *connection) repository() resource.Spec[*github.Repository] {
	return resource.Spec[*github.Repository]{
		Title:  fmt.Sprintf("the repository %s on %s", c.name(), c.target.Host),
		Find:   c.findRepository,
		Delete: c.deleteRepository,
		Hidden: c.hiddenBecause,
		Used:   c.useOf,
	}
}

// repository describes the repository to package resource, for creating it.
func (p *publication) repository() resource.Spec[*github.Repository] {
	spec := p.connection.repository()
	spec.Intent = action.Intent{
		Kind: repositoryKind, Name: p.name(),
		Key:  fmt.Sprintf("%s/%s/%s/%s", p.call.StepID, p.call.Iteration, p.target.Host, p.name()),
		Data: repositoryRecord{place: p.place(), AutoInit: p.input.AutoInit},
	}
	spec.Create = p.createRepository
	return spec
}

func foundRepository(repository *github.Repository) *resource.Found[*github.Repository] {
	return &resource.Found[*github.Repository]{
		Thing: repository, ID: strconv.FormatInt(repository.GetID(), 10), URL: repository.GetHTMLURL(),
		MadeFor: func(effect action.Effect) bool { return repository.GetDescription() == marker(effect) },
	}
}

// findRepository looks the repository up by its name, under which GitHub also shows one that was renamed
// since.
func (c *connection) findRepository(ctx context.Context, _ action.Effect) (*resource.Found[*github.Repository], error) {
	var found *resource.Found[*github.Repository]
	err := c.ask(ctx, "looking for "+c.name(), func(ctx context.Context) error {
		repository, _, err := c.client.Repositories.Get(ctx, c.target.Owner, c.target.Repo)
		switch {
		case isStatus(err, http.StatusNotFound):
			return nil
		case err != nil:
			return err
		}
		found = foundRepository(repository)
		return nil
	})
	return found, err
}

// createRepository makes the empty repository, marked as the effect's. Its other settings follow once the
// ledger knows it.
func (p *publication) createRepository(ctx context.Context, effect action.Effect) (*resource.Found[*github.Repository], error) {
	if !p.owner.isOrganization {
		if err := p.requireOwnToken(ctx); err != nil {
			return nil, err
		}
	}
	p.call.Log.Info("Creating the %s repository %s on %s", p.input.RepoVisibility, p.name(), p.target.Host)
	request := &github.Repository{
		Name: &p.target.Repo, Description: new(marker(effect)), Private: new(p.input.RepoVisibility == "private"),
	}
	organization := ""
	if p.owner.isOrganization {
		organization = p.owner.login
		request.Visibility = &p.input.RepoVisibility
	}
	if p.input.AutoInit {
		request.AutoInit = &p.input.AutoInit
	}
	var created *github.Repository
	err := p.ask(ctx, "creating the repository "+p.name(), func(ctx context.Context) (err error) {
		created, _, err = p.client.Repositories.Create(ctx, organization, request)
		return err
	})
	switch {
	case saysNameTaken(err):
		return nil, resource.Exists(err)
	case err != nil:
		return nil, p.explainCreation(err)
	}
	return foundRepository(created), nil
}

// explainCreation says in Backstage's words that GitHub refuses a repository.
func (p *publication) explainCreation(err error) error {
	var answer *github.ErrorResponse
	if action.IsTransient(err) || !errors.As(err, &answer) {
		return err
	}
	owner := "User"
	if p.owner.isOrganization {
		owner = "Organization"
	}
	return action.Advise(fault.Wrap(fault.KindOf(err), err, "Failed to create the %s repository %s, %s", owner, p.name(), messageOf(answer)),
		"%s", action.Advice(err))
}

func saysNameTaken(err error) bool {
	var answer *github.ErrorResponse
	return errors.As(err, &answer) && answer.Response.StatusCode == http.StatusUnprocessableEntity &&
		strings.Contains(messageOf(answer), "already exists")
}

func (c *connection) deleteRepository(ctx context.Context, _ *github.Repository) error {
	err := c.ask(ctx, "deleting the repository "+c.name(), func(ctx context.Context) error {
		_, err := c.client.Repositories.Delete(ctx, c.target.Owner, c.target.Repo)
		return err
	})
	if isStatus(err, http.StatusNotFound) {
		return resource.ErrNotExist
	}
	return err
}
