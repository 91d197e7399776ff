package github

import (
	"context"
	"crypto/sha256"
	_ "embed" // for the schema
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

//go:embed schema/webhook.input.json
var webhookInputSchema []byte

// webhook is the action github:webhook.
type webhook struct{ options Options }

// Describe lists the action with Backstage's schema.
func (*webhook) Describe() action.Description {
	return action.Description{
		ID:             "github:webhook",
		Description:    "Creates a webhook of a repository on GitHub.",
		Examples:       webhookExamples,
		InputSchema:    webhookInputSchema,
		SupportsDryRun: true,
		Undoes:         "Deletes the webhook, unless somebody has changed it since.",
		Needs:          []string{"An entry of `integrations.github` for the host, whose token may administer the repository, or whose App has `repository_hooks: write`."},
		Differences: []string{
			"A webhook of the same URL and events that exists already is left as it is, with a warning, as in Backstage. Every other refusal " +
				"fails the step; Backstage's action completes with a warning whatever GitHub says.",
			"There is no default for `webhookSecret`. Without it, GitHub signs nothing.",
		},
	}
}

var webhookExamples = []action.Example{
	{
		Description: "Tell a build server about pushes",
		Example: `steps:
  - id: webhook
    name: Create the webhook
    action: github:webhook
    input:
      repoUrl: ${{ parameters.repoUrl }}
      webhookUrl: https://ci.example.com/hooks/github
`,
	},
	{
		Description: "Send pull requests and pushes as JSON, signed",
		Example: `steps:
  - id: webhook
    name: Create the webhook
    action: github:webhook
    input:
      repoUrl: github.com?owner=acme&repo=shop
      webhookUrl: https://ci.example.com/hooks/github
      webhookSecret: ${{ secrets.webhookSecret }}
      contentType: json
      events: [push, pull_request]
`,
	},
}

type webhookInput struct {
	target

	URL         string   `json:"webhookUrl"`
	Secret      string   `json:"webhookSecret"`
	Events      []string `json:"events"`
	Active      bool     `json:"active"`
	ContentType string   `json:"contentType"`
	InsecureSSL bool     `json:"insecureSsl"`
}

// hookRequest is the body of a request that creates a webhook, as Backstage sends it.
type hookRequest struct {
	Config hookConfig `json:"config"`
	Events []string   `json:"events"`
	Active bool       `json:"active"`
}

type hookConfig struct {
	URL         string `json:"url"`
	ContentType string `json:"content_type"`
	Secret      string `json:"secret,omitempty"`
	InsecureSSL string `json:"insecure_ssl"`
}

// wantedHook finds a webhook again. The URL may hold a secret, so its digest is kept.
type wantedHook struct {
	Digest string   `json:"digest"`
	Events []string `json:"events"`
}

func (w wantedHook) matches(hook *github.Hook) bool {
	return digestOf(hook.GetConfig().GetURL()) == w.Digest && slices.Equal(slices.Sorted(slices.Values(hook.Events)), w.Events)
}

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

var mayChangeHooks = permissions{"metadata": "read", "repository_hooks": "write"}

func (*webhook) decode(call *action.Call) (webhookInput, string, error) {
	input := webhookInput{Events: []string{"push"}, Active: true, ContentType: "form"}
	if err := call.Decode(&input); err != nil {
		return webhookInput{}, "", err
	}
	parsed, err := url.Parse(input.URL)
	if err != nil || parsed.Host == "" {
		return webhookInput{}, "", action.InputError("webhookUrl is not a URL with a host")
	}
	if len(input.Events) == 0 {
		input.Events = []string{"push"}
	}
	return input, parsed.Host, nil
}

// Run creates the webhook.
func (a *webhook) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	input, host, err := a.decode(call)
	if err != nil {
		return nil, err
	}
	c, err := a.options.beginWithin(ctx, input.RepoURL, input.Token, mayChangeHooks)
	if err != nil {
		return nil, err
	}
	call.Log.Info("Creating webhook %s for repo %s", input.URL, input.RepoURL)
	if call.DryRun {
		call.Log.Info("Dry run complete")
		return nil, nil
	}
	_, err = c.webhook(input, host).ensure(ctx, call)
	if errors.Is(err, resource.ErrTaken) || errors.Is(err, resource.ErrExist) {
		call.Log.Warn("Failed: create webhook '%s' on repo: '%s', Hook already exists on this repository", input.URL, c.target.Repo)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	call.Log.Info("Webhook '%s' created successfully", input.URL)
	return nil, nil
}

// Plan says which webhook Run would create.
func (a *webhook) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	input, host, err := a.decode(call)
	if err != nil {
		return action.Plan{}, err
	}
	c, err := a.options.beginWithin(ctx, input.RepoURL, input.Token, mayChangeHooks)
	if err != nil {
		return action.Plan{}, err
	}
	plan, err := c.webhook(input, host).plan(ctx, fmt.Sprintf("create a webhook of %s that calls %s", c.name(), host))
	if errors.Is(err, resource.ErrTaken) {
		return action.Plan{Summary: fmt.Sprintf("nothing: %s has the webhook already", c.name())}, nil
	}
	return plan, err
}

// Undo deletes the webhook, unless somebody has changed it.
func (a *webhook) Undo(ctx context.Context, call *action.UndoCall) error {
	var wanted wantedHook
	where, err := wantedOf(call.Effect, &wanted)
	if err != nil {
		return err
	}
	c, err := a.options.resume(ctx, call, where, mayChangeHooks)
	if err != nil {
		return err
	}
	return c.hook(wanted).undo(ctx, call)
}

// webhook is the webhook of an input, for creating it.
func (c *connection) webhook(input webhookInput, host string) *part[*github.Hook] {
	wanted := wantedHook{Digest: digestOf(input.URL), Events: slices.Compact(slices.Sorted(slices.Values(input.Events)))}
	p := c.hook(wanted)
	p.name = fmt.Sprintf("webhook to %s (%s)", host, wanted.Digest[:8])
	request := hookRequest{
		Config: hookConfig{URL: input.URL, ContentType: input.ContentType, Secret: input.Secret, InsecureSSL: "0"},
		Events: input.Events, Active: input.Active,
	}
	if input.InsecureSSL {
		request.Config.InsecureSSL = "1"
	}
	p.create = func(ctx context.Context) (*github.Hook, error) {
		created := &github.Hook{}
		err := c.send(ctx, "creating a webhook of "+c.name(), http.MethodPost, "hooks", request, created)
		return created, exists(err)
	}
	return p
}

// hook is a webhook, for finding and deleting it.
func (c *connection) hook(wanted wantedHook) *part[*github.Hook] {
	return &part[*github.Hook]{
		connection: c, kind: "github:webhook", title: "the webhook", wanted: wanted, isUnique: true,
		list: func(ctx context.Context, effect action.Effect) ([]*github.Hook, error) {
			all, err := everyPage(ctx, c, "listing the webhooks of "+c.name(), func(ctx context.Context, options github.ListOptions) ([]*github.Hook, *github.Response, error) {
				return c.client.Repositories.ListHooks(ctx, c.target.Owner, c.target.Repo, &options)
			})
			return slices.DeleteFunc(all, func(hook *github.Hook) bool {
				return idOf(hook.GetID()) != effect.ExternalID && !wanted.matches(hook)
			}), err
		},
		describe: func(hook *github.Hook) resource.Found[*github.Hook] {
			return resource.Found[*github.Hook]{ID: idOf(hook.GetID())}
		},
		remove: func(ctx context.Context, hook *github.Hook) error {
			return gone(c.ask(ctx, "deleting the webhook of "+c.name(), func(ctx context.Context) error {
				_, err := c.client.Repositories.DeleteHook(ctx, c.target.Owner, c.target.Repo, hook.GetID())
				return err
			}))
		},
		used: func(_ context.Context, _ action.Effect, hook *github.Hook) (string, error) {
			if wanted.matches(hook) {
				return "", nil
			}
			return "it was changed, and calls another URL or for other events now", nil
		},
	}
}

func idOf(id int64) string { return strconv.FormatInt(id, 10) }
