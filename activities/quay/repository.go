package quay

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/portico-dev/portico/activities/internal/system"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

const repositoryKind = "quay:repository"

// createRepository is quay:create-repository.
type createRepository struct{ options Options }

// Describe lists the action with the published schema.
func (createRepository) Describe() action.Description {
	return action.Description{
		ID:           "quay:create-repository",
		Description:  "Creates a repository for container images on Quay.",
		InputSchema:  createInput,
		OutputSchema: createOutput,
		Undoes:       "Deletes the repository, unless somebody has pushed an image to it.",
		Needs: []string{"A token of an OAuth application of Quay that may create repositories, as a secret of the form or the environment.",
			"For another Quay than quay.io, its address in `quay.uiUrl`."},
		Differences: []string{
			"`baseUrl` is quay.io or the configured address: the token is sent there.",
			"A repository that exists already is left untouched and fails the step with that reason.",
			"Quay does not say who created a repository. One of this name that appears between the intent and the end of an attempt that was cut off is taken " +
				"for the run's.",
			"A rollback uses the run's secret from which the token was taken. Without one, the repository stays and the rollback says so.",
		},
		Examples: []action.Example{
			{Description: "A repository for a service's images", Example: `steps:
  - id: images
    name: Create the image repository
    action: quay:create-repository
    input:
      name: ${{ parameters.name }}
      visibility: private
      description: Images of ${{ parameters.name }}
      namespace: acme
      token: ${{ secrets.quayToken }}
`},
			{Description: "On the company's own Quay", Example: `steps:
  - id: images
    name: Create the image repository
    action: quay:create-repository
    input:
      baseUrl: https://quay.example.com
      name: shop
      visibility: public
      description: Images of the shop
      repoKind: image
      token: ${{ secrets.quayToken }}
`},
		},
	}
}

type input struct {
	Name        string `json:"name"`
	Visibility  string `json:"visibility"`
	Description string `json:"description"`
	Token       string `json:"token"`
	BaseURL     string `json:"baseUrl"`
	Namespace   string `json:"namespace"`
	RepoKind    string `json:"repoKind"`
}

// record is what the ledger keeps about a repository.
type record struct {
	BaseURL   string `json:"baseUrl"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Secret is the name of the run's secret that has the token, "" when the token is from elsewhere.
	Secret string `json:"secret,omitempty"`
}

// repository is what Quay answers about a repository.
type repository struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// Run creates the repository.
func (a createRepository) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	wanted, c, err := a.begin(call)
	if err != nil {
		return nil, err
	}
	if wanted.Namespace == "" {
		if wanted.Namespace, err = c.user(ctx); err != nil {
			return nil, err
		}
	}
	spec := c.repository(record{BaseURL: c.base, Namespace: wanted.Namespace, Name: wanted.Name, Secret: action.NameOfSecret(call.Secrets, wanted.Token)})
	spec.Create = func(ctx context.Context, _ action.Effect) (*resource.Found[repository], error) {
		call.Log.Info("Creating the repository %s on %s", wanted.Name, c.base)
		return c.create(ctx, wanted)
	}
	made, err := system.Ensure(ctx, call, spec)
	if err != nil {
		return nil, err
	}
	return action.Output{"repositoryUrl": c.page(made)}, nil
}

func (a createRepository) begin(call *action.Call) (input, connection, error) {
	var wanted input
	if err := call.Decode(&wanted); err != nil {
		return input{}, connection{}, err
	}
	c, err := a.options.connect(wanted.BaseURL, wanted.Token)
	return wanted, c, err
}

// user is the user of the token, "" when Quay does not say: the token of an organization has none.
func (c connection) user(ctx context.Context) (string, error) {
	var account struct {
		Username string `json:"username"`
	}
	err := c.Send(ctx, "asking whose token this is", http.MethodGet, "/user/", nil, &account)
	if action.IsTransient(err) {
		return "", err
	}
	return account.Username, nil // else Quay decides where the repository belongs
}

// page is where people see a repository.
func (c connection) page(made repository) string {
	return fmt.Sprintf("%s/repository/%s/%s", c.base, made.Namespace, made.Name)
}

// repository describes the repository to package resource, for finding and deleting it.
func (c connection) repository(kept record) resource.Spec[repository] {
	name := kept.Namespace + "/" + kept.Name
	return resource.Spec[repository]{
		Intent: action.Intent{Kind: repositoryKind, Name: name, Data: kept},
		Title:  fmt.Sprintf("the repository %s on %s", name, c.base),
		Find: func(ctx context.Context, _ action.Effect) (*resource.Found[repository], error) {
			return c.find(ctx, kept)
		},
		Delete: func(ctx context.Context, _ repository) error {
			return c.Send(ctx, "deleting the repository "+name, http.MethodDelete, pathOf(kept.Namespace, kept.Name), nil, nil)
		},
		Used: func(ctx context.Context, _ action.Effect, _ repository) (string, error) { return c.useOf(ctx, kept) },
	}
}

func (c connection) found(made repository) *resource.Found[repository] {
	return &resource.Found[repository]{Thing: made, URL: c.page(made)}
}

func (c connection) find(ctx context.Context, kept record) (*resource.Found[repository], error) {
	if kept.Namespace == "" {
		return nil, nil // nobody knows whose it would be
	}
	var made repository
	err := c.Send(ctx, "looking for the repository "+kept.Name, http.MethodGet, pathOf(kept.Namespace, kept.Name), nil, &made)
	switch {
	case rest.IsStatus(err, http.StatusNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return c.found(repository{Namespace: kept.Namespace, Name: kept.Name}), nil
}

func (c connection) create(ctx context.Context, wanted input) (*resource.Found[repository], error) {
	body := map[string]string{"repository": wanted.Name, "visibility": wanted.Visibility, "description": wanted.Description}
	if wanted.Namespace != "" {
		body["namespace"] = wanted.Namespace
	}
	if wanted.RepoKind != "" {
		body["repo_kind"] = wanted.RepoKind
	}
	var made repository
	err := c.Send(ctx, "creating the repository "+wanted.Name, http.MethodPost, "/repository", body, &made)
	if refusal, is := errors.AsType[*rest.RefusalError](err); is && refusal.Status == http.StatusBadRequest && refusal.Message == "Repository already exists" {
		return nil, resource.Exists(err)
	}
	if err != nil {
		return nil, err
	}
	return c.found(made), nil
}

// useOf says whether the repository has images.
func (c connection) useOf(ctx context.Context, kept record) (string, error) {
	var listed struct {
		Tags []struct {
			Name string `json:"name"`
		} `json:"tags"`
	}
	path := pathOf(kept.Namespace, kept.Name) + "/tag/?limit=1"
	if err := c.Send(ctx, "listing the tags of "+kept.Name, http.MethodGet, path, nil, &listed); err != nil || len(listed.Tags) == 0 {
		return "", err
	}
	return "it has the tag " + listed.Tags[0].Name, nil
}

// Undo deletes the repository with the token of the run's secret.
func (a createRepository) Undo(ctx context.Context, call *action.UndoCall) error {
	kept, err := system.Kept[record](call.Effect)
	if err != nil {
		return err
	}
	token, err := system.Reveal(call, kept.Secret)
	if err != nil {
		return err
	}
	c, err := a.options.connect(kept.BaseURL, token)
	if err != nil {
		return err
	}
	return system.Remove(ctx, call, c.repository(kept))
}

// Plan looks whether the name is free.
func (a createRepository) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	wanted, c, err := a.begin(call)
	if err != nil {
		return action.Plan{}, err
	}
	if wanted.Namespace == "" {
		if wanted.Namespace, err = c.user(ctx); err != nil {
			return action.Plan{}, err
		}
	}
	return resource.Plan(ctx, c.repository(record{BaseURL: c.base, Namespace: wanted.Namespace, Name: wanted.Name}),
		fmt.Sprintf("create the repository %s/%s on %s", wanted.Namespace, wanted.Name, c.base))
}
