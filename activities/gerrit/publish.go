package gerrit

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// publish is the action publish:gerrit.
type publish struct{ options Options }

// Describe lists the action with Backstage's schemas.
func (*publish) Describe() action.Description {
	return action.Description{
		ID:            "publish:gerrit",
		Description:   "Creates a repository on Gerrit, and pushes the workspace as its first commit.",
		Examples:      publishExamples,
		InputSchema:   schema("publish.input"),
		OutputSchema:  schema("publish.output"),
		UsesWorkspace: true,
		Undoes: "Deletes the repository, unless somebody else has pushed to it or it has changes. Gerrit needs the plugin delete-project for that: without " +
			"it, the repository is kept and the rollback says so.",
		Needs: needsAccount("may create projects, push to their branches, and delete them."),
		Differences: []string{
			"A repository that exists already is left untouched and fails the step. An attempt after a crash adopts the repository of the attempt before.",
			"A dry run leaves the step out, as for other actions with effects. Backstage runs it without effects.",
			"Commits are not signed: `signCommit` fails the step, as in Backstage without a key.",
		},
	}
}

var publishExamples = []action.Example{
	{
		Description: "Publish the workspace to a new repository",
		Example: `steps:
  - id: publish
    name: Publish to Gerrit
    action: publish:gerrit
    input:
      repoUrl: ${{ parameters.repoUrl }}
      description: Sells things
`,
	},
	{
		Description: "Publish one directory to a repository that a group owns",
		Example: `steps:
  - id: publish
    name: Publish to Gerrit
    action: publish:gerrit
    input:
      repoUrl: gerrit.example.com?workspace=All-Projects&owner=shops&repo=shop
      defaultBranch: main
      sourcePath: service
      gitCommitMessage: Begin
`,
	},
}

// publishInput is the input of publish:gerrit, with the defaults of Backstage.
type publishInput struct {
	gitpush.Inputs

	RepoURL       string `json:"repoUrl"`
	Description   string `json:"description"`
	DefaultBranch string `json:"defaultBranch"`
	SourcePath    string `json:"sourcePath"`
	SignCommit    bool   `json:"signCommit"`
}

// publication is one execution of publish:gerrit.
type publication struct {
	*connection

	call   *action.Call
	input  publishInput
	target integration.Repo
}

// prepare reads the input. It changes nothing.
func (p *publish) prepare(call *action.Call) (*publication, error) {
	input := publishInput{DefaultBranch: "master"}
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	if err := gitpush.CheckPublish(input.DefaultBranch, input.SignCommit); err != nil {
		return nil, err
	}
	// The configured message counts before the step's, as in Backstage.
	input.GitCommitMessage = cmp.Or(p.options.CommitMessage, input.GitCommitMessage)
	input.Inputs = input.Or(p.options.Author, "", "initial commit")
	target, err := p.options.Hosts.ParseRepoURL(input.RepoURL)
	if err != nil {
		return nil, err
	}
	if target.Workspace == "" {
		return nil, action.InputError("Invalid URL provider was included in the repo URL to create %s, missing workspace", input.RepoURL)
	}
	c, err := p.options.connect(place{Host: target.Host, Repo: target.Repo})
	return &publication{connection: c, call: call, input: input, target: target}, err
}

// Run publishes.
func (p *publish) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	publication, err := p.prepare(call)
	if err != nil {
		return nil, err
	}
	_, hash, err := gitpush.Publication[bool]{SourcePath: publication.input.SourcePath, Repository: publication.spec, Push: publication.push}.Run(ctx, call)
	if err != nil {
		return nil, err
	}
	return action.Output{
		"remoteUrl": publication.remoteURL(), "commitHash": hash, "repoContentsUrl": publication.contents(publication.input.DefaultBranch),
	}, nil
}

func (p *publication) push(effect action.Effect) gitpush.Push {
	commit := p.input.Commit(effect)
	commit.Message = withChangeID(commit.Message, effect)
	return gitpush.Push{Remote: p.remote(), Branch: p.input.DefaultBranch, Log: p.call.Log, Commit: commit}
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
	return resource.Plan(ctx, spec, fmt.Sprintf("create the repository %s on %s and push the workspace to %s",
		publication.Repo, publication.Host, publication.input.DefaultBranch))
}

// Undo deletes the repository, unless somebody has used it since.
func (p *publish) Undo(ctx context.Context, call *action.UndoCall) error {
	connect := func(record repositoryRecord) (*connection, error) { return p.options.connect(record.place) }
	return resource.Undo(ctx, call, connect, (*connection).repositories)
}

// repositoryKind is the kind of effect that a created repository is.
const repositoryKind = "gerrit:repository"

// repositoryRecord is what the ledger keeps about a repository.
type repositoryRecord struct {
	place

	// Branch is where the run's first commit goes.
	Branch string `json:"branch"`
	// Absent says that there was no such repository when the intent was recorded.
	Absent bool `json:"absent"`
}

// repositories describes a repository to package resource, for finding and deleting it.
func (c *connection) repositories(record repositoryRecord) resource.Spec[bool] {
	return resource.Spec[bool]{
		Title: fmt.Sprintf("the repository %s on %s", c.Repo, c.Host),
		Find: func(ctx context.Context, _ action.Effect) (*resource.Found[bool], error) {
			there, err := c.isThere(ctx)
			if err != nil || !there {
				return nil, err
			}
			return foundRepository(c.account.BaseURL + "/admin/repos/" + c.Repo), nil
		},
		Delete: func(ctx context.Context, _ bool) error { return c.deleteRepository(ctx) },
		Hidden: c.hiddenBecause,
		Used: func(ctx context.Context, effect action.Effect, _ bool) (string, error) {
			listed, err := c.changes(ctx, url.Values{"q": {"project:" + c.Repo}, "n": {"1"}})
			if err != nil {
				return "", err
			}
			if len(listed) > 0 {
				return "it has changes", nil
			}
			return c.remote().UseOf(ctx, record.Branch, gitpush.CommittedAt(effect))
		},
	}
}

// foundRepository belongs to an effect whose record says that it was absent before: Gerrit says neither who created a
// repository nor when.
func foundRepository(page string) *resource.Found[bool] {
	return &resource.Found[bool]{
		Thing: true, URL: page,
		MadeFor: func(effect action.Effect) bool {
			record, err := resource.RecordOf[repositoryRecord](effect)
			return err == nil && record.Absent
		},
	}
}

func (c *connection) isThere(ctx context.Context) (bool, error) {
	err := c.Send(ctx, "looking for the repository "+c.Repo, http.MethodGet, c.path(), nil, nil)
	return err == nil, hostapi.Absent(err)
}

// deleteRepository deletes the repository by the plugin delete-project. Gerrit itself deletes none.
func (c *connection) deleteRepository(ctx context.Context) error {
	err := c.Send(ctx, "deleting the repository "+c.Repo, http.MethodPost, c.path()+"/delete-project~delete", map[string]bool{"force": true}, nil)
	if !rest.IsStatus(err, http.StatusNotFound) {
		return err
	}
	there, err := c.isThere(ctx)
	if err != nil || !there {
		return err
	}
	return &action.InUseError{Reason: fmt.Sprintf("%s/admin/repos/%s was left alone: %s has no plugin delete-project, and deletes no repositories without it. "+
		"Delete it yourself if nobody needs it.", c.account.BaseURL, c.Repo, c.Host)}
}

// hiddenBecause says why something may exist although the account does not see it, "" when it sees everything.
func (c *connection) hiddenBecause(ctx context.Context) (string, error) {
	err := c.Send(ctx, "asking for the rights of the account", http.MethodGet, "/accounts/self/capabilities/administrateServer", nil, nil)
	if rest.IsStatus(err, http.StatusNotFound) || rest.IsStatus(err, http.StatusForbidden) {
		return fmt.Sprintf("the account %s is not an administrator of %s and may not see everything there", c.account.Username, c.Host), nil
	}
	return "", err
}

// spec describes the repository to package resource, for creating it. It looks whether there is one already.
func (p *publication) spec(ctx context.Context) (resource.Spec[bool], error) {
	there, err := p.isThere(ctx)
	if err != nil {
		return resource.Spec[bool]{}, err
	}
	record := repositoryRecord{place: p.place, Branch: p.input.DefaultBranch, Absent: !there}
	if record, err = resource.Remembered(ctx, p.call, resource.KeyOf(p.call, repositoryKind, p.Repo), record); err != nil {
		return resource.Spec[bool]{}, err
	}
	spec := p.repositories(record)
	spec.Intent = action.Intent{Kind: repositoryKind, Name: p.Repo, Data: record}
	spec.Create = p.create
	return spec, nil
}

// create makes the empty repository.
func (p *publication) create(ctx context.Context, _ action.Effect) (*resource.Found[bool], error) {
	p.call.Log.Info("Creating the repository %s on %s", p.Repo, p.Host)
	owners := []string{}
	if p.target.Owner != "" {
		owners = append(owners, p.target.Owner)
	}
	body := map[string]any{"parent": p.target.Workspace, "owners": owners, "create_empty_commit": false, "description": p.input.Description}
	err := p.Send(ctx, "creating the repository "+p.Repo, http.MethodPut, p.path(), body, nil)
	switch {
	case rest.IsStatus(err, http.StatusConflict):
		return nil, resource.Exists(err)
	case err != nil:
		return nil, hostapi.InWords(err, "Unable to create repository")
	}
	return foundRepository(p.account.BaseURL + "/admin/repos/" + p.Repo), nil
}
