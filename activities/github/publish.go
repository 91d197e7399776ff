// Package github holds the actions that change a GitHub host: publish:github, which creates a repository and
// pushes the workspace as its first commit. Package integration knows the hosts and their credentials.
//
// A repeated run creates nothing twice. Until the repository is complete, its description names the effect
// that it was created for (see package resource). The first commit has the time of the intent, so the same
// workspace gives the same commit, and a repeated push finds it there.
package github

import (
	"context"
	_ "embed" // for the schemas
	"fmt"
	"net/url"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

var (
	//go:embed schema/publish.input.json
	publishInputSchema []byte
	//go:embed schema/publish.output.json
	publishOutputSchema []byte
)

// Author is who a commit is by.
type Author struct{ Name, Email string }

// Options are what the configuration says about publishing.
type Options struct {
	// Hosts are the configured integrations.
	Hosts *integration.Set
	// Author is scaffolder.defaultAuthor. An empty part is Backstage's: Scaffolder <scaffolder@backstage.io>.
	Author Author
	// CommitMessage is scaffolder.defaultCommitMessage, "initial commit" when empty.
	CommitMessage string
	// RequireUserCredentials is scaffolder.requireScmUserCredentials: the template must pass the user's
	// token.
	RequireUserCredentials bool
}

// publish is the action publish:github.
type publish struct{ options Options }

// NewPublish makes the action publish:github.
func NewPublish(options Options) action.Action { return &publish{options: options} }

// Describe lists the action with Backstage's schemas.
func (*publish) Describe() action.Description {
	return action.Description{
		ID:            "publish:github",
		Description:   "Initializes a git repository of contents in workspace and publishes it to GitHub.",
		Examples:      publishExamples,
		InputSchema:   publishInputSchema,
		OutputSchema:  publishOutputSchema,
		UsesWorkspace: true,
	}
}

var publishExamples = []action.Example{
	{
		Description: "Publish the workspace to a new private repository",
		Example: `steps:
  - id: publish
    name: Publish to GitHub
    action: publish:github
    input:
      repoUrl: ${{ parameters.repoUrl }}
      description: ${{ parameters.description }}
`,
	},
	{
		Description: "Publish one directory of the workspace, with topics and a team that maintains it",
		Example: `steps:
  - id: publish
    name: Publish to GitHub
    action: publish:github
    input:
      repoUrl: github.com?owner=acme&repo=shop
      sourcePath: ./service
      repoVisibility: internal
      topics: [shop, go]
      collaborators:
        - team: group:default/makers
          access: maintain
`,
	},
	{
		Description: "Publish with variables and secrets for the first workflow run, and a protected default branch",
		Example: `steps:
  - id: publish
    name: Publish to GitHub
    action: publish:github
    input:
      repoUrl: ${{ parameters.repoUrl }}
      defaultBranch: trunk
      requiredApprovingReviewCount: 2
      requiredStatusCheckContexts: [build]
      repoVariables:
        REGION: eu-west-1
      secrets:
        DEPLOY_KEY: ${{ secrets.deployKey }}
`,
	},
}

// publication is one execution of publish:github.
type publication struct {
	*connection
	call   *action.Call
	input  publishInput
	owner  owner
	effect action.Effect
}

// prepare reads the input and finds out who will own the repository. It changes nothing.
func (p *publish) prepare(ctx context.Context, call *action.Call, needed permissions) (*publication, error) {
	input, err := p.decode(call)
	if err != nil {
		return nil, err
	}
	target, err := p.options.Hosts.ParseRepoURL(input.RepoURL)
	if err != nil {
		return nil, err
	}
	if err := action.RequireUserToken(p.options.RequireUserCredentials, input.Token, target.Host); err != nil {
		return nil, err
	}
	connected, err := p.connect(ctx, target, input.Token, needed)
	if err != nil {
		return nil, err
	}
	publication := &publication{connection: connected, call: call, input: input}
	publication.owner, err = connected.findOwner(ctx)
	return publication, err
}

// Run publishes. The settings that the first workflow run needs are set before the push. The default branch
// exists only after it, so it is set and protected at the end.
func (p *publish) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	publication, err := p.prepare(ctx, call, mayCreate)
	if err != nil {
		return nil, err
	}
	source, err := openSource(call.Workspace, publication.input.SourcePath)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	repository, effect, err := resource.Ensure(ctx, call, publication.repository())
	if err != nil {
		return nil, err
	}
	publication.effect = effect
	if err := publication.restrict(ctx, publication.input.permissions(source)); err != nil {
		return nil, err
	}
	if err := publication.configure(ctx); err != nil {
		return nil, err
	}
	hash, err := publication.pushSource(ctx, source, repository)
	if err != nil {
		return nil, err
	}
	if err := publication.finish(ctx); err != nil {
		return nil, err
	}
	if err := publication.protect(ctx); err != nil {
		return nil, err
	}
	return action.Output{
		"remoteUrl": repository.GetCloneURL(),
		// A slash in the branch's name is escaped, so that a path joined to the URL is not read as part of
		// the name.
		"repoContentsUrl": repository.GetHTMLURL() + "/blob/" + url.PathEscape(publication.input.DefaultBranch),
		"commitHash":      hash,
	}, nil
}

// Plan checks that Run could create the repository, and says what it would do.
func (p *publish) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	publication, err := p.prepare(ctx, call, mayLook)
	if err != nil {
		return action.Plan{}, err
	}
	if err := publication.checkCreation(ctx); err != nil {
		return action.Plan{}, err
	}
	return resource.Plan(ctx, publication.repository(), fmt.Sprintf("create the %s repository %s on %s and push the workspace to %s",
		publication.input.RepoVisibility, publication.name(), publication.target.Host, publication.input.DefaultBranch))
}
