package github

import (
	"context"
	_ "embed" // for the schema
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

//go:embed schema/environment.input.json
var environmentInputSchema []byte

// environmentCreate is the action github:environment:create.
type environmentCreate struct{ options Options }

// Describe lists the action with Backstage's schema.
func (*environmentCreate) Describe() action.Description {
	return action.Description{
		ID:          "github:environment:create",
		Description: "Creates a deployment environment of a repository, with its rules, variables and secrets.",
		Examples:    environmentExamples,
		InputSchema: environmentInputSchema,
		Undoes: "Deletes the environment with its variables and secrets, unless something was deployed to it since. One that GitHub had created " +
			"for a workflow stays, with the rules that the step gave it.",
		Needs: []string{
			"An entry of `integrations.github` for the host, whose token may administer the repository, or whose App has `administration: write`, " +
				"`actions: read` and `deployments: read`, `environments: write` for variables and secrets, and `members: read` for teams.",
		},
		Differences: []string{
			"An environment that has rules already and that the run did not create is left as it is and fails the step; Backstage's action " +
				"replaces its rules. One without rules, as GitHub creates it for a workflow that names it, is given those of the step.",
			"Reviewers are found on GitHub by the name of their entity. The catalog is not asked, so a name that it does not have, and GitHub " +
				"has, is a reviewer.",
			"A variable that the environment has already is given the new value; Backstage's action fails.",
			"The requests for variables and secrets do not repeat the ID of the repository, which GitHub does not ask for.",
		},
	}
}

var environmentExamples = []action.Example{
	{
		Description: "Create an environment",
		Example: `steps:
  - id: staging
    name: Create the environment
    action: github:environment:create
    input:
      repoUrl: ${{ parameters.repoUrl }}
      name: staging
`,
	},
	{
		Description: "Deploy only main and version tags, after an approval, with a variable and a secret",
		Example: `steps:
  - id: production
    name: Create the environment
    action: github:environment:create
    input:
      repoUrl: github.com?owner=acme&repo=shop
      name: production
      deploymentBranchPolicy:
        protected_branches: false
        custom_branch_policies: true
      customBranchPolicyNames: [main]
      customTagPolicyNames: ["v*"]
      environmentVariables:
        REGION: eu-west-1
      secrets:
        DEPLOY_TOKEN: ${{ secrets.deployToken }}
      reviewers: ["group:default/makers"]
      waitTimer: 5
      preventSelfReview: true
`,
	},
}

type environmentInput struct {
	target

	Name              string            `json:"name"`
	BranchPolicy      *branchPolicy     `json:"deploymentBranchPolicy"`
	BranchNames       []string          `json:"customBranchPolicyNames"`
	TagNames          []string          `json:"customTagPolicyNames"`
	Variables         map[string]string `json:"environmentVariables"`
	Secrets           map[string]string `json:"secrets"`
	WaitTimer         *int              `json:"waitTimer"`
	PreventSelfReview *bool             `json:"preventSelfReview"`
	Reviewers         []string          `json:"reviewers"`
}

// branchPolicy says which branches may be deployed.
type branchPolicy struct {
	ProtectedBranches    bool `json:"protected_branches"`
	CustomBranchPolicies bool `json:"custom_branch_policies"`
}

// environmentRequest is the body of a request that creates an environment, as Backstage sends it.
type environmentRequest struct {
	BranchPolicy      *branchPolicy         `json:"deployment_branch_policy,omitempty"`
	WaitTimer         *int                  `json:"wait_timer,omitempty"`
	PreventSelfReview *bool                 `json:"prevent_self_review,omitempty"`
	Reviewers         []environmentReviewer `json:"reviewers,omitempty"`
}

type environmentReviewer struct {
	Type string `json:"type"`
	ID   int64  `json:"id"`
}

// wantedEnvironment finds an environment again.
type wantedEnvironment struct {
	Name string `json:"name"`
}

var mayUndoEnvironment = permissions{"metadata": "read", "administration": "write", "actions": "read", "deployments": "read"}

// permissions are those that the step needs.
func (i environmentInput) permissions() permissions {
	needed := permissions{"metadata": "read", "administration": "write", "actions": "read"}
	if len(i.Variables)+len(i.Secrets) > 0 {
		needed["environments"] = "write"
	}
	if slices.ContainsFunc(i.Reviewers, func(reference string) bool { return kindOf(reference) == "group" }) {
		needed["members"] = "read"
	}
	return needed
}

// kindOf is the kind of an entity reference in lower case, "" without one.
func kindOf(reference string) string {
	kind, _, found := strings.Cut(reference, ":")
	if !found {
		return ""
	}
	return strings.ToLower(kind)
}

// environmentStep is one execution of github:environment:create.
type environmentStep struct {
	*part[*github.Environment]

	call  *action.Call
	input environmentInput
	// path is the environment's path below the repository.
	path string
}

func (a *environmentCreate) prepare(ctx context.Context, call *action.Call) (*environmentStep, error) {
	var input environmentInput
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	c, err := a.options.beginWithin(ctx, input.RepoURL, input.Token, input.permissions())
	if err != nil {
		return nil, err
	}
	step := &environmentStep{part: c.environment(wantedEnvironment{Name: input.Name}), call: call, input: input, path: environmentPath(input.Name)}
	step.create = step.put
	return step, nil
}

func environmentPath(name string) string { return "environments/" + url.PathEscape(name) }

// Run creates the environment. What is below it is set in each attempt: it can be set twice.
func (a *environmentCreate) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	step, err := a.prepare(ctx, call)
	if err != nil {
		return nil, err
	}
	found, err := step.ensure(ctx, call)
	if errors.Is(err, resource.ErrTaken) && isBare(found) {
		call.Log.Warn("The environment %s is there already, without rules, as GitHub creates it for a workflow. A rollback keeps it.", step.input.Name)
		_, err = step.put(ctx)
	}
	if err != nil {
		return nil, err
	}
	for _, set := range []func(context.Context) error{step.setPatterns, step.setVariables, step.setSecrets} {
		if err := set(ctx); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// isBare reports whether an environment has no rules.
func isBare(environment *github.Environment) bool {
	return environment != nil && len(environment.ProtectionRules) == 0 && environment.DeploymentBranchPolicy == nil
}

// put creates the environment with its rules.
func (s *environmentStep) put(ctx context.Context) (*github.Environment, error) {
	request := environmentRequest{BranchPolicy: s.input.BranchPolicy, WaitTimer: s.input.WaitTimer, PreventSelfReview: s.input.PreventSelfReview}
	var err error
	if request.Reviewers, err = s.reviewers(ctx); err != nil {
		return nil, err
	}
	var body any = request
	if request.BranchPolicy == nil && request.WaitTimer == nil && request.PreventSelfReview == nil && request.Reviewers == nil {
		body = nil
	}
	created := &github.Environment{}
	err = s.send(ctx, fmt.Sprintf("creating the environment %s of %s", s.input.Name, s.connection.name()), http.MethodPut, s.path, body, created)
	return created, err
}

// reviewers finds the users and the teams by the names of their entities. One that GitHub does not have is left
// out, as in Backstage.
func (s *environmentStep) reviewers(ctx context.Context) ([]environmentReviewer, error) {
	var found []environmentReviewer
	for _, reference := range s.input.Reviewers {
		name := nameOf(reference)
		one := environmentReviewer{Type: "User"}
		err := s.ask(ctx, "looking for the reviewer "+name, func(ctx context.Context) error {
			if kindOf(reference) == "group" {
				team, _, err := s.client.Teams.GetTeamBySlug(ctx, s.target.Owner, name)
				one = environmentReviewer{Type: "Team", ID: team.GetID()}
				return err
			}
			user, _, err := s.client.Users.Get(ctx, name)
			one.ID = user.GetID()
			return err
		})
		switch {
		case isStatus(err, http.StatusNotFound):
			s.call.Log.Error("%s not found: %s has no reviewer %s", one.Type, s.target.Host, reference)
		case err != nil:
			return nil, err
		default:
			found = append(found, one)
		}
	}
	return found, nil
}

// setPatterns sets which branches and tags may be deployed. GitHub answers 303 for a pattern that is there.
func (s *environmentStep) setPatterns(ctx context.Context) error {
	for kind, names := range map[string][]string{"branch": s.input.BranchNames, "tag": s.input.TagNames} {
		for _, name := range names {
			doing := fmt.Sprintf("allowing deployments of the %s %s to %s of %s", kind, name, s.input.Name, s.connection.name())
			err := s.send(ctx, doing, http.MethodPost, s.path+"/deployment-branch-policies", map[string]string{"type": kind, "name": name}, nil)
			if err != nil && !isStatus(err, http.StatusSeeOther) {
				return err
			}
		}
	}
	return nil
}

func (s *environmentStep) setVariables(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(s.input.Variables)) {
		doing := fmt.Sprintf("setting the variable %s of the environment %s of %s", name, s.input.Name, s.connection.name())
		one := map[string]string{"name": name, "value": s.input.Variables[name]}
		err := s.send(ctx, doing, http.MethodPost, s.path+"/variables", one, nil)
		if isStatus(err, http.StatusConflict) {
			err = s.send(ctx, doing, http.MethodPatch, s.path+"/variables/"+url.PathEscape(name), one, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// setSecrets seals each secret with the environment's public key.
func (s *environmentStep) setSecrets(ctx context.Context) error {
	doing := func(what string) string {
		return fmt.Sprintf("%s of the environment %s of %s", what, s.input.Name, s.connection.name())
	}
	return s.sealSecrets(ctx, s.path+"/secrets", s.input.Secrets, doing)
}

// sealSecrets sets the secrets below a path, each sealed with the public key of that place.
func (c *connection) sealSecrets(ctx context.Context, path string, secrets map[string]string, doing func(string) string) error {
	if len(secrets) == 0 {
		return nil
	}
	key := &github.PublicKey{}
	if err := c.send(ctx, doing("reading the public key"), http.MethodGet, path+"/public-key", nil, key); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		sealed, err := seal(key, secrets[name])
		if err != nil {
			return fmt.Errorf("secret %s of %s: %w", name, c.name(), err)
		}
		body := map[string]string{"encrypted_value": sealed, "key_id": key.GetKeyID()}
		if err := c.send(ctx, doing("setting the secret "+name), http.MethodPut, path+"/"+url.PathEscape(name), body, nil); err != nil {
			return err
		}
	}
	return nil
}

// Plan says which environment Run would create.
func (a *environmentCreate) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	step, err := a.prepare(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	return step.plan(ctx, fmt.Sprintf("create %s of %s", step.title, step.connection.name()))
}

// Undo deletes the environment, unless something was deployed to it.
func (a *environmentCreate) Undo(ctx context.Context, call *action.UndoCall) error {
	var wanted wantedEnvironment
	where, err := wantedOf(call.Effect, &wanted)
	if err != nil {
		return err
	}
	c, err := a.options.resume(ctx, call, where, mayUndoEnvironment)
	if err != nil {
		return err
	}
	return c.environment(wanted).undo(ctx, call)
}

// environment is an environment, for finding and deleting it.
func (c *connection) environment(wanted wantedEnvironment) *part[*github.Environment] {
	return &part[*github.Environment]{
		connection: c, kind: "github:environment", name: "environment " + wanted.Name, title: "the environment " + wanted.Name,
		wanted: wanted, isUnique: true,
		list: func(ctx context.Context, _ action.Effect) ([]*github.Environment, error) {
			all, err := everyPage(ctx, c, "listing the environments of "+c.name(),
				func(ctx context.Context, options github.ListOptions) ([]*github.Environment, *github.Response, error) {
					listed, response, err := c.client.Repositories.ListEnvironments(ctx, c.target.Owner, c.target.Repo,
						&github.EnvironmentListOptions{ListOptions: options})
					if err != nil {
						return nil, response, err
					}
					return listed.Environments, response, nil
				})
			return slices.DeleteFunc(all, func(one *github.Environment) bool { return !strings.EqualFold(one.GetName(), wanted.Name) }), err
		},
		describe: func(one *github.Environment) resource.Found[*github.Environment] {
			return resource.Found[*github.Environment]{ID: idOf(one.GetID()), URL: one.GetHTMLURL()}
		},
		remove: func(ctx context.Context, one *github.Environment) error {
			doing := fmt.Sprintf("deleting the environment %s of %s", wanted.Name, c.name())
			return gone(c.send(ctx, doing, http.MethodDelete, environmentPath(one.GetName()), nil, nil))
		},
		used: func(ctx context.Context, _ action.Effect, one *github.Environment) (string, error) {
			var deployed []*github.Deployment
			query := url.Values{"environment": {one.GetName()}, "per_page": {"1"}}
			err := c.send(ctx, "listing the deployments of "+c.name(), http.MethodGet, "deployments?"+query.Encode(), nil, &deployed)
			if err != nil || len(deployed) == 0 {
				return "", err
			}
			return "something was deployed to it", nil
		},
	}
}
