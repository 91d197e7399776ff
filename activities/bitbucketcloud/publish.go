package bitbucketcloud

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// publish is the action publish:bitbucketCloud.
type publish struct{ options Options }

// Describe lists the action with Backstage's schemas.
func (*publish) Describe() action.Description {
	return action.Description{
		ID:            "publish:bitbucketCloud",
		Description:   "Creates a repository on Bitbucket Cloud, and pushes the workspace as its first commit.",
		Examples:      publishExamples,
		InputSchema:   schema("publish.input"),
		OutputSchema:  schema("publish.output"),
		UsesWorkspace: true,
		Undoes:        "Deletes the repository, unless somebody else has pushed to it or forked it.",
		Needs:         needsAccount("It may create and delete repositories of the workspace."),
		Differences: []string{
			"A repository that exists already is left untouched and fails the step. An attempt after a crash adopts the repository of the attempt before.",
			"A configured `token` suffices, with or without a `username`. Backstage pushes with `appPassword` only.",
			"Commits are not signed: `signCommit` fails the step, as in Backstage without a key.",
			"The workspace gets no directory `.git`.",
		},
	}
}

var publishExamples = []action.Example{
	{
		Description: "Publish the workspace to a new private repository",
		Example: `steps:
  - id: publish
    name: Publish to Bitbucket
    action: publish:bitbucketCloud
    input:
      repoUrl: ${{ parameters.repoUrl }}
      defaultBranch: main
`,
	},
	{
		Description: "Publish one directory to a public repository, with a token of the user",
		Example: `steps:
  - id: publish
    name: Publish to Bitbucket
    action: publish:bitbucketCloud
    input:
      repoUrl: bitbucket.org?workspace=acme&project=WEB&repo=shop
      description: Sells things
      repoVisibility: public
      defaultBranch: main
      sourcePath: service
      token: ${{ secrets.USER_OAUTH_TOKEN }}
`,
	},
}

// publishInput is the input of publish:bitbucketCloud, with the defaults of Backstage.
type publishInput struct {
	RepoURL          string  `json:"repoUrl"`
	Description      *string `json:"description"`
	DefaultBranch    string  `json:"defaultBranch"`
	RepoVisibility   string  `json:"repoVisibility"`
	GitCommitMessage string  `json:"gitCommitMessage"`
	SourcePath       string  `json:"sourcePath"`
	Token            string  `json:"token"`
	SignCommit       bool    `json:"signCommit"`
}

// publication is one execution of publish:bitbucketCloud.
type publication struct {
	*connection

	call    *action.Call
	input   publishInput
	commit  gitpush.Inputs
	project string
}

// prepare reads the input. It changes nothing.
func (p *publish) prepare(call *action.Call) (*publication, error) {
	input := publishInput{DefaultBranch: "master", RepoVisibility: "private"}
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	if err := gitpush.CheckPublish(input.DefaultBranch, input.SignCommit); err != nil {
		return nil, err
	}
	c, target, err := p.options.connectTo(call, input.RepoURL, input.Token)
	commit := gitpush.Inputs{GitCommitMessage: input.GitCommitMessage}.Or(p.options.Author, p.options.CommitMessage, "Initial commit")
	return &publication{connection: c, call: call, input: input, commit: commit, project: target.Project}, err
}

// Run publishes. The branch that is pushed first becomes the default one.
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
		"remoteUrl": created.remoteURL(), "commitHash": hash,
		"repoContentsUrl": created.Links.HTML.Href + "/src/" + integration.EscapePath(publication.input.DefaultBranch),
	}, nil
}

func (p *publication) push(effect action.Effect) gitpush.Push {
	return gitpush.Push{Remote: p.remote(), Branch: p.input.DefaultBranch, Log: p.call.Log, Commit: p.commit.Commit(effect)}
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
	return resource.Plan(ctx, spec, fmt.Sprintf("create the %s repository %s on %s and push the workspace to %s",
		publication.input.RepoVisibility, publication.fullName(), publication.Host, publication.input.DefaultBranch))
}

// Undo deletes the repository, unless somebody has used it since.
func (p *publish) Undo(ctx context.Context, call *action.UndoCall) error {
	connect := func(record repositoryRecord) (*connection, error) { return p.options.reconnect(record.place, call) }
	return resource.Undo(ctx, call, connect, (*connection).repositories)
}

// spec describes the repository to package resource, for creating it. It looks whether there is one already.
func (p *publication) spec(ctx context.Context) (resource.Spec[*repository], error) {
	there, err := p.lookUp(ctx, p.Repo)
	if err != nil {
		return resource.Spec[*repository]{}, err
	}
	record := repositoryRecord{place: p.place, Project: p.project, Branch: p.input.DefaultBranch, Absent: there == nil}
	if record, err = resource.Remembered(ctx, p.call, resource.KeyOf(p.call, repositoryKind, p.fullName()), record); err != nil {
		return resource.Spec[*repository]{}, err
	}
	spec := p.repositories(record)
	spec.Intent = action.Intent{Kind: repositoryKind, Name: p.fullName(), Data: record}
	spec.Create = p.create
	return spec, nil
}

// create makes the empty repository.
func (p *publication) create(ctx context.Context, _ action.Effect) (*resource.Found[*repository], error) {
	p.call.Log.Info("Creating the %s repository %s on %s", p.input.RepoVisibility, p.fullName(), p.Host)
	body := map[string]any{"scm": "git", "is_private": p.input.RepoVisibility == "private", "project": map[string]string{"key": p.project}}
	if p.input.Description != nil {
		body["description"] = *p.input.Description
	}
	created := &repository{}
	err := p.Send(ctx, "creating the repository "+p.fullName(), http.MethodPost, p.path(nil), body, created)
	switch {
	case rest.IsStatus(err, http.StatusBadRequest) && strings.Contains(err.Error(), "already exists"):
		return nil, resource.Exists(err)
	case err != nil:
		return nil, hostapi.InWords(err, "Unable to create repository")
	}
	return foundRepository(created), nil
}
