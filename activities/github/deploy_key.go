package github

import (
	"cmp"
	"context"
	_ "embed" // for the schemas
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

var (
	//go:embed schema/deploy_key.input.json
	deployKeyInputSchema []byte
	//go:embed schema/deploy_key.output.json
	deployKeyOutputSchema []byte
)

// deployKey is the action github:deployKey:create.
type deployKey struct{ options Options }

// Describe lists the action with Backstage's schemas.
func (*deployKey) Describe() action.Description {
	return action.Description{
		ID:           "github:deployKey:create",
		Description:  "Gives a public key access to a repository, and keeps its private key as a secret of the repository's workflows.",
		Examples:     deployKeyExamples,
		InputSchema:  deployKeyInputSchema,
		OutputSchema: deployKeyOutputSchema,
		Undoes:       "Deletes the deploy key, and the secret unless somebody has replaced its value since.",
		Needs: []string{"An entry of `integrations.github` for the host, whose token may administer the repository, or whose App has " +
			"`administration: write` and `secrets: write`."},
		Differences: []string{
			"A secret of that name that exists already is left as it is and fails the step; Backstage's action overwrites it.",
			"A deploy key that the repository has already is left as it is and fails the step, as in Backstage.",
		},
	}
}

var deployKeyExamples = []action.Example{
	{
		Description: "Let workflows push with a key of their own",
		Example: `steps:
  - id: key
    name: Create the deploy key
    action: github:deployKey:create
    input:
      repoUrl: ${{ parameters.repoUrl }}
      publicKey: ${{ parameters.publicKey }}
      privateKey: ${{ secrets.privateKey }}
      deployKeyName: Release
`,
	},
	{
		Description: "Choose the name of the secret",
		Example: `steps:
  - id: key
    name: Create the deploy key
    action: github:deployKey:create
    input:
      repoUrl: github.com?owner=acme&repo=shop
      publicKey: ${{ parameters.publicKey }}
      privateKey: ${{ secrets.privateKey }}
      deployKeyName: Release
      privateKeySecretName: RELEASE_KEY
`,
	},
}

type deployKeyInput struct {
	target

	PublicKey  string `json:"publicKey"`
	PrivateKey string `json:"privateKey"`
	Name       string `json:"deployKeyName"`
	SecretName string `json:"privateKeySecretName"`
}

// wantedKey finds a deploy key again, by the key itself without its comment.
type wantedKey struct {
	Key string `json:"key"`
}

// wantedSecret finds a secret again.
type wantedSecret struct {
	Secret string `json:"secret"`
}

const (
	deployKeyKind = "github:deploy-key"
	secretKind    = "github:secret"
)

var mayChangeKeys = permissions{"metadata": "read", "administration": "write", "secrets": "write"}

// deployKeyStep is one execution of github:deployKey:create.
type deployKeyStep struct {
	*connection

	input deployKeyInput
}

func (a *deployKey) prepare(ctx context.Context, call *action.Call) (*deployKeyStep, error) {
	var input deployKeyInput
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	input.SecretName = cmp.Or(input.SecretName, strings.ToUpper(strings.ReplaceAll(input.Name, " ", "_"))+"_PRIVATE_KEY")
	c, err := a.options.beginWithin(ctx, input.RepoURL, input.Token, mayChangeKeys)
	return &deployKeyStep{connection: c, input: input}, err
}

// Run creates the key and the secret. A secret of somebody else is found before the key is created.
func (a *deployKey) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	step, err := a.prepare(ctx, call)
	if err != nil {
		return nil, err
	}
	if _, err := step.secret().ensure(ctx, call); err != nil {
		return nil, err
	}
	if _, err := step.key().ensure(ctx, call); err != nil {
		return nil, err
	}
	return action.Output{"privateKeySecretName": step.input.SecretName}, nil
}

// Plan says which key and which secret Run would create.
func (a *deployKey) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	step, err := a.prepare(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	plan, err := step.secret().plan(ctx, "")
	if err != nil {
		return action.Plan{}, err
	}
	key, err := step.key().plan(ctx, fmt.Sprintf("create the deploy key %s of %s, and the secret %s with its private key", step.input.Name,
		step.name(), step.input.SecretName))
	key.Creates = append(plan.Creates, key.Creates...)
	return key, err
}

// Undo deletes the key or the secret.
func (a *deployKey) Undo(ctx context.Context, call *action.UndoCall) error {
	var key wantedKey
	where, err := wantedOf(call.Effect, &key)
	if err != nil {
		return err
	}
	c, err := a.options.resume(ctx, call, where, mayChangeKeys)
	if err != nil {
		return err
	}
	if call.Effect.Kind == deployKeyKind {
		return c.deployKey(key, "the deploy key").undo(ctx, call)
	}
	var secret wantedSecret
	if _, err := wantedOf(call.Effect, &secret); err != nil {
		return err
	}
	return c.secret(secret).undo(ctx, call)
}

// key is the deploy key, for creating it.
func (s *deployKeyStep) key() *part[*github.Key] {
	// The comment of a key is not part of it, and GitHub does not keep it.
	fields := strings.Fields(s.input.PublicKey)
	p := s.deployKey(wantedKey{Key: strings.Join(fields[:min(2, len(fields))], " ")}, "the deploy key "+s.input.Name)
	p.name = "deploy key " + s.input.Name
	p.create = func(ctx context.Context) (*github.Key, error) {
		created := &github.Key{}
		body := map[string]string{"title": s.input.Name, "key": s.input.PublicKey}
		err := s.send(ctx, "creating a deploy key of "+s.name(), http.MethodPost, "keys", body, created)
		if !saysExists(err) {
			return created, err
		}
		// GitHub takes a key once. Only one of this repository can be the run's.
		listed, listErr := p.look(ctx, action.Effect{})
		if listErr != nil || len(listed) > 0 {
			return nil, resource.Exists(err)
		}
		return nil, action.Advise(err, "Another repository or user has this key. Use another pair of keys.")
	}
	return p
}

// deployKey is a deploy key, for finding and deleting it.
func (c *connection) deployKey(wanted wantedKey, title string) *part[*github.Key] {
	return &part[*github.Key]{
		connection: c, kind: deployKeyKind, title: title, wanted: wanted, isUnique: true,
		list: func(ctx context.Context, _ action.Effect) ([]*github.Key, error) {
			all, err := everyPage(ctx, c, "listing the deploy keys of "+c.name(), func(ctx context.Context, options github.ListOptions) ([]*github.Key, *github.Response, error) {
				return c.client.Repositories.ListKeys(ctx, c.target.Owner, c.target.Repo, &options)
			})
			return slices.DeleteFunc(all, func(one *github.Key) bool { return one.GetKey() != wanted.Key }), err
		},
		describe: func(one *github.Key) resource.Found[*github.Key] {
			return resource.Found[*github.Key]{ID: idOf(one.GetID())}
		},
		remove: func(ctx context.Context, one *github.Key) error {
			return gone(c.send(ctx, "deleting a deploy key of "+c.name(), http.MethodDelete, "keys/"+idOf(one.GetID()), nil, nil))
		},
	}
}

// secret is the secret with the private key, for creating it.
func (s *deployKeyStep) secret() *part[*github.Secret] {
	p := s.connection.secret(wantedSecret{Secret: s.input.SecretName})
	p.create = func(ctx context.Context) (*github.Secret, error) {
		doing := func(what string) string { return what + " of " + s.name() }
		err := s.sealSecrets(ctx, "actions/secrets", map[string]string{s.input.SecretName: s.input.PrivateKey}, doing)
		return &github.Secret{Name: s.input.SecretName}, err
	}
	return p
}

// secret is a secret of the repository's workflows, for finding and deleting it. Only its name is known.
func (c *connection) secret(wanted wantedSecret) *part[*github.Secret] {
	path := "actions/secrets/" + url.PathEscape(wanted.Secret)
	return &part[*github.Secret]{
		connection: c, kind: secretKind, name: "secret " + wanted.Secret, title: "the secret " + wanted.Secret, wanted: wanted,
		isUnique: true, givesIDsAgain: true,
		list: func(ctx context.Context, _ action.Effect) ([]*github.Secret, error) {
			all, err := everyPage(ctx, c, "listing the secrets of "+c.name(), func(ctx context.Context, options github.ListOptions) ([]*github.Secret, *github.Response, error) {
				listed, response, err := c.client.Actions.ListRepoSecrets(ctx, c.target.Owner, c.target.Repo, &options)
				if err != nil {
					return nil, response, err
				}
				return listed.Secrets, response, nil
			})
			return slices.DeleteFunc(all, func(one *github.Secret) bool { return !strings.EqualFold(one.Name, wanted.Secret) }), err
		},
		describe: func(one *github.Secret) resource.Found[*github.Secret] {
			return resource.Found[*github.Secret]{ID: one.Name}
		},
		remove: func(ctx context.Context, _ *github.Secret) error {
			return gone(c.send(ctx, fmt.Sprintf("deleting the secret %s of %s", wanted.Secret, c.name()), http.MethodDelete, path, nil, nil))
		},
		used: func(_ context.Context, _ action.Effect, one *github.Secret) (string, error) {
			if one.UpdatedAt.After(one.CreatedAt.Time) {
				return "its value was replaced", nil
			}
			return "", nil
		},
	}
}
