// Package gitea holds the action publish:gitea, which creates a repository on a Gitea or Forgejo host and
// pushes the workspace as its first commit. Package integration/gitea knows the hosts and their credentials,
// and package gitpush the push.
//
// As in package github, the description of a new repository names the effect that it was created for, until the
// repository is complete.
package gitea

import (
	"context"
	_ "embed" // for the schemas
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/rest"
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
}

// Actions are the actions of this package.
func Actions(options Options) []action.Action { return []action.Action{&publish{options}} }

// publish is the action publish:gitea.
type publish struct{ options Options }

// Describe lists the action with Backstage's schemas.
func (*publish) Describe() action.Description {
	return action.Description{
		ID:            "publish:gitea",
		Description:   "Creates a repository on Gitea or Forgejo, and pushes the workspace as its first commit.",
		Examples:      publishExamples,
		InputSchema:   publishInputSchema,
		OutputSchema:  publishOutputSchema,
		UsesWorkspace: true,
		Undoes:        "Deletes the repository, unless somebody else has pushed to it, forked it or opened an issue since.",
		Needs: []string{"An entry of `integrations.gitea` for the host, with a `username` and a `password`, which may be an access token. " +
			"The account may create repositories of the organization."},
		Differences: []string{
			"A repository that exists already is left untouched and fails the step. An attempt after a crash adopts the repository of the attempt before.",
			"The owner may also be the account itself, which it is when `repoUrl` names none.",
			"The commit's message is the one that was asked for. Backstage's action adds a `Change-Id`, which only Gerrit reads.",
			"Commits are not signed: `signCommit` fails the step, as in Backstage without a key.",
		},
	}
}

var publishExamples = []action.Example{
	{
		Description: "Publish the workspace to a new repository",
		Example: `steps:
  - id: publish
    name: Publish to Gitea
    action: publish:gitea
    input:
      repoUrl: ${{ parameters.repoUrl }}
      description: ${{ parameters.description }}
`,
	},
	{
		Description: "Publish one directory to a private repository, on a branch of another name",
		Example: `steps:
  - id: publish
    name: Publish to Gitea
    action: publish:gitea
    input:
      repoUrl: gitea.example.com?owner=acme&repo=shop
      description: Sells things
      repoVisibility: private
      defaultBranch: trunk
      sourcePath: ./service
      gitCommitMessage: Begin
`,
	},
}

// publication is one execution of publish:gitea.
type publication struct {
	*connection

	call      *action.Call
	input     publishInput
	isAccount bool
}

// prepare reads the input, and finds out whether the owner is an organization or the account itself. It changes
// nothing.
func (p *publish) prepare(ctx context.Context, call *action.Call) (*publication, error) {
	input, err := p.decode(call)
	if err != nil {
		return nil, err
	}
	target, err := p.options.Hosts.ParseRepoURL(input.RepoURL)
	if err != nil {
		return nil, err
	}
	c, err := p.options.connect(target)
	if err != nil {
		return nil, err
	}
	publication := &publication{connection: c, call: call, input: input}
	publication.isAccount, err = publication.findOwner(ctx)
	return publication, err
}

// findOwner reports whether the owner is the account itself, as it is when the repoUrl names none. An owner that is
// neither that nor an organization is an error.
func (c *connection) findOwner(ctx context.Context) (isAccount bool, err error) {
	if c.target.Owner == "" {
		account, err := c.whoAmI(ctx)
		c.target.Owner = account.Login
		return true, err
	}
	err = c.Send(ctx, "looking for the organization "+c.target.Owner, http.MethodGet, "/orgs/"+url.PathEscape(c.target.Owner), nil, nil)
	if !rest.IsStatus(err, http.StatusNotFound) {
		return false, err
	}
	account, err := c.whoAmI(ctx)
	if err != nil {
		return false, err
	}
	if !strings.EqualFold(account.Login, c.target.Owner) {
		return false, action.Advise(fault.New(fault.NotFound, "Organization %s do not exist. Please create it first !", c.target.Owner),
			"Create it, or give the account %s access to it, then retry.", account.Login)
	}
	return true, nil
}

// Run publishes. The default branch exists only after the push.
func (p *publish) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	publication, err := p.prepare(ctx, call)
	if err != nil {
		return nil, err
	}
	_, hash, err := gitpush.Publication[*repository]{SourcePath: publication.input.SourcePath, Push: publication.push,
		Repository: func(context.Context) (resource.Spec[*repository], error) { return publication.repository(), nil }}.Run(ctx, call)
	if err != nil {
		return nil, err
	}
	if err := publication.finish(ctx); err != nil {
		return nil, err
	}
	return action.Output{
		"remoteUrl": publication.remote().URL, "commitHash": hash,
		"repoContentsUrl": publication.address() + "/src/branch/" + integration.EscapePath(publication.input.DefaultBranch) + "/",
	}, nil
}

func (p *publication) remote() gitpush.Remote {
	return gitpush.Remote{Host: p.target.Host, Name: p.name(), URL: p.address() + ".git", Username: p.account.Username, Token: p.account.Password}
}

func (p *publication) push(effect action.Effect) gitpush.Push {
	branch := p.input.DefaultBranch
	return gitpush.Push{Remote: p.remote(), Branch: branch, Log: p.call.Log, Commit: p.input.Commit(effect),
		Latest: func(ctx context.Context) ([]gitpush.Existing, error) { return p.commits(ctx, branch) }, Has: p.hasCommit}
}

// Plan says which repository Run would create.
func (p *publish) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	publication, err := p.prepare(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	return resource.Plan(ctx, publication.repository(), fmt.Sprintf("create the %s repository %s on %s and push the workspace to %s",
		publication.input.RepoVisibility, publication.name(), publication.target.Host, publication.input.DefaultBranch))
}

// Undo deletes the repository, unless somebody has used it since.
func (p *publish) Undo(ctx context.Context, call *action.UndoCall) error {
	target, err := targetOf(call.Effect)
	if err != nil {
		return err
	}
	c, err := p.options.connect(target)
	if err != nil {
		return err
	}
	return resource.Remove(ctx, call, c.repository())
}
