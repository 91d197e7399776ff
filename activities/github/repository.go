package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// repositoryKind is the kind of effect that a created repository is.
const repositoryKind = "github:repository"

// repositoryRecord is what the ledger keeps about a repository, so that it can be found for the undo.
type repositoryRecord struct {
	Host  string `json:"host"`
	Owner string `json:"owner"`
	Repo  string `json:"repo"`
	// OwnToken says that the step passed a token of its own, so that the integration's may not see the
	// repository.
	OwnToken bool `json:"ownToken,omitempty"`
}

func recordOf(effect action.Effect) (repositoryRecord, error) {
	var record repositoryRecord
	if err := json.Unmarshal(effect.Data, &record); err != nil || record.Host == "" {
		return repositoryRecord{}, action.Final(fmt.Errorf("effect %s %q: its record does not say which repository it is", effect.ID, effect.Name))
	}
	return record, nil
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
		Data: repositoryRecord{Host: p.target.Host, Owner: p.target.Owner, Repo: p.target.Repo, OwnToken: p.input.Token != ""},
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
	var created *github.Repository
	err := p.ask(ctx, "creating the repository "+p.name(), func(ctx context.Context) (err error) {
		created, _, err = p.client.Repositories.Create(ctx, organization, request)
		return err
	})
	switch {
	case saysNameTaken(err):
		return nil, resource.Exists(err)
	case err != nil:
		return nil, err
	}
	return foundRepository(created), nil
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
