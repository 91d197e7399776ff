package gitlab

import (
	"context"
	"fmt"
	"net/http"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// branchKind is the kind of effect that a created branch is.
const branchKind = "gitlab:branch"

// branchRecord is what the ledger keeps about a branch.
type branchRecord struct {
	place
	Project string `json:"project"`
	Branch  string `json:"branch"`
	// From is the branch that it was created from.
	From string `json:"from"`
	// Digest identifies the message of the run's commits.
	Digest string `json:"digest"`
}

func (r branchRecord) name() string { return r.Branch + " of " + r.Project }

// state is a branch, and the commits on it that its origin does not have.
type state struct {
	branch *gitlab.Branch
	own    []*gitlab.Commit
	// isForeign says that there are commits that the run did not make, or that this cannot be told.
	isForeign bool
}

// branches describes a branch to package resource. It holds the run's commits too: they go with it.
func (c *connection) branches(record branchRecord) resource.Spec[*state] {
	return resource.Spec[*state]{
		Title:  fmt.Sprintf("the branch %s on %s", record.name(), c.host),
		Intent: action.Intent{Kind: branchKind, Name: record.name(), Data: record},
		Find: func(ctx context.Context, effect action.Effect) (*resource.Found[*state], error) {
			return c.findBranch(ctx, record, effect)
		},
		Create: func(ctx context.Context, _ action.Effect) (*resource.Found[*state], error) {
			return c.createBranch(ctx, record)
		},
		Delete: func(ctx context.Context, _ *state) error {
			return gone(c.ask(ctx, "deleting the branch "+record.name(), func(within gitlab.RequestOptionFunc) error {
				_, err := c.client.Branches.DeleteBranch(record.Project, record.Branch, within)
				return err
			}))
		},
		Hidden: func(ctx context.Context) (string, error) { return c.hiddenProject(ctx, record.Project) },
		Used: func(_ context.Context, _ action.Effect, found *state) (string, error) {
			if found.isForeign {
				return "it has commits that the run did not make", nil
			}
			return "", nil
		},
	}
}

func (c *connection) findBranch(ctx context.Context, record branchRecord, effect action.Effect) (*resource.Found[*state], error) {
	branch, err := c.branch(ctx, record.Project, record.Branch)
	if err != nil || branch == nil {
		return nil, err
	}
	commits, known, err := c.since(ctx, record.Project, record.From, record.Branch)
	if err != nil {
		return nil, err
	}
	found := &state{branch: branch, isForeign: !known}
	for _, commit := range commits {
		if isOurs(commit, effect, record.Digest) {
			found.own = append(found.own, commit)
		} else {
			found.isForeign = true
		}
	}
	return foundBranch(found), nil
}

// foundBranch belongs to the effect that recorded its creation. GitLab does not say who created a branch: one
// that was absent before, and holds no commit of others, is adopted.
func foundBranch(found *state) *resource.Found[*state] {
	return &resource.Found[*state]{
		Thing: found, URL: found.branch.WebURL,
		MadeFor: func(effect action.Effect) bool {
			return effect.State != action.EffectIntended || wasAbsent(effect) && !found.isForeign
		},
	}
}

func (c *connection) createBranch(ctx context.Context, record branchRecord) (*resource.Found[*state], error) {
	var created gitlab.Branch
	err := c.send(ctx, "creating the branch "+record.name(), http.MethodPost, path("projects", record.Project, "repository", "branches"),
		map[string]any{"branch": record.Branch, "ref": record.From}, &created)
	if err != nil {
		worded := inputFailure(err, "The branch creation failed. Please check that your repo does not already contain a branch named '%s'.", record.Branch)
		if saysTaken(err) {
			return nil, resource.Exists(worded)
		}
		return nil, worded
	}
	return foundBranch(&state{branch: &created}), nil
}

// commitOnce makes the step's commit on a branch that the run created, unless an earlier attempt did. An
// attempt with other files adds another commit.
func (c *connection) commitOnce(ctx context.Context, record branchRecord, found *state, made change) (hash string, err error) {
	newest := ""
	if count := len(found.own); count > 0 {
		newest = found.own[count-1].ID
	}
	if len(made.files) == 0 {
		return newest, nil
	}
	if newest != "" {
		holds, err := c.holds(ctx, record.Project, newest, made)
		if err != nil || holds {
			return newest, err
		}
		there, err := c.tree(ctx, record.Project, record.Branch, "")
		if err != nil {
			return "", err
		}
		made = made.onTopOf(there)
	}
	commit, err := c.commit(ctx, record.Project, record.Branch, made)
	if err != nil {
		return "", err
	}
	return commit.ID, nil
}

// onTopOf is the change for a branch that has some of the files already.
func (c change) onTopOf(there map[string]*gitlab.TreeNode) change {
	again := change{message: c.message}
	for _, file := range c.files {
		if file.Action != deleteFile {
			file.Action = automatic(file, there[file.Path])
		}
		if file.Action == deleteFile && there[file.Path] == nil || file.Action == skipFile {
			continue
		}
		again.files = append(again.files, file)
	}
	return again
}

// undoBranch deletes a branch that a step created.
func (o Options) undoBranch(ctx context.Context, call *action.UndoCall) error {
	record, err := resource.RecordOf[branchRecord](call.Effect)
	if err != nil {
		return err
	}
	connected, err := o.reconnect(record.place, call)
	if err != nil {
		return err
	}
	return resource.Remove(ctx, call, connected.branches(record))
}
