package github

import (
	"context"
	_ "embed" // for the schema
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

//go:embed schema/autolinks.input.json
var autolinksInputSchema []byte

// autolinks is the action github:autolinks:create.
type autolinks struct{ options Options }

// Describe lists the action with Backstage's schema.
func (*autolinks) Describe() action.Description {
	return action.Description{
		ID:          "github:autolinks:create",
		Description: "Creates an autolink reference of a repository: issues, pull requests and commits that mention it link to another system.",
		Examples:    autolinksExamples,
		InputSchema: autolinksInputSchema,
		Undoes:      "Deletes the autolink reference.",
		Needs: []string{"An entry of `integrations.github` for the host, whose token may administer the repository, or whose App has " +
			"`administration: write`."},
		Differences: []string{
			"A prefix that the repository has an autolink for already fails the step, and that autolink is left as it is.",
			"GitHub does not say when an autolink was created, nor by whom. One that appears between the intent and the end of an attempt " +
				"that was cut off is taken for the run's if it has the same prefix.",
		},
	}
}

var autolinksExamples = []action.Example{
	{
		Description: "Link the tickets that commits mention",
		Example: `steps:
  - id: autolink
    name: Link tickets
    action: github:autolinks:create
    input:
      repoUrl: ${{ parameters.repoUrl }}
      keyPrefix: TICKET-
      urlTemplate: https://tickets.example.com/TICKET-<num>
`,
	},
	{
		Description: "Link numbers only",
		Example: `steps:
  - id: autolink
    name: Link changes
    action: github:autolinks:create
    input:
      repoUrl: github.com?owner=acme&repo=shop
      keyPrefix: CHG
      urlTemplate: https://changes.example.com/<num>
      isAlphanumeric: false
`,
	},
}

type autolinksInput struct {
	target

	KeyPrefix   string `json:"keyPrefix"`
	URLTemplate string `json:"urlTemplate"`
	// IsAlphanumeric is GitHub's default, true, when it is not set.
	IsAlphanumeric *bool `json:"isAlphanumeric"`
}

// wantedAutolink finds an autolink again: a repository has one of a prefix.
type wantedAutolink struct {
	KeyPrefix string `json:"keyPrefix"`
}

var mayAdminister = permissions{"metadata": "read", "administration": "write"}

func (a *autolinks) prepare(ctx context.Context, call *action.Call) (*part[*github.Autolink], error) {
	var input autolinksInput
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	c, err := a.options.beginWithin(ctx, input.RepoURL, input.Token, mayAdminister)
	if err != nil {
		return nil, err
	}
	p := c.autolink(wantedAutolink{KeyPrefix: input.KeyPrefix})
	p.create = func(ctx context.Context) (*github.Autolink, error) {
		call.Log.Info("Creating autolink reference for repo %s", input.RepoURL)
		created := &github.Autolink{}
		request := &github.AutolinkOptions{KeyPrefix: &input.KeyPrefix, URLTemplate: &input.URLTemplate, IsAlphanumeric: input.IsAlphanumeric}
		err := c.send(ctx, "creating an autolink of "+c.name(), http.MethodPost, "autolinks", request, created)
		return created, exists(err)
	}
	return p, nil
}

// Run creates the autolink.
func (a *autolinks) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	p, err := a.prepare(ctx, call)
	if err != nil {
		return nil, err
	}
	if _, err := p.ensure(ctx, call); err != nil {
		return nil, err
	}
	call.Log.Info("Autolink reference created successfully")
	return nil, nil
}

// Plan says which autolink Run would create.
func (a *autolinks) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	p, err := a.prepare(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	return p.plan(ctx, fmt.Sprintf("create %s of %s", p.title, p.connection.name()))
}

// Undo deletes the autolink.
func (a *autolinks) Undo(ctx context.Context, call *action.UndoCall) error {
	var wanted wantedAutolink
	where, err := wantedOf(call.Effect, &wanted)
	if err != nil {
		return err
	}
	c, err := a.options.resume(ctx, call, where, mayAdminister)
	if err != nil {
		return err
	}
	return c.autolink(wanted).undo(ctx, call)
}

func (c *connection) autolink(wanted wantedAutolink) *part[*github.Autolink] {
	return &part[*github.Autolink]{
		connection: c, kind: "github:autolink", name: "autolink " + wanted.KeyPrefix, title: "the autolink " + wanted.KeyPrefix,
		wanted: wanted, isUnique: true,
		list: func(ctx context.Context, _ action.Effect) ([]*github.Autolink, error) {
			// GitHub lists all of them at once.
			var all []*github.Autolink
			err := c.send(ctx, "listing the autolinks of "+c.name(), http.MethodGet, "autolinks", nil, &all)
			return slices.DeleteFunc(all, func(one *github.Autolink) bool {
				return !strings.EqualFold(one.GetKeyPrefix(), wanted.KeyPrefix)
			}), err
		},
		describe: func(one *github.Autolink) resource.Found[*github.Autolink] {
			return resource.Found[*github.Autolink]{ID: idOf(one.GetID())}
		},
		remove: func(ctx context.Context, one *github.Autolink) error {
			return gone(c.ask(ctx, "deleting an autolink of "+c.name(), func(ctx context.Context) error {
				_, err := c.client.Repositories.DeleteAutolink(ctx, c.target.Owner, c.target.Repo, one.GetID())
				return err
			}))
		},
	}
}
