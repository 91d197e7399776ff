package azure

import (
	"context"
	"fmt"
	"net/http"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// publish is the action publish:azure.
type publish struct{ options Options }

// Describe lists the action with Backstage's schemas.
func (*publish) Describe() action.Description {
	return action.Description{
		ID:            "publish:azure",
		Description:   "Creates a repository in a project of Azure DevOps, and pushes the workspace as its first commit.",
		Examples:      publishExamples,
		InputSchema:   schema("publish.input"),
		OutputSchema:  schema("publish.output"),
		UsesWorkspace: true,
		Undoes: "Deletes the repository, unless somebody else has pushed to it. Azure DevOps keeps deleted repositories in its recycle bin " +
			"for thirty days.",
		Needs: needsToken("Code (read, write and manage)"),
		Differences: []string{
			"A repository that exists already is left untouched and fails the step. An attempt after a crash adopts the repository of the attempt before.",
			"`description` has no effect, as in Backstage: Azure DevOps has no description of repositories.",
			"Commits are not signed: `signCommit` fails the step, as in Backstage without a key.",
			"The workspace gets no directory `.git`.",
		},
	}
}

var publishExamples = []action.Example{
	{
		Description: "Publish the workspace to a new repository",
		Example: `steps:
  - id: publish
    name: Publish to Azure DevOps
    action: publish:azure
    input:
      repoUrl: ${{ parameters.repoUrl }}
      defaultBranch: main
`,
	},
	{
		Description: "Publish one directory with a token of the user",
		Example: `steps:
  - id: publish
    name: Publish to Azure DevOps
    action: publish:azure
    input:
      repoUrl: dev.azure.com?organization=acme&project=web&repo=shop
      defaultBranch: main
      sourcePath: service
      gitCommitMessage: Begin
      token: ${{ secrets.USER_OAUTH_TOKEN }}
`,
	},
}

// publishInput is the input of publish:azure, with the defaults of Backstage.
type publishInput struct {
	gitpush.Inputs

	RepoURL       string `json:"repoUrl"`
	DefaultBranch string `json:"defaultBranch"`
	SourcePath    string `json:"sourcePath"`
	Token         string `json:"token"`
	SignCommit    bool   `json:"signCommit"`
}

func (p *publish) decode(call *action.Call) (publishInput, error) {
	input := publishInput{DefaultBranch: "master"}
	if err := call.Decode(&input); err != nil {
		return publishInput{}, err
	}
	input.Inputs = input.Or(p.options.Author, p.options.CommitMessage, "initial commit")
	return input, gitpush.CheckPublish(input.DefaultBranch, input.SignCommit)
}

// publication is one execution of publish:azure.
type publication struct {
	*connection

	call  *action.Call
	input publishInput
	repo  string
}

// prepare reads the input. It changes nothing.
func (p *publish) prepare(call *action.Call) (*publication, error) {
	input, err := p.decode(call)
	if err != nil {
		return nil, err
	}
	target, err := p.options.Hosts.ParseRepoURL(input.RepoURL)
	if err != nil {
		return nil, err
	}
	if target.Organization == "" {
		return nil, action.InputError("Invalid URL provider was included in the repo URL to create %s, missing organization", input.RepoURL)
	}
	if isNoName(target.Repo) {
		return nil, action.InputError("repo %q of the repoUrl is not a name that Azure DevOps takes for a repository", target.Repo)
	}
	c, err := p.options.connect(call, place{Host: target.Host, Organization: target.Organization, Project: target.Project}, input.Token)
	return &publication{connection: c, call: call, input: input, repo: target.Repo}, err
}

// Run publishes. The default branch exists only after the push.
func (p *publish) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	publication, err := p.prepare(call)
	if err != nil {
		return nil, err
	}
	created, hash, err := gitpush.Publication[*repository]{SourcePath: publication.input.SourcePath, Repository: publication.spec, Push: publication.push}.Run(ctx, call)
	if err != nil {
		return nil, err
	}
	return action.Output{
		"remoteUrl": created.RemoteURL, "repoContentsUrl": created.WebURL, "repositoryId": created.ID, "commitHash": hash,
	}, nil
}

func (p *publication) push(effect action.Effect) gitpush.Push {
	return gitpush.Push{Remote: p.remote(p.repo), Branch: p.input.DefaultBranch, Log: p.call.Log, Commit: p.input.Commit(effect)}
}

// Plan says which repository Run would create.
func (p *publish) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	publication, err := p.prepare(call)
	if err != nil {
		return action.Plan{}, err
	}
	spec, err := publication.spec(ctx)
	if err != nil {
		return action.Plan{}, err
	}
	return resource.Plan(ctx, spec, fmt.Sprintf("create the repository %s in the project %s of %s on %s and push the workspace to %s",
		publication.repo, publication.Project, publication.Organization, publication.Host, publication.input.DefaultBranch))
}

// Undo deletes the repository, unless somebody has used it since.
func (p *publish) Undo(ctx context.Context, call *action.UndoCall) error {
	connect := func(record repositoryRecord) (*connection, error) { return p.options.reconnect(record.place, call) }
	return resource.Undo(ctx, call, connect, (*connection).repositories)
}

// spec describes the repository to package resource, for creating it. It looks whether there is one already.
func (p *publication) spec(ctx context.Context) (resource.Spec[*repository], error) {
	record := repositoryRecord{place: p.place, Repo: p.repo, Branch: p.input.DefaultBranch}
	there, err := p.lookUp(ctx, p.repo)
	if err != nil {
		return resource.Spec[*repository]{}, err
	}
	record.Absent = there == nil
	name := p.Organization + "/" + p.Project + "/" + p.repo
	if record, err = resource.Remembered(ctx, p.call, resource.KeyOf(p.call, repositoryKind, name), record); err != nil {
		return resource.Spec[*repository]{}, err
	}
	spec := p.repositories(record)
	spec.Intent = action.Intent{Kind: repositoryKind, Name: name, Data: record}
	spec.Create = p.create
	return spec, nil
}

// create makes the empty repository.
func (p *publication) create(ctx context.Context, _ action.Effect) (*resource.Found[*repository], error) {
	p.call.Log.Info("Creating the repository %s in the project %s of %s", p.repo, p.Project, p.Organization)
	created := &repository{}
	err := p.Send(ctx, "creating the repository "+p.repo, http.MethodPost, p.path(nil, "git", "repositories"), map[string]any{"name": p.repo}, created)
	switch {
	case rest.IsStatus(err, http.StatusConflict):
		return nil, resource.Exists(err)
	case rest.IsStatus(err, http.StatusNotFound):
		err = hostapi.InWords(err, fmt.Sprintf("Unable to create the repository with Organization %s, Project %s and Repo %s.\n"+
			"          Please make sure that both the Org and Project are typed corrected and exist.", p.Organization, p.Project, p.repo))
		return nil, err
	case err != nil:
		return nil, err
	}
	for what, answered := range map[string]string{"remote URL": created.RemoteURL, "Id": created.ID, "web URL": created.WebURL} {
		if answered == "" {
			return nil, action.Transient(fault.New(fault.BadGateway, "No %s returned from create repository for Azure", what), 0)
		}
	}
	return foundRepository(created), nil
}
