package sentry

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/activities/internal/system"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

const projectKind = "sentry:project"

// createProject is sentry:project:create.
type createProject struct{ options Options }

// Describe lists the action with Backstage's schema.
func (createProject) Describe() action.Description {
	return action.Description{
		ID: "sentry:project:create", Description: "Creates a project of a team on Sentry.", InputSchema: createInput, OutputSchema: createOutput,
		Undoes: "Deletes the project, unless it has received an event.",
		Needs: []string{"A token with the scopes project:write, project:read and, for a rollback, project:admin, in `scaffolder.sentry.token` or as a secret of the " +
			"form.", "For another Sentry than sentry.io, its API's address in `scaffolder.sentry.apiBaseUrl`."},
		Differences: []string{
			"After an attempt that was cut off, a newer project of the team with the same name is taken for the run's.",
			"A rollback uses the configured token, or the run's secret from which the step's was taken.",
		},
		Examples: []action.Example{
			{Description: "A project with the configured token", Example: `steps:
  - id: sentry
    name: Create the project of Sentry
    action: sentry:project:create
    input:
      organizationSlug: acme
      teamSlug: payments
      name: ${{ parameters.name }}
      platform: go
`},
			{Description: "With a slug of its own, and a token that was entered in the form", Example: `steps:
  - id: sentry
    name: Create the project of Sentry
    action: sentry:project:create
    input:
      organizationSlug: acme
      teamSlug: payments
      name: ${{ parameters.title }}
      slug: ${{ parameters.name }}
      authToken: ${{ secrets.sentryToken }}
`},
		},
	}
}

type projectWanted struct {
	credentials

	Organization string `json:"organizationSlug"`
	Team         string `json:"teamSlug"`
	Name         string `json:"name"`
	Slug         string `json:"slug"`
	Platform     string `json:"platform"`
}

// record is what the ledger keeps about a project.
type record struct {
	Organization string `json:"organization"`
	Team         string `json:"team"`
	Name         string `json:"name"`
	// Slug is Sentry's name of the project, "" until it is known.
	Slug string `json:"slug,omitempty"`
	// After is the number of the team's newest project before.
	After int64 `json:"after"`
	// Secret is the name of the run's secret that has the token, "" for the configured one.
	Secret string `json:"secret,omitempty"`
}

// project is what Sentry says of a project, and all of that.
type project struct {
	ID         string  `json:"id"`
	Slug       string  `json:"slug"`
	Name       string  `json:"name"`
	FirstEvent *string `json:"firstEvent"`

	all json.RawMessage
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *project) UnmarshalJSON(data []byte) error {
	type plain project
	p.all = append(json.RawMessage{}, data...)
	return json.Unmarshal(data, (*plain)(p))
}

// number is the project's number: a later project has a greater one.
func (p *project) number() int64 {
	number, _ := strconv.ParseInt(p.ID, 10, 64) // another id is older than all
	return number
}

// team is a team's projects.
type team struct {
	hostapi.API

	kept *record
}

func (a createProject) begin(call *action.Call) (projectWanted, team, error) {
	var wanted projectWanted
	if err := call.Decode(&wanted); err != nil {
		return wanted, team{}, err
	}
	s, err := a.options.connect(wanted.credentials)
	return wanted, team{s, &record{Organization: wanted.Organization, Team: wanted.Team, Name: wanted.Name, Secret: action.NameOfSecret(call.Secrets, wanted.AuthToken)}}, err
}

// Run creates the project.
func (a createProject) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	wanted, t, err := a.begin(call)
	if err != nil {
		return nil, err
	}
	listed, err := t.list(ctx)
	if err != nil && !rest.IsStatus(err, http.StatusNotFound) { // otherwise the request that writes says so
		return nil, err
	}
	for _, one := range listed {
		t.kept.After = max(t.kept.After, one.number())
	}
	spec := t.project()
	spec.Create = func(ctx context.Context, _ action.Effect) (*resource.Found[*project], error) {
		return t.create(ctx, wanted)
	}
	made, _, err := resource.Ensure(ctx, call, spec)
	if err != nil {
		return nil, err
	}
	return action.Output{"id": made.ID, "result": made.all}, nil
}

// list are projects of the team: the first page of Sentry, which has a hundred.
func (t team) list(ctx context.Context) ([]*project, error) {
	var listed []*project
	err := t.Send(ctx, "listing the projects of "+t.kept.Team, http.MethodGet, path("/teams/", t.kept.Organization, "/", t.kept.Team, "/projects/"), nil, &listed)
	return listed, err
}

// project describes the project to package resource.
func (t team) project() resource.Spec[*project] {
	at := func() string { return path("/projects/", t.kept.Organization, "/", t.kept.Slug, "/") }
	return resource.Spec[*project]{
		Intent: action.Intent{Kind: projectKind, Name: t.kept.Organization + "/" + t.kept.Name, Data: t.kept},
		Title:  fmt.Sprintf("the project %s of %s on Sentry", t.kept.Name, t.kept.Organization),
		Find: func(ctx context.Context, effect action.Effect) (*resource.Found[*project], error) {
			return t.find(ctx, effect, at)
		},
		Delete: func(ctx context.Context, _ *project) error {
			return t.Delete(ctx, "deleting the project "+t.kept.Slug, at())
		},
		Hidden: func(ctx context.Context) (string, error) {
			_, err := t.list(ctx)
			if kind := fault.KindOf(err); kind == fault.NotAllowed || kind == fault.NotFound {
				return "the token does not see the team " + t.kept.Team, nil
			}
			return "", err
		},
		Used: func(_ context.Context, _ action.Effect, found *project) (string, error) {
			if found.FirstEvent != nil {
				return "it has received an event at " + *found.FirstEvent, nil
			}
			return "", nil
		},
	}
}

// find finds the project of an effect: by its slug, or among the team's projects that are newer than the intent.
func (t team) find(ctx context.Context, effect action.Effect, at func() string) (*resource.Found[*project], error) {
	if effect.ID == "" || effect.Fresh {
		return nil, nil // nothing can have been created for it
	}
	kept, err := resource.RecordOf[record](effect)
	if err != nil {
		return nil, err
	}
	if *t.kept = kept; kept.Slug != "" {
		var found project
		err := t.Send(ctx, "looking for the project "+kept.Slug, http.MethodGet, at(), nil, &found)
		if rest.IsStatus(err, http.StatusNotFound) {
			return nil, nil
		}
		return t.found(&found), err
	}
	listed, err := t.list(ctx)
	for _, one := range listed {
		if one.Name == kept.Name && one.number() > kept.After {
			return t.found(one), err
		}
	}
	return nil, err
}

// found is the project of the effect: find has left out the others.
func (t team) found(made *project) *resource.Found[*project] {
	t.kept.Slug = made.Slug
	return &resource.Found[*project]{Thing: made, ID: made.ID, MadeFor: func(action.Effect) bool { return true }}
}

func (t team) create(ctx context.Context, wanted projectWanted) (*resource.Found[*project], error) {
	body := struct {
		Name     string `json:"name"`
		Slug     string `json:"slug,omitempty"`
		Platform string `json:"platform,omitempty"`
	}{wanted.Name, wanted.Slug, wanted.Platform}
	var made project
	err := t.Send(ctx, "creating the project "+wanted.Name, http.MethodPost, path("/teams/", wanted.Organization, "/", wanted.Team, "/projects/"), body, &made)
	switch {
	case rest.IsStatus(err, http.StatusConflict):
		return nil, action.Advise(err, "There is a project with the slug %s. Choose another one and start a new run.", cmp.Or(wanted.Slug, wanted.Name))
	case err != nil:
		return nil, err
	}
	return t.found(&made), nil
}

// Undo deletes the project.
func (a createProject) Undo(ctx context.Context, call *action.UndoCall) error {
	kept, err := resource.RecordOf[record](call.Effect)
	if err != nil {
		return err
	}
	var given credentials
	if kept.Secret != "" || a.options.Token == "" {
		if given.AuthToken, err = system.Reveal(call, kept.Secret); err != nil {
			return err
		}
	}
	s, err := a.options.connect(given)
	if err != nil {
		return err
	}
	return resource.Remove(ctx, call, team{s, &kept}.project())
}

// Plan says what Run would create.
func (a createProject) Plan(_ context.Context, call *action.Call) (action.Plan, error) {
	_, t, err := a.begin(call)
	if err != nil {
		return action.Plan{}, err
	}
	return action.Plan{Summary: fmt.Sprintf("create the project %s of the team %s on Sentry", t.kept.Name, t.kept.Team),
		Creates: []action.PlannedEffect{{Kind: projectKind, Name: t.kept.Organization + "/" + t.kept.Name}}}, nil
}
