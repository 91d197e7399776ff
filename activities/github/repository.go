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

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
)

// repositoryKind is the kind of effect that a created repository is.
const repositoryKind = "github:repository"

// recorded is what the ledger keeps of a repository for its undoing.
type recorded struct {
	Host  string `json:"host"`
	Owner string `json:"owner"`
	Repo  string `json:"repo"`
	// OwnToken says that the step passed a token of its own, so that the integration's may not see the repository.
	OwnToken bool `json:"ownToken,omitempty"`
}

func recordOf(effect action.Effect) (recorded, error) {
	var data recorded
	if err := json.Unmarshal(effect.Data, &data); err != nil || data.Host == "" {
		return recorded{}, action.Final(fmt.Errorf("effect %s %q: its record does not say which repository it is", effect.ID, effect.Name))
	}
	return data, nil
}

// marker is a repository's description from its creation until the run has finished with it. It is how a run that was
// killed between creating and recording knows its own, from those of another run of the same template under the same token.
func marker(effect action.Effect) string {
	return fmt.Sprintf("Being created by Portico: run %s, effect %s", effect.RunID, effect.ID)
}

// isOurs says whether a repository is the one that an effect stands for: the ledger knows its id, or, when the process
// died before it was told, the repository still bears the effect's marker.
func isOurs(effect action.Effect, repository *github.Repository) bool {
	if effect.ExternalID != "" && effect.State != action.EffectIntended {
		return effect.ExternalID == strconv.FormatInt(repository.GetID(), 10)
	}
	return repository.GetDescription() == marker(effect)
}

// settleRepository creates the repository, or finds the one that an earlier attempt of this step created.
func (p *publication) settleRepository(ctx context.Context) (*github.Repository, error) {
	data := recorded{Host: p.target.Host, Owner: p.target.Owner, Repo: p.target.Repo, OwnToken: p.input.Token != ""}
	effect, err := p.call.Ledger.Intend(ctx, action.Intent{
		Kind: repositoryKind, Name: p.name(), Data: data,
		Key: fmt.Sprintf("%s/%s/%s/%s", p.call.StepID, p.call.Iteration, p.target.Host, p.name()),
	})
	if err != nil {
		return nil, fmt.Errorf("repository %s: %w", p.name(), err)
	}
	p.effect = effect
	existing, err := p.find(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case existing != nil && isOurs(effect, existing):
		p.call.Log.Info("The repository %s is there already: an earlier attempt created it", existing.GetHTMLURL())
		return existing, p.confirm(ctx, existing, data)
	case existing != nil && effect.State == action.EffectIntended:
		return nil, p.abandonTaken(ctx, existing)
	case effect.State != action.EffectIntended:
		return nil, p.lost(ctx)
	}
	created, err := p.create(ctx)
	if err != nil {
		return nil, err
	}
	return created, p.confirm(ctx, created, data)
}

func (p *publication) confirm(ctx context.Context, repository *github.Repository, data recorded) error {
	err := p.call.Ledger.Confirm(ctx, p.effect.ID, action.Confirmation{
		ExternalID: strconv.FormatInt(repository.GetID(), 10), URL: repository.GetHTMLURL(), Data: data,
	})
	if err != nil {
		return fmt.Errorf("repository %s: %w", p.name(), err)
	}
	return nil
}

// abandon closes the intent because of a final failure, which it returns.
func (p *publication) abandon(ctx context.Context, cause error) error {
	if err := p.call.Ledger.Abandon(ctx, p.effect.ID, cause.Error()); err != nil {
		return fmt.Errorf("repository %s: %w", p.name(), err)
	}
	return cause
}

// lost is why the repository that the ledger knows cannot be worked on any more.
func (p *publication) lost(ctx context.Context) error {
	hidden, err := p.blindness(ctx)
	if err != nil {
		return err
	}
	if hidden != "" {
		return action.Advise(fault.New(fault.NotAllowed, "The repository %s that this run created on %s cannot be seen any more: it may be "+
			"gone, or hidden, because %s", p.name(), p.target.Host, hidden), "Give the token access to it and retry, or roll the run back.")
	}
	return action.Advise(fault.New(fault.Conflict, "The repository %s that this run created on %s is gone: it was deleted, or "+
		"replaced by another of that name.", p.name(), p.target.Host), "Roll the run back, then retry it.")
}

// abandonTaken closes the intent because the name belongs to another repository, and says whose that is.
func (p *publication) abandonTaken(ctx context.Context, existing *github.Repository) error {
	effects, err := p.call.Ledger.Effects(ctx)
	if err != nil {
		return fmt.Errorf("repository %s: %w", p.name(), err)
	}
	for _, other := range effects {
		if other.ID != p.effect.ID && other.Kind == repositoryKind && isOurs(other, existing) {
			return p.abandon(ctx, p.publishedBefore(other))
		}
	}
	return p.abandon(ctx, p.taken())
}

// publishedBefore says which step of this run the repository is of.
func (p *publication) publishedBefore(other action.Effect) error {
	step := fmt.Sprintf("the step %q of this run", other.StepID)
	if other.StepID == p.call.StepID {
		step = "another iteration of this step"
	}
	return action.Advise(fault.New(fault.Conflict, "%s created the repository %s on %s already, and a repository is published once.",
		strings.ToUpper(step[:1])+step[1:], p.name(), p.target.Host),
		"Give each publishing step of the template a repository of its own, or publish once and with all files, then start a new run.")
}

func (p *publication) taken() error {
	return action.Advise(fault.New(fault.Conflict, "%s already has a repository %s, and this run did not create it. It was left untouched.",
		p.target.Host, p.name()), "Start a new run with another name, or delete or rename that repository and retry.")
}

// create makes the empty repository, marked as this effect's. Its other settings follow when it is known to the ledger.
func (p *publication) create(ctx context.Context) (*github.Repository, error) {
	if !p.owner.isOrganization {
		if err := p.ownsPersonalRepositories(ctx); err != nil {
			return nil, p.concede(ctx, err)
		}
	}
	p.call.Log.Info("Creating the %s repository %s on %s", p.input.RepoVisibility, p.name(), p.target.Host)
	request := &github.Repository{
		Name: &p.target.Repo, Description: new(marker(p.effect)), Private: new(p.input.RepoVisibility == "private"),
	}
	organization := ""
	if p.owner.isOrganization {
		organization = p.owner.login
		request.Visibility = &p.input.RepoVisibility
	}
	var created *github.Repository
	nameTaken := false
	err := p.ask(ctx, "creating the repository "+p.name(), func(ctx context.Context) (err error) {
		created, _, err = p.client.Repositories.Create(ctx, organization, request)
		nameTaken = saysNameTaken(err)
		return err
	})
	if nameTaken {
		return p.lookAgain(ctx)
	}
	if err != nil {
		return nil, p.concede(ctx, err)
	}
	return created, nil
}

func saysNameTaken(err error) bool {
	var answer *github.ErrorResponse
	return errors.As(err, &answer) && answer.Response.StatusCode == http.StatusUnprocessableEntity &&
		strings.Contains(messageOf(answer), "already exists")
}

// concede abandons the intent when the failure is final: then nothing was created. After any other failure something may
// have been, and the intent stays open. So it does when an earlier attempt may have created what the token does not see now.
func (p *publication) concede(ctx context.Context, err error) error {
	if ctx.Err() != nil || action.IsTransient(err) {
		return err
	}
	if !p.effect.Fresh {
		hidden, blindErr := p.blindness(ctx)
		if blindErr != nil || hidden != "" {
			return err
		}
	}
	return p.abandon(ctx, err)
}

// lookAgain finds out who took the name since we looked: a request of ours whose answer was lost, or somebody else.
func (p *publication) lookAgain(ctx context.Context) (*github.Repository, error) {
	existing, err := p.find(ctx)
	switch {
	case err != nil:
		return nil, err
	case existing == nil:
		return nil, action.Transient(fmt.Errorf("%s says that the name %s is taken, but does not show the repository: either it "+
			"appeared this moment, or it is hidden from this token; then choose another name", p.target.Host, p.name()), 0)
	case isOurs(p.effect, existing):
		return existing, nil
	default:
		return nil, p.abandonTaken(ctx, existing)
	}
}
