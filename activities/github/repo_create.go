package github

import (
	"context"
	_ "embed" // for the schemas
	"fmt"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

var (
	//go:embed schema/repo-create.input.json
	repoCreateInputSchema []byte
	//go:embed schema/repo-create.output.json
	repoCreateOutputSchema []byte
)

// createRepository is the action github:repo:create, the first half of publish:github.
type createRepository struct{ options Options }

// Describe lists the action with Backstage's schemas.
func (*createRepository) Describe() action.Description {
	return action.Description{
		ID:           "github:repo:create",
		Description:  "Creates a GitHub repository with its settings, and pushes nothing.",
		Examples:     repoCreateExamples,
		InputSchema:  repoCreateInputSchema,
		OutputSchema: repoCreateOutputSchema,
		Undoes: "Deletes the repository, unless somebody else has used it since: pushed to it, forked it, or opened or commented on an issue or a " +
			"pull request.",
		Needs: []string{"An entry of `integrations.github` for the host, whose token or App may create repositories of the owner."},
		Differences: []string{
			"A repository that exists already is left untouched and fails the step. An attempt after a crash adopts the repository of the attempt before.",
			"Until the settings are made, the description names the run that creates the repository. The settings follow in a request of their own.",
			"The output has no `repoContentsUrl`, as Backstage's, although its schema there requires one.",
		},
	}
}

var repoCreateExamples = []action.Example{
	{
		Description: "Create a private repository, to be filled by a later step",
		Example: `steps:
  - id: create
    name: Create the repository
    action: github:repo:create
    input:
      repoUrl: ${{ parameters.repoUrl }}
      description: ${{ parameters.description }}
      topics: [service]
`,
	},
	{
		Description: "Create a repository that shares its workflows within the organization",
		Example: `steps:
  - id: create
    name: Create the repository of workflows
    action: github:repo:create
    input:
      repoUrl: github.com?owner=acme&repo=workflows
      repoVisibility: internal
      autoInit: true
      workflowAccess: organization
      collaborators:
        - team: platform
          access: admin
`,
	},
}

// Run creates the repository and makes its settings.
func (r *createRepository) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	publication, err := r.options.prepareCreation(ctx, call, mayCreate)
	if err != nil {
		return nil, err
	}
	repository, effect, err := resource.Ensure(ctx, call, publication.repository())
	if err != nil {
		return nil, err
	}
	publication.effect = effect
	if err := publication.restrict(ctx, publication.input.settingPermissions()); err != nil {
		return nil, err
	}
	if err := publication.configure(ctx); err != nil {
		return nil, err
	}
	if err := publication.finish(ctx, nil); err != nil {
		return nil, err
	}
	return action.Output{"remoteUrl": repository.GetCloneURL()}, nil
}

// Plan checks that Run could create the repository, and says what it would do.
func (r *createRepository) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	publication, err := r.options.prepareCreation(ctx, call, mayLook)
	if err != nil {
		return action.Plan{}, err
	}
	if err := publication.checkCreation(ctx); err != nil {
		return action.Plan{}, err
	}
	return resource.Plan(ctx, publication.repository(), fmt.Sprintf("create the %s repository %s on %s",
		publication.input.RepoVisibility, publication.name(), publication.target.Host))
}

// Undo deletes the repository, unless somebody has used it since.
func (r *createRepository) Undo(ctx context.Context, call *action.UndoCall) error {
	return r.options.undoRepository(ctx, call)
}
