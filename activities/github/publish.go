// Package github holds the actions that change a GitHub host. publish:github creates a repository and pushes the
// workspace as its first commit; github:repo:create and github:repo:push are its two halves. Package integration
// knows the hosts and their credentials.
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
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/activities/internal/gitpush"
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
type Author = gitpush.Author

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
	// Pause is the pause between two questions of a step that waits, five seconds when 0.
	Pause time.Duration
}

// missingSource is a difference of the actions that push the workspace.
const missingSource = "A `sourcePath` that does not exist, or leads out of the workspace, fails the step. Backstage's action pushes an empty commit, or the " +
	"whole workspace."

// publish is the action publish:github.
type publish struct{ options Options }

// Actions are the actions of this package.
func Actions(options Options) []action.Action {
	return []action.Action{
		NewPublish(options), &createRepository{options}, &pushRepository{options}, &pullRequest{options}, &pullRequestWait{options: options}, &protectBranch{options},
		&dispatch{options}, &webhook{options}, &issuesCreate{options}, &issuesLabel{options}, &autolinks{options},
		&environmentCreate{options}, &deployKey{options}, &pagesEnable{options},
	}
}

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
		Undoes: "Deletes the repository, unless somebody else has used it since: pushed to it, forked it, or opened or commented on an issue or a " +
			"pull request.",
		Needs: []string{"An entry of `integrations.github` for the host, whose token or App may create repositories of the owner."},
		Differences: []string{
			"A repository that exists already is left untouched and fails the step. An attempt after a crash adopts the repository of the attempt before.",
			"The input `title` is accepted and has no effect, as the log says. Backstage refuses it.",
			"Until the settings are made, the description names the run that creates the repository. The settings follow in a request of their own.",
			missingSource,
		},
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

// publication is one execution of publish:github, github:repo:create or github:repo:push.
type publication struct {
	*connection
	call   *action.Call
	input  publishInput
	owner  owner
	effect action.Effect
}

// prepareCreation reads the input and finds out who will own the repository. It changes nothing.
func (o Options) prepareCreation(ctx context.Context, call *action.Call, needed permissions) (*publication, error) {
	input, err := o.decode(call)
	if err != nil {
		return nil, err
	}
	connected, err := o.begin(ctx, input.RepoURL, input.Token, needed)
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
	publication, err := p.options.prepareCreation(ctx, call, mayCreate)
	if err != nil {
		return nil, err
	}
	if publication.input.Title != "" {
		call.Log.Warn("The input title has no effect, because a repository has no title: use description.")
	}
	source, err := gitpush.OpenSource(call.Workspace, publication.input.SourcePath)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	repository, effect, err := resource.Ensure(ctx, call, publication.repository())
	if err != nil {
		return nil, err
	}
	publication.effect = effect
	if err := publication.restrict(ctx, publication.input.settingPermissions().forPush(source)); err != nil {
		return nil, err
	}
	if err := publication.configure(ctx); err != nil {
		return nil, err
	}
	hash, err := publication.pushSource(ctx, source, repository)
	if err != nil {
		return nil, err
	}
	if err := publication.finish(ctx, &publication.input.DefaultBranch); err != nil {
		return nil, err
	}
	if err := publication.protectDefault(ctx); err != nil {
		return nil, err
	}
	return publication.output(repository, hash), nil
}

func (p *publication) output(repository *github.Repository, hash string) action.Output {
	return action.Output{
		"remoteUrl": repository.GetCloneURL(),
		// A slash in the branch's name is escaped, so that a path joined to the URL is not read as part of
		// the name.
		"repoContentsUrl": repository.GetHTMLURL() + "/blob/" + url.PathEscape(p.input.DefaultBranch),
		"commitHash":      hash,
	}
}

// Plan checks that Run could create the repository, and says what it would do.
func (p *publish) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	publication, err := p.options.prepareCreation(ctx, call, mayLook)
	if err != nil {
		return action.Plan{}, err
	}
	if err := publication.checkCreation(ctx); err != nil {
		return action.Plan{}, err
	}
	return resource.Plan(ctx, publication.repository(), fmt.Sprintf("create the %s repository %s on %s and push the workspace to %s",
		publication.input.RepoVisibility, publication.name(), publication.target.Host, publication.input.DefaultBranch))
}
