package bitbucketserver

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// publish is the action publish:bitbucketServer.
type publish struct{ options Options }

// Describe lists the action with Backstage's schemas.
func (*publish) Describe() action.Description {
	return action.Description{
		ID:            "publish:bitbucketServer",
		Description:   "Creates a repository on Bitbucket Server, and pushes the workspace as its first commit.",
		Examples:      publishExamples,
		InputSchema:   schema("publish.input"),
		OutputSchema:  schema("publish.output"),
		UsesWorkspace: true,
		Undoes:        "Deletes the repository, unless somebody else has pushed to it or forked it.",
		Needs:         needsAccount("It is an administrator of the project."),
		Differences: []string{
			"A repository that exists already is left untouched and fails the step. An attempt after a crash adopts the repository of the attempt before.",
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
    action: publish:bitbucketServer
    input:
      repoUrl: ${{ parameters.repoUrl }}
      defaultBranch: main
`,
	},
	{
		Description: "Publish one directory to a public repository with Git LFS",
		Example: `steps:
  - id: publish
    name: Publish to Bitbucket
    action: publish:bitbucketServer
    input:
      repoUrl: bitbucket.example.com?project=WEB&repo=shop
      description: Sells things
      repoVisibility: public
      defaultBranch: main
      sourcePath: service
      enableLFS: true
      gitCommitMessage: Begin
`,
	},
}

// publishInput is the input of publish:bitbucketServer, with the defaults of Backstage.
type publishInput struct {
	gitpush.Inputs

	RepoURL        string  `json:"repoUrl"`
	Description    *string `json:"description"`
	RepoVisibility string  `json:"repoVisibility"`
	DefaultBranch  string  `json:"defaultBranch"`
	SourcePath     string  `json:"sourcePath"`
	EnableLFS      bool    `json:"enableLFS"`
	Token          string  `json:"token"`
	SignCommit     bool    `json:"signCommit"`
}

// publication is one execution of publish:bitbucketServer.
type publication struct {
	*connection

	call  *action.Call
	input publishInput
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
	input.Inputs = input.Or(p.options.Author, p.options.CommitMessage, "initial commit")
	c, err := p.options.connect(call, input.RepoURL, input.Token)
	return &publication{connection: c, call: call, input: input}, err
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
	if publication.input.EnableLFS {
		if err := publication.enableLFS(ctx); err != nil {
			return nil, err
		}
	}
	return action.Output{"remoteUrl": created.remoteURL(), "repoContentsUrl": first(created.Links.Self), "commitHash": hash}, nil
}

func (p *publication) push(effect action.Effect) gitpush.Push {
	return gitpush.Push{Remote: p.remote(), Branch: p.input.DefaultBranch, Log: p.call.Log, Commit: p.input.Commit(effect)}
}

func (p *publication) enableLFS(ctx context.Context) error {
	lfs := p.API
	lfs.Client = p.account.LFS
	path := "/projects/" + url.PathEscape(p.Project) + "/repos/" + url.PathEscape(p.Repo) + "/enabled"
	err := lfs.Send(ctx, "enabling Git LFS of "+p.fullName(), http.MethodPut, path, nil, nil)
	return hostapi.InWords(err, "Failed to enable LFS in the repository")
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

// repositoryKind is the kind of effect that a created repository is.
const repositoryKind = "bitbucketServer:repository"

// repositoryRecord is what the ledger keeps about a repository.
type repositoryRecord struct {
	place

	// Branch is where the run's first commit goes.
	Branch string `json:"branch"`
	// Absent says that there was no such repository when the intent was recorded.
	Absent bool `json:"absent"`
}

// repository is a repository as the API returns it.
type repository struct {
	ID      int    `json:"id"`
	Slug    string `json:"slug"`
	Project struct {
		Key string `json:"key"`
	} `json:"project"`
	Links struct {
		Self  []link `json:"self"`
		Clone []link `json:"clone"`
	} `json:"links"`
}

// remoteURL is the URL from which Git clones it over HTTP.
func (r *repository) remoteURL() string {
	for _, one := range r.Links.Clone {
		if one.Name == "http" {
			return one.Href
		}
	}
	return ""
}

// repositories describes a repository to package resource, for finding and deleting it.
func (c *connection) repositories(record repositoryRecord) resource.Spec[*repository] {
	return resource.Spec[*repository]{
		Title: fmt.Sprintf("the repository %s on %s", c.fullName(), c.Host),
		Find: func(ctx context.Context, _ action.Effect) (*resource.Found[*repository], error) {
			one, err := c.lookUp(ctx)
			if err != nil || one == nil {
				return nil, err
			}
			return foundRepository(one), nil
		},
		Delete: func(ctx context.Context, _ *repository) error {
			return c.Delete(ctx, "deleting the repository "+c.fullName(), c.path(nil))
		},
		Hidden: c.hiddenProject,
		Used: func(ctx context.Context, effect action.Effect, one *repository) (string, error) {
			return c.useOf(ctx, record, effect, one)
		},
	}
}

// useOf says what somebody has done with the repository since it was created, "" when nothing. Bitbucket also shows one
// that was moved under its old name.
func (c *connection) useOf(ctx context.Context, record repositoryRecord, effect action.Effect, one *repository) (string, error) {
	if moved := one.Project.Key + "/" + one.Slug; !strings.EqualFold(moved, c.fullName()) {
		return "it was moved to " + moved, nil
	}
	var forks page[repository]
	err := c.Send(ctx, "listing the forks of "+c.fullName(), http.MethodGet, c.path(url.Values{"limit": {"1"}}, "forks"), nil, &forks)
	switch {
	case err != nil:
		return "", err
	case len(forks.Values) > 0:
		return "it was forked", nil
	}
	return c.remote().UseOf(ctx, record.Branch, gitpush.CommittedAt(effect))
}

// foundRepository belongs to an effect whose record says that it was absent before: Bitbucket Server says neither who
// created a repository nor when.
func foundRepository(one *repository) *resource.Found[*repository] {
	return &resource.Found[*repository]{
		Thing: one, ID: strconv.Itoa(one.ID), URL: first(one.Links.Self),
		MadeFor: func(effect action.Effect) bool {
			record, err := resource.RecordOf[repositoryRecord](effect)
			return err == nil && record.Absent
		},
	}
}

// lookUp finds the repository, nil when there is none.
func (c *connection) lookUp(ctx context.Context) (*repository, error) {
	one := &repository{}
	err := c.Send(ctx, "looking for the repository "+c.fullName(), http.MethodGet, c.path(nil), nil, one)
	if rest.IsStatus(err, http.StatusNotFound) {
		return nil, nil
	}
	return one, err
}

// spec describes the repository to package resource, for creating it. It looks whether there is one already.
func (p *publication) spec(ctx context.Context) (resource.Spec[*repository], error) {
	there, err := p.lookUp(ctx)
	if err != nil {
		return resource.Spec[*repository]{}, err
	}
	record := repositoryRecord{place: p.place, Branch: p.input.DefaultBranch, Absent: there == nil}
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
	body := map[string]any{"name": p.Repo, "defaultBranch": p.input.DefaultBranch, "public": p.input.RepoVisibility == "public"}
	if p.input.Description != nil {
		body["description"] = *p.input.Description
	}
	created := &repository{}
	err := p.Send(ctx, "creating the repository "+p.fullName(), http.MethodPost, "/projects/"+url.PathEscape(p.Project)+"/repos", body, created)
	switch {
	case rest.IsStatus(err, http.StatusConflict):
		return nil, resource.Exists(err)
	case err != nil:
		return nil, hostapi.InWords(err, "Unable to create repository")
	}
	return foundRepository(created), nil
}
