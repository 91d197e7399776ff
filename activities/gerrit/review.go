package gerrit

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// review is the action publish:gerrit:review.
type review struct{ options Options }

// Describe lists the action with Backstage's schemas.
func (*review) Describe() action.Description {
	return action.Description{
		ID:            "publish:gerrit:review",
		Description:   "Proposes the files of the workspace as a change of a Gerrit repository.",
		Examples:      reviewExamples,
		InputSchema:   schema("review.input"),
		OutputSchema:  schema("review.output"),
		UsesWorkspace: true,
		Undoes:        "Abandons the change, unless it was merged or somebody has commented on it.",
		Needs:         needsAccount("may read the repository and push to refs/for/."),
		Differences: []string{
			"The files are put over those of the branch. The workspace needs no clone of the repository, as it does in Backstage.",
			"Commits are not signed: `signCommit` fails the step, as in Backstage without a key.",
		},
	}
}

var reviewExamples = []action.Example{
	{
		Description: "Propose the files of the workspace",
		Example: `steps:
  - id: review
    name: Ask for a review
    action: publish:gerrit:review
    input:
      repoUrl: gerrit.example.com?repo=infrastructure
      gitCommitMessage: Add the shop
`,
	},
	{
		Description: "Propose one directory for another branch",
		Example: `steps:
  - id: review
    name: Ask for a review
    action: publish:gerrit:review
    input:
      repoUrl: ${{ parameters.repoUrl }}
      branch: develop
      sourcePath: manifests
      gitCommitMessage: Add ${{ parameters.name }}
`,
	},
}

// reviewInput is the input of publish:gerrit:review.
type reviewInput struct {
	gitpush.Inputs

	RepoURL    string `json:"repoUrl"`
	Branch     string `json:"branch"`
	SourcePath string `json:"sourcePath"`
	SignCommit bool   `json:"signCommit"`
}

// changeKind is the kind of effect that a change is.
const changeKind = "gerrit:change"

// changeRecord is what the ledger keeps about a change.
type changeRecord struct {
	place

	Branch string `json:"branch"`
}

func (r changeRecord) name() string { return r.Repo + ": " + r.Branch }

// change is a change as the API returns it.
type change struct {
	Number        int    `json:"_number"`
	Status        string `json:"status"`
	TotalComments int    `json:"total_comment_count"`
}

// changes lists the changes that a query finds.
func (c *connection) changes(ctx context.Context, query url.Values) ([]change, error) {
	var listed []change
	err := c.Send(ctx, "listing the changes of "+c.Repo, http.MethodGet, "/changes/?"+query.Encode(), nil, &listed)
	return listed, err
}

// reviews describes a change to package resource. Its Change-Id is the effect's.
func (c *connection) reviews(record changeRecord) resource.Spec[*change] {
	return resource.Spec[*change]{
		Title:  fmt.Sprintf("the change of %s on %s", record.name(), c.Host),
		Intent: action.Intent{Kind: changeKind, Name: record.name(), Data: record},
		Find: func(ctx context.Context, effect action.Effect) (*resource.Found[*change], error) {
			if effect.Fresh || effect.ID == "" {
				return nil, nil // nothing can have been pushed for it
			}
			listed, err := c.changes(ctx, url.Values{"q": {"change:" + changeID(effect)}})
			if err != nil || len(listed) == 0 || listed[0].Status == "ABANDONED" {
				return nil, err
			}
			return foundChange(&listed[0]), nil
		},
		Delete: func(ctx context.Context, one *change) error {
			return c.Send(ctx, "abandoning the change of "+record.name(), http.MethodPost, "/changes/"+strconv.Itoa(one.Number)+"/abandon", map[string]any{}, nil)
		},
		Hidden: c.hiddenBecause,
		Used: func(_ context.Context, _ action.Effect, one *change) (string, error) {
			switch {
			case one.Status == "MERGED":
				return "it was merged", nil
			case one.TotalComments > 0:
				return "somebody has commented on it", nil
			}
			return "", nil
		},
	}
}

// foundChange belongs to the effect: its Change-Id is the effect's.
func foundChange(one *change) *resource.Found[*change] {
	return &resource.Found[*change]{Thing: one, MadeFor: func(action.Effect) bool { return true }}
}

func (r *review) prepare(call *action.Call) (*connection, reviewInput, error) {
	input := reviewInput{Branch: "master"}
	if err := call.Decode(&input); err != nil {
		return nil, input, err
	}
	if input.GitCommitMessage == "" {
		return nil, input, action.InputError("Missing gitCommitMessage input")
	}
	if err := gitpush.CheckPublish(input.Branch, input.SignCommit); err != nil {
		return nil, input, err
	}
	input.Inputs = input.Or(r.options.Author, "", "")
	target, err := r.options.Hosts.ParseRepoURL(input.RepoURL)
	if err != nil {
		return nil, input, err
	}
	c, err := r.options.connect(place{Host: target.Host, Repo: target.Repo})
	return c, input, err
}

// Run pushes the change.
func (r *review) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	c, input, err := r.prepare(call)
	if err != nil {
		return nil, err
	}
	source, err := gitpush.OpenSource(call.Workspace, input.SourcePath)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	spec := c.reviews(changeRecord{place: c.place, Branch: input.Branch})
	spec.Create = func(ctx context.Context, effect action.Effect) (*resource.Found[*change], error) {
		return foundChange(&change{}), c.propose(ctx, call, input, source, effect)
	}
	_, effect, err := resource.Ensure(ctx, call, spec)
	if err != nil {
		return nil, err
	}
	page := c.account.BaseURL + "/#/q/" + changeID(effect)
	call.Log.Info("Review available on %s", page)
	return action.Output{"reviewUrl": page, "repoContentsUrl": c.contents(input.Branch)}, nil
}

// propose pushes a commit on top of the branch for a review.
func (c *connection) propose(ctx context.Context, call *action.Call, input reviewInput, source *os.Root, effect action.Effect) error {
	refs, err := c.remote().Refs(ctx)
	if err != nil {
		return err
	}
	base := refs["refs/heads/"+input.Branch]
	if base == "" {
		return action.InputError("branch %q is not a branch of %s", input.Branch, c.Repo)
	}
	prepared, err := c.remote().Change(ctx, call.Log, gitpush.Base{Branch: input.Branch, Commit: base}, source)
	if err != nil {
		return err
	}
	defer prepared.Close()
	commit := input.Commit(effect)
	commit.Message = withChangeID(commit.Message, effect)
	_, err = prepared.Push(ctx, "refs/for/"+input.Branch, commit)
	return err
}

// Plan says what Run would propose.
func (r *review) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	c, input, err := r.prepare(call)
	if err != nil {
		return action.Plan{}, err
	}
	return resource.Plan(ctx, c.reviews(changeRecord{place: c.place, Branch: input.Branch}),
		fmt.Sprintf("propose the workspace as a change for %s of %s on %s", input.Branch, c.Repo, c.Host))
}

// Undo abandons the change.
func (r *review) Undo(ctx context.Context, call *action.UndoCall) error {
	connect := func(record changeRecord) (*connection, error) { return r.options.connect(record.place) }
	return resource.Undo(ctx, call, connect, (*connection).reviews)
}
