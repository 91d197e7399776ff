package gitlab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// GitLab shows the secret of a token once, in the response to its creation. An attempt that finds the token of
// an earlier attempt therefore cannot output it: it issues another one, and then revokes the earlier. Tokens
// have no unique names; they are numbered, so the run's are those of the name with a number above all that were
// there when the intent was recorded.

// issued is a token that exists. Its secret is known only to who has just issued it.
type issued struct {
	number int64
	// user is the name that goes with a deploy token.
	user, secret string
}

// tokenInput is what the two actions for tokens have in common.
type tokenInput struct {
	credentials
	ProjectID projectID `json:"projectId"`
	Name      string    `json:"name"`
	Scopes    []string  `json:"scopes"`
	// AccessLevel and ExpiresAt are of an access token, Username of a deploy token.
	AccessLevel *int   `json:"accessLevel"`
	ExpiresAt   string `json:"expiresAt"`
	Username    string `json:"username"`
}

// body is what both kinds of tokens are created with.
func (i tokenInput) body() map[string]any {
	body := map[string]any{}
	if i.Name != "" {
		body["name"] = i.Name
	}
	if i.Scopes != nil {
		body["scopes"] = i.Scopes
	}
	return body
}

// tokenRecord is what the ledger keeps about a token: not its secret.
type tokenRecord struct {
	place
	Project string `json:"project"`
	Name    string `json:"name"`
	// After is the greatest number of the project's tokens before.
	After int64 `json:"after"`
}

func (r tokenRecord) name() string { return r.Name + " of " + r.Project }

// tokenKind is one of the two kinds of tokens of a project.
type tokenKind struct {
	// effect is the kind of effect, and title what the token is called.
	effect, title string
	// complete fills in what an input leaves out, and checks it.
	complete func(input *tokenInput) error
	// all lists the tokens with this name, and returns the greatest number of any token.
	all    func(ctx context.Context, c *connection, project, name string) (named []issued, greatest int64, err error)
	issue  func(ctx context.Context, c *connection, input tokenInput) (issued, error)
	revoke func(ctx context.Context, c *connection, project string, number int64) error
	output func(token issued) action.Output
}

// token is the action that creates one kind of token.
type token struct {
	options     Options
	kind        tokenKind
	description action.Description
}

// Describe lists the action with Backstage's schemas.
func (t *token) Describe() action.Description { return t.description }

// tokens describes the tokens of a name to package resource: one, but for a crash between issuing another and
// revoking the first.
func (c *connection) tokens(kind tokenKind, record tokenRecord) resource.Spec[[]issued] {
	return resource.Spec[[]issued]{
		Title:  fmt.Sprintf("the %s %s of %s on %s", kind.title, record.Name, record.Project, c.host),
		Intent: action.Intent{Kind: kind.effect, Name: record.name(), Data: record},
		Find: func(ctx context.Context, _ action.Effect) (*resource.Found[[]issued], error) {
			return c.findTokens(ctx, kind, record)
		},
		Delete: func(ctx context.Context, tokens []issued) error {
			for _, one := range tokens {
				if err := kind.revoke(ctx, c, record.Project, one.number); absent(err) != nil {
					return err
				}
			}
			return nil
		},
		Hidden: func(ctx context.Context) (string, error) { return c.hiddenProject(ctx, record.Project) },
	}
}

func (c *connection) findTokens(ctx context.Context, kind tokenKind, record tokenRecord) (*resource.Found[[]issued], error) {
	named, _, err := kind.all(ctx, c, record.Project, record.Name)
	if err != nil {
		return nil, err
	}
	var ours []issued
	for _, one := range named {
		if one.number > record.After {
			ours = append(ours, one)
		}
	}
	if len(ours) == 0 {
		return nil, nil
	}
	return foundTokens(ours), nil
}

// foundTokens belong to the effect: findTokens has left out the others.
func foundTokens(tokens []issued) *resource.Found[[]issued] {
	return &resource.Found[[]issued]{Thing: tokens, MadeFor: func(action.Effect) bool { return true }}
}

func (t *token) prepare(ctx context.Context, call *action.Call) (*connection, tokenInput, resource.Spec[[]issued], error) {
	var input tokenInput
	var none resource.Spec[[]issued]
	if err := call.Decode(&input); err != nil {
		return nil, input, none, err
	}
	if err := t.kind.complete(&input); err != nil {
		return nil, input, none, err
	}
	connected, err := t.options.connectTo(input.credentials)
	if err != nil {
		return nil, input, none, err
	}
	record := tokenRecord{place: connected.place(input.Token, true), Project: string(input.ProjectID), Name: input.Name}
	if _, record.After, err = t.kind.all(ctx, connected, record.Project, record.Name); err != nil {
		return nil, input, none, err
	}
	if record, err = resource.Remembered(ctx, call, resource.KeyOf(call, t.kind.effect, record.name()), record); err != nil {
		return nil, input, none, err
	}
	spec := connected.tokens(t.kind, record)
	spec.Create = func(ctx context.Context, _ action.Effect) (*resource.Found[[]issued], error) {
		call.Log.Info("Creating Token for Project %q", record.Project)
		made, err := t.kind.issue(ctx, connected, input)
		if err != nil {
			return nil, err
		}
		return foundTokens([]issued{made}), nil
	}
	return connected, input, spec, nil
}

// Run creates the token.
func (t *token) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	connected, input, spec, err := t.prepare(ctx, call)
	if err != nil {
		return nil, err
	}
	tokens, _, err := resource.Ensure(ctx, call, spec)
	if err != nil {
		return nil, err
	}
	if tokens[0].secret == "" {
		call.Log.Warn("GitLab shows a token once, and an earlier attempt lost it: issuing another one in its place")
		replacement, err := t.kind.issue(ctx, connected, input)
		if err != nil {
			return nil, err
		}
		if err := spec.Delete(ctx, tokens); err != nil {
			return nil, err
		}
		tokens = []issued{replacement}
	}
	return t.kind.output(tokens[0]), nil
}

// Undo revokes the token.
func (t *token) Undo(ctx context.Context, call *action.UndoCall) error {
	record, err := resource.RecordOf[tokenRecord](call.Effect)
	if err != nil {
		return err
	}
	connected, err := t.options.reconnect(record.place, call)
	if err != nil {
		return err
	}
	return resource.Remove(ctx, call, connected.tokens(t.kind, record))
}

// Plan says what Run would create.
func (t *token) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	_, _, spec, err := t.prepare(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	return resource.Plan(ctx, spec, "create "+spec.Title)
}

// newAccessToken makes the action gitlab:projectAccessToken:create.
func newAccessToken(options Options) action.Action {
	return &token{options: options, kind: accessTokens, description: action.Description{
		ID:          "gitlab:projectAccessToken:create",
		Description: "Creates an access token of a GitLab project.",
		Examples: []action.Example{
			{
				Description: "Create a token that may read the repository",
				Example: `steps:
  - id: token
    name: Create an access token
    action: gitlab:projectAccessToken:create
    input:
      repoUrl: gitlab.com?owner=acme&repo=shop
      projectId: ${{ steps.publish.output.projectId }}
      name: deployment
      accessLevel: 20
      scopes: [read_repository]
`,
			},
			{
				Description: "Create a token for the API that expires at the end of a year",
				Example: `steps:
  - id: token
    name: Create an access token
    action: gitlab:projectAccessToken:create
    input:
      repoUrl: ${{ parameters.repoUrl }}
      projectId: acme/shop
      name: robot
      accessLevel: 40
      scopes: [api]
      expiresAt: "2030-12-31"
`,
			},
		},
		InputSchema:   schema("access-token.input"),
		OutputSchema:  schema("access-token.output"),
		SecretOutputs: []string{"access_token"},
		Undoes:        "Revokes the token.",
		Needs:         needsToken("is a maintainer of the project."),
		Differences: []string{
			"The token is masked wherever people see the output.",
			"An attempt after a crash issues a new token and revokes that of the attempt before, because GitLab shows a token only once.",
		},
	}}
}

// maintainer is the role of an access token that asks for none.
const maintainer = 40

// accessTokens are access tokens of projects.
var accessTokens = tokenKind{
	effect: "gitlab:access-token", title: "access token",
	complete: func(input *tokenInput) error {
		input.Name = cmp.Or(input.Name, "tokenname")
		if input.Scopes == nil {
			input.Scopes = []string{"read_repository"}
		}
		if input.AccessLevel == nil {
			input.AccessLevel = new(maintainer)
		}
		// GitLab allows a year at most.
		input.ExpiresAt = cmp.Or(input.ExpiresAt, time.Now().UTC().AddDate(0, 0, 365).Format(time.DateOnly))
		return nil
	},
	all: func(ctx context.Context, c *connection, project, name string) (named []issued, greatest int64, err error) {
		listed, err := all(ctx, c, "listing the access tokens of "+project,
			func(page gitlab.ListOptions, within gitlab.RequestOptionFunc) ([]*gitlab.ProjectAccessToken, *gitlab.Response, error) {
				found, answer, err := c.client.ProjectAccessTokens.ListProjectAccessTokens(project,
					&gitlab.ListProjectAccessTokensOptions{ListOptions: page}, within)
				return found, answer, absent(err)
			})
		for _, one := range listed {
			greatest = max(greatest, one.ID)
			if one.Name == name && one.Active {
				named = append(named, issued{number: one.ID})
			}
		}
		return named, greatest, err
	},
	issue: func(ctx context.Context, c *connection, input tokenInput) (issued, error) {
		body := input.body()
		body["expires_at"], body["access_level"] = input.ExpiresAt, *input.AccessLevel
		var created gitlab.ProjectAccessToken
		err := c.send(ctx, "creating an access token of "+string(input.ProjectID), http.MethodPost,
			path("projects", string(input.ProjectID), "access_tokens"), body, &created)
		return issued{number: created.ID, secret: created.Token}, shown(err, created.Token)
	},
	revoke: func(ctx context.Context, c *connection, project string, number int64) error {
		return c.ask(ctx, "revoking an access token of "+project, func(within gitlab.RequestOptionFunc) error {
			_, err := c.client.ProjectAccessTokens.RevokeProjectAccessToken(project, number, within)
			return err
		})
	},
	output: func(token issued) action.Output { return action.Output{"access_token": token.secret} },
}

// errNotShown says that GitLab did not do what it documents.
var errNotShown = errors.New("GitLab created a token and did not show it")

// shown makes sure that a response has the secret that it is about.
func shown(err error, secret string) error {
	if err == nil && secret == "" {
		return action.Final(errNotShown)
	}
	return err
}

// newDeployToken makes the action gitlab:projectDeployToken:create.
func newDeployToken(options Options) action.Action {
	return &token{options: options, kind: deployTokens, description: action.Description{
		ID:          "gitlab:projectDeployToken:create",
		Description: "Creates a deploy token of a GitLab project.",
		Examples: []action.Example{
			{
				Description: "Create a token with which a cluster pulls images",
				Example: `steps:
  - id: token
    name: Create a deploy token
    action: gitlab:projectDeployToken:create
    input:
      repoUrl: gitlab.com?owner=acme&repo=shop
      projectId: ${{ steps.publish.output.projectId }}
      name: cluster
      scopes: [read_registry]
`,
			},
			{
				Description: "Create a token with a user name of its own",
				Example: `steps:
  - id: token
    name: Create a deploy token
    action: gitlab:projectDeployToken:create
    input:
      repoUrl: ${{ parameters.repoUrl }}
      projectId: acme/shop
      name: cluster
      username: cluster
      scopes: [read_repository, read_registry]
`,
			},
		},
		InputSchema:   schema("deploy-token.input"),
		OutputSchema:  schema("deploy-token.output"),
		SecretOutputs: []string{"deploy_token"},
		Undoes:        "Revokes the token.",
		Needs:         needsToken("is a maintainer of the project."),
		Differences: []string{
			"The token is masked wherever people see the output.",
			"An attempt after a crash issues a new token and revokes that of the attempt before, because GitLab shows a token only once.",
		},
	}}
}

// deployTokens are deploy tokens of projects.
var deployTokens = tokenKind{
	effect: "gitlab:deploy-token", title: "deploy token",
	complete: func(input *tokenInput) error {
		if len(input.Scopes) == 0 {
			return action.InputError("Could not create token for project %q: scopes cannot be empty.", input.ProjectID)
		}
		return nil
	},
	all: func(ctx context.Context, c *connection, project, name string) (named []issued, greatest int64, err error) {
		listed, err := all(ctx, c, "listing the deploy tokens of "+project,
			func(page gitlab.ListOptions, within gitlab.RequestOptionFunc) ([]*gitlab.DeployToken, *gitlab.Response, error) {
				found, answer, err := c.client.DeployTokens.ListProjectDeployTokens(project,
					&gitlab.ListProjectDeployTokensOptions{ListOptions: page}, within)
				return found, answer, absent(err)
			})
		for _, one := range listed {
			greatest = max(greatest, one.ID)
			if one.Name == name && !one.Revoked {
				named = append(named, issued{number: one.ID, user: one.Username})
			}
		}
		return named, greatest, err
	},
	issue: func(ctx context.Context, c *connection, input tokenInput) (issued, error) {
		body := input.body()
		if input.Username != "" {
			body["username"] = input.Username
		}
		var created gitlab.DeployToken
		err := c.send(ctx, "creating a deploy token of "+string(input.ProjectID), http.MethodPost,
			path("projects", string(input.ProjectID), "deploy_tokens"), body, &created)
		return issued{number: created.ID, user: created.Username, secret: created.Token}, shown(err, created.Token)
	},
	revoke: func(ctx context.Context, c *connection, project string, number int64) error {
		return c.ask(ctx, "revoking a deploy token of "+project, func(within gitlab.RequestOptionFunc) error {
			_, err := c.client.DeployTokens.DeleteProjectDeployToken(project, number, within)
			return err
		})
	},
	output: func(token issued) action.Output {
		return action.Output{"deploy_token": token.secret, "user": token.user}
	},
}
