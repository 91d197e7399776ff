package github

import (
	"context"
	_ "embed" // for the schemas
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

var (
	//go:embed schema/repo-push.input.json
	repoPushInputSchema []byte
	//go:embed schema/repo-push.output.json
	repoPushOutputSchema []byte
)

// pushRepository is the action github:repo:push, the second half of publish:github.
type pushRepository struct{ options Options }

// Describe lists the action with Backstage's schemas.
func (*pushRepository) Describe() action.Description {
	return action.Description{
		ID:            "github:repo:push",
		Description:   "Pushes the workspace as the first commit of a branch to a GitHub repository that exists.",
		Examples:      repoPushExamples,
		InputSchema:   repoPushInputSchema,
		OutputSchema:  repoPushOutputSchema,
		UsesWorkspace: true,
		Undoes: "Deletes the branch and its protection, unless somebody else has pushed to it. In a repository that the same run created, it goes with " +
			"the repository. The default branch of another repository is kept: GitHub does not delete it.",
		Needs: []string{"An entry of `integrations.github` for the host, whose token or App may write contents, and administer the repository where the " +
			"branch is to be protected."},
		Differences: []string{
			"A branch that has commits already is left untouched and fails the step. An attempt after a crash finds the commit of the attempt before.",
			"Without `gitCommitMessage`, the message is `scaffolder.defaultCommitMessage`. Backstage's action always writes \"initial commit\" then.",
			missingSource,
		},
	}
}

var repoPushExamples = []action.Example{
	{
		Description: "Push the workspace to the repository that an earlier step has created",
		Example: `steps:
  - id: push
    name: Push
    action: github:repo:push
    input:
      repoUrl: ${{ parameters.repoUrl }}
`,
	},
	{
		Description: "Push one directory of the workspace to a branch of its own, without protection",
		Example: `steps:
  - id: push
    name: Push the pages
    action: github:repo:push
    input:
      repoUrl: github.com?owner=acme&repo=shop
      sourcePath: ./site
      defaultBranch: gh-pages
      protectDefaultBranch: false
      gitCommitMessage: Publish the pages
`,
	},
}

// pushKind is the kind of effect that a pushed branch is.
const pushKind = "github:push"

// pushRecord is what the ledger keeps about a pushed branch.
type pushRecord struct {
	place

	Branch string `json:"branch"`
	// Protected says that the step protects the branch.
	Protected bool `json:"protected,omitempty"`
}

// Run pushes, and protects the branch.
func (r *pushRepository) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	input, err := r.options.decode(call)
	if err != nil {
		return nil, err
	}
	source, err := gitpush.OpenSource(call.Workspace, input.SourcePath)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	connected, err := r.options.beginWithin(ctx, input.RepoURL, input.Token, input.pushPermissions(source))
	if err != nil {
		return nil, err
	}
	pushed := &publication{connection: connected, call: call, input: input}
	repository, err := pushed.existing(ctx)
	if err != nil {
		return nil, err
	}
	hash, err := pushed.ensurePush(ctx, source, repository)
	if err != nil {
		return nil, err
	}
	if err := pushed.protectDefault(ctx); err != nil {
		return nil, err
	}
	return pushed.output(repository, hash), nil
}

func (i pushInput) pushPermissions(source *os.Root) permissions {
	needed := permissions{"metadata": "read"}.forPush(source)
	if i.ProtectDefaultBranch {
		needed["administration"] = "write"
	}
	return needed
}

// ensurePush pushes, and returns the commit. A branch of a repository that this run created is a part of that
// effect: it has the commit that publish:github would have made, by which an undo of the repository knows it.
func (p *publication) ensurePush(ctx context.Context, source *os.Root, repository *github.Repository) (hash string, err error) {
	if p.effect, err = p.creationOf(ctx, repository); err != nil {
		return "", err
	}
	if p.effect.ID != "" {
		return p.pushSource(ctx, source, repository)
	}
	record := p.pushRecord()
	spec := p.push(record)
	spec.Intent = p.pushIntent(record)
	spec.Create = func(ctx context.Context, effect action.Effect) (*resource.Found[pushedBranch], error) {
		p.effect = effect
		hash, err = p.pushSource(ctx, source, repository)
		if err != nil {
			return nil, err
		}
		return foundPush(record, nil), nil
	}
	_, effect, err := resource.Ensure(ctx, p.call, spec)
	if err != nil || hash != "" {
		return hash, err
	}
	// An earlier attempt has pushed. The input may have been corrected since.
	p.effect = effect
	return p.pushSource(ctx, source, repository)
}

// creationOf is this run's effect that created the repository, the zero value where the run did not.
func (p *publication) creationOf(ctx context.Context, repository *github.Repository) (action.Effect, error) {
	effects, err := p.call.Ledger.Effects(ctx)
	if err != nil {
		return action.Effect{}, action.Transient(fmt.Errorf("effects ledger: %w", err), 0)
	}
	for _, effect := range effects {
		if effect.Kind == repositoryKind && effect.State == action.EffectCreated && effect.ExternalID == fmt.Sprint(repository.GetID()) {
			return effect, nil
		}
	}
	return action.Effect{}, nil
}

func (p *publication) pushRecord() pushRecord {
	return pushRecord{place: p.place(), Branch: p.input.DefaultBranch, Protected: p.input.ProtectDefaultBranch}
}

func (p *publication) pushIntent(record pushRecord) action.Intent {
	name := p.name() + ":" + record.Branch
	return action.Intent{Kind: pushKind, Name: name, Data: record,
		Key: fmt.Sprintf("%s/%s/%s/%s/%s", p.call.StepID, p.call.Iteration, pushKind, p.target.Host, name)}
}

// pushedBranch is a branch by its latest two commits.
type pushedBranch []*github.RepositoryCommit

// push describes a pushed branch to package resource, for finding and deleting it.
func (c *connection) push(record pushRecord) resource.Spec[pushedBranch] {
	return resource.Spec[pushedBranch]{
		Title: fmt.Sprintf("the branch %s of %s on %s", record.Branch, c.name(), c.target.Host),
		Find: func(ctx context.Context, _ action.Effect) (*resource.Found[pushedBranch], error) {
			commits, err := c.commits(ctx, record.Branch)
			if isStatus(err, http.StatusNotFound) || err == nil && len(commits) == 0 {
				return nil, nil
			}
			return foundPush(record, commits), err
		},
		Delete: func(ctx context.Context, _ pushedBranch) error { return c.deletePush(ctx, record) },
		Hidden: c.hiddenWithin,
		Used: func(ctx context.Context, effect action.Effect, commits pushedBranch) (string, error) {
			if !isOnlyOurs(effect, commits) {
				return "it has commits that the run did not make", nil
			}
			repository, err := c.existing(ctx)
			if err == nil && repository.GetDefaultBranch() == record.Branch {
				return "it is the default branch, which GitHub does not delete", nil
			}
			return "", err
		},
	}
}

func foundPush(record pushRecord, commits pushedBranch) *resource.Found[pushedBranch] {
	return &resource.Found[pushedBranch]{Thing: commits, MadeFor: func(effect action.Effect) bool {
		other, err := recordOf[pushRecord](effect)
		return err == nil && effect.Kind == pushKind && other.Host == record.Host && strings.EqualFold(other.Owner+"/"+other.Repo, record.Owner+"/"+record.Repo) &&
			other.Branch == record.Branch && (isConfirmed(effect) || isOnlyOurs(effect, commits))
	}}
}

// deletePush removes the protection first: GitHub does not delete a protected branch, and its rules would wait
// for another of that name.
func (c *connection) deletePush(ctx context.Context, record pushRecord) error {
	needed := permissions{"metadata": "read", "contents": "write"}
	if record.Protected {
		needed["administration"] = "write"
	}
	if err := c.restrict(ctx, needed); err != nil {
		return err
	}
	if record.Protected {
		if err := c.removeProtection(ctx, record.Branch); err != nil && !errors.Is(err, resource.ErrNotExist) {
			return err
		}
	}
	return c.deleteBranch(ctx, record.Branch)
}

// Plan checks that Run could push, and says what it would do.
func (r *pushRepository) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	input, err := r.options.decode(call)
	if err != nil {
		return action.Plan{}, err
	}
	connected, err := r.options.beginWithin(ctx, input.RepoURL, input.Token, mayLookOver)
	if err != nil {
		return action.Plan{}, err
	}
	pushed := &publication{connection: connected, call: call, input: input}
	if _, err := pushed.existing(ctx); err != nil {
		return action.Plan{}, err
	}
	record := pushed.pushRecord()
	spec := pushed.push(record)
	spec.Intent = pushed.pushIntent(record)
	return resource.Plan(ctx, spec, fmt.Sprintf("push the workspace to the branch %s of %s on %s", record.Branch, pushed.name(), pushed.target.Host))
}

// Undo deletes the branch, unless somebody has used it since.
func (r *pushRepository) Undo(ctx context.Context, call *action.UndoCall) error {
	record, err := recordOf[pushRecord](call.Effect)
	if err != nil {
		return err
	}
	connected, err := r.options.resume(ctx, call, record.place, mayLookOver)
	if err != nil {
		return err
	}
	return resource.Remove(ctx, call, connected.push(record))
}
