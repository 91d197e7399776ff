package github

import (
	"cmp"
	"context"
	"encoding/json"
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

// target is the part of the input that names a repository, which exists, and how to reach it.
type target struct {
	RepoURL string `json:"repoUrl"`
	Token   string `json:"token"`
}

// part is a thing within a repository: a webhook, an issue, an environment. Such things have no room for a
// mark. So the intent records what was there before, and a thing of this description that appears later is the
// run's. T is a pointer.
type part[T any] struct {
	*connection

	kind string
	// name is what the thing is called within the repository, title what it is called in a sentence.
	name, title string
	// wanted is what Undo needs to find the thing. It holds no secret.
	wanted any
	// list lists the things that may be the effect's, the oldest first. The effect is the zero value before the
	// intent is recorded.
	list func(ctx context.Context, effect action.Effect) ([]T, error)
	// describe says what a thing is. Its ID is the one that identifies it among those that list returns.
	describe func(thing T) resource.Found[T]
	// isUnique says that there can be only one such thing. One that somebody else created is not touched.
	isUnique bool
	// givesIDsAgain says that the next such thing may have the same ID.
	givesIDsAgain bool
	create        func(ctx context.Context) (T, error)
	remove        func(ctx context.Context, thing T) error
	used          func(ctx context.Context, effect action.Effect, thing T) (string, error)

	record *partRecord
	// intended is the name of the effect that is undone, "" when the thing is created.
	intended string
	// listed are the things before the intent, until Find has used them. isReadable says that GitHub showed its
	// last list.
	listed     []T
	isListed   bool
	isReadable bool
}

// partRecord is what the ledger keeps about a part.
type partRecord struct {
	place

	// Before are the IDs of what was there before the intent.
	Before []string        `json:"before,omitempty"`
	Wanted json.RawMessage `json:"wanted,omitempty"`
}

// wantedOf reads what the ledger keeps about a part into the form of its action.
func wantedOf(effect action.Effect, into any) (place, error) {
	record, err := recordOf[partRecord](effect)
	if err != nil {
		return place{}, err
	}
	if err := json.Unmarshal(record.Wanted, into); err != nil {
		return place{}, action.Final(fmt.Errorf("effect %s %q: its record cannot be read: %w", effect.ID, effect.Name, err))
	}
	return record.place, nil
}

// ensure creates the thing once.
func (p *part[T]) ensure(ctx context.Context, call *action.Call) (T, error) {
	var none T
	if err := p.prepare(ctx); err != nil {
		return none, err
	}
	spec := p.spec()
	spec.Intent.Key = p.key(call)
	spec.Create = func(ctx context.Context, _ action.Effect) (*resource.Found[T], error) {
		created, err := p.create(ctx)
		if err != nil {
			return nil, err
		}
		return p.found(created), nil
	}
	thing, _, err := resource.Ensure(ctx, call, spec)
	return thing, err
}

// key is the key of the thing's effect in the ledger.
func (p *part[T]) key(call *action.Call) string {
	return fmt.Sprintf("%s/%s/%s/%s/%s", call.StepID, call.Iteration, p.kind, p.target.Host, p.spec().Intent.Name)
}

// prepare looks what is there before the intent is recorded.
func (p *part[T]) prepare(ctx context.Context) error {
	listed, err := p.look(ctx, action.Effect{})
	if err != nil {
		return err
	}
	wanted, err := json.Marshal(p.wanted)
	if err != nil {
		return fmt.Errorf("record of %s: %w", p.title, err)
	}
	p.listed, p.isListed = listed, true
	p.record = &partRecord{place: p.place(), Wanted: wanted}
	for _, thing := range listed {
		p.record.Before = append(p.record.Before, p.describe(thing).ID)
	}
	return nil
}

// plan says what ensure would do.
func (p *part[T]) plan(ctx context.Context, summary string) (action.Plan, error) {
	return resource.Plan(ctx, p.spec(), summary)
}

func (p *part[T]) spec() resource.Spec[T] {
	return resource.Spec[T]{
		Intent: action.Intent{Kind: p.kind, Name: cmp.Or(p.intended, p.connection.name()+" "+p.name), Data: p.record},
		Title:  fmt.Sprintf("%s of %s on %s", p.title, p.connection.name(), p.target.Host),
		Find:   p.find, Delete: p.remove, Hidden: p.hiddenBecause, Used: p.used,
	}
}

// find looks for the thing of the effect, else for one of its description that somebody else created.
func (p *part[T]) find(ctx context.Context, effect action.Effect) (*resource.Found[T], error) {
	if p.record != nil && effect.ID != "" && !effect.Fresh {
		// What was there before is what the first attempt saw.
		record, err := recordOf[partRecord](effect)
		if err != nil {
			return nil, err
		}
		*p.record = record
	}
	listed := p.listed
	if !p.isListed || effect.ExternalID != "" {
		var err error
		if listed, err = p.look(ctx, effect); err != nil {
			return nil, err
		}
	}
	p.listed, p.isListed = nil, false
	for _, thing := range listed {
		if p.isOf(effect, p.describe(thing).ID) {
			return p.found(thing), nil
		}
	}
	if len(listed) == 0 || !p.isUnique {
		return nil, nil
	}
	return p.found(listed[0]), nil
}

// look lists the things. What GitHub answers with 404 has none, or is hidden.
func (p *part[T]) look(ctx context.Context, effect action.Effect) ([]T, error) {
	listed, err := p.list(ctx, effect)
	p.isReadable = err == nil
	if isStatus(err, http.StatusNotFound) {
		return nil, nil
	}
	return listed, err
}

func (p *part[T]) found(thing T) *resource.Found[T] {
	found := p.describe(thing)
	id := found.ID
	found.Thing = thing
	found.MadeFor = func(effect action.Effect) bool { return p.isOf(effect, id) }
	if p.givesIDsAgain {
		found.ID = ""
	}
	return &found
}

// isOf reports whether the thing with this ID was created for the effect.
func (p *part[T]) isOf(effect action.Effect, id string) bool {
	if effect.ID == "" || effect.Fresh || effect.State == action.EffectUndone || effect.Name != p.spec().Intent.Name {
		return false
	}
	if effect.ExternalID != "" && effect.State != action.EffectIntended {
		return effect.ExternalID == id
	}
	record, err := recordOf[partRecord](effect)
	return err == nil && !slices.Contains(record.Before, id)
}

// hiddenBecause says why the thing may exist although GitHub does not show it, "" when GitHub would show it.
func (p *part[T]) hiddenBecause(ctx context.Context) (string, error) {
	if p.isReadable {
		return "", nil
	}
	err := p.ask(ctx, "looking for "+p.connection.name(), func(ctx context.Context) error {
		_, _, err := p.client.Repositories.Get(ctx, p.target.Owner, p.target.Repo)
		return err
	})
	switch {
	case isStatus(err, http.StatusNotFound):
		return p.connection.hiddenBecause(ctx)
	case err != nil:
		return "", err
	}
	// The repository is there. Where GitHub shows such things of it, this one is gone.
	if _, err := p.look(ctx, action.Effect{}); err != nil || p.isReadable {
		return "", err
	}
	return fmt.Sprintf("the token may see %s, and not such settings of it", p.connection.name()), nil
}

// undo removes the thing of an effect.
func (p *part[T]) undo(ctx context.Context, call *action.UndoCall) error {
	p.intended = call.Effect.Name
	return resource.Remove(ctx, call, p.spec())
}

// send makes a request for which go-github has no call, or one that leaves something out. The path is below
// the repository.
func (c *connection) send(ctx context.Context, doing, method, path string, body, into any) error {
	return c.ask(ctx, doing, func(ctx context.Context) error {
		request, err := c.client.NewRequest(method, fmt.Sprintf("repos/%s/%s/%s", c.target.Owner, c.target.Repo, path), body)
		if err != nil {
			return err
		}
		_, err = c.client.Do(ctx, request, into)
		if _, isAccepted := errors.AsType[*github.AcceptedError](err); isAccepted {
			return nil
		}
		return err
	})
}

// maxPages bounds a list that is read whole.
const maxPages = 20

// everyPage reads a list page by page.
func everyPage[T any](ctx context.Context, c *connection, doing string, read func(context.Context, github.ListOptions) ([]T, *github.Response, error)) ([]T, error) {
	var all []T
	options := github.ListOptions{PerPage: 100}
	for range maxPages {
		var answer *github.Response
		err := c.ask(ctx, doing, func(ctx context.Context) error {
			page, response, err := read(ctx, options)
			all, answer = append(all, page...), response
			return err
		})
		if err != nil || answer.NextPage == 0 {
			return all, err
		}
		options.Page = answer.NextPage
	}
	return nil, fault.New(fault.Input, "%s: there are more than %d, which is more than is read", doing, maxPages*options.PerPage)
}

// gone makes GitHub's 404 of a deletion resource.ErrNotExist.
func gone(err error) error {
	if isStatus(err, http.StatusNotFound) {
		return resource.ErrNotExist
	}
	return err
}

// exists makes an answer that says that the thing is there already resource.ErrExist.
func exists(err error) error {
	if saysExists(err) {
		return resource.Exists(err)
	}
	return err
}

// saysExists reports whether GitHub refused something because it is there already.
func saysExists(err error) bool {
	var answer *github.ErrorResponse
	if !errors.As(err, &answer) || answer.Response.StatusCode != http.StatusUnprocessableEntity {
		return false
	}
	said := messageOf(answer)
	return strings.Contains(said, "already exists") || strings.Contains(said, "already in use")
}
