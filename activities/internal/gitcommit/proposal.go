package gitcommit

import (
	"context"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// Proposal is a pull request of a branch, which the step creates for a commit of the workspace unless it is there already.
// T is the type of the host's client for a pull request.
type Proposal[T any] struct {
	// Commit is the commit on the new branch, nil when the branch is somebody else's. Message is that of the commit.
	Commit  *Landing
	Message string
	// Request describes the pull request. It is called after the commit.
	Request func(ctx context.Context) (resource.Spec[T], error)
}

// Run commits the workspace, and opens the pull request, which it returns.
func (p Proposal[T]) Run(ctx context.Context, call *action.Call) (T, error) {
	var none T
	if err := p.commit(ctx, call); err != nil {
		return none, err
	}
	request, err := p.Request(ctx)
	if err != nil {
		return none, err
	}
	opened, _, err := resource.Ensure(ctx, call, request)
	return opened, err
}

// commit commits the workspace to the new branch.
func (p Proposal[T]) commit(ctx context.Context, call *action.Call) error {
	if p.Commit == nil {
		return nil
	}
	source, err := gitpush.OpenSource(call.Workspace, "")
	if err != nil {
		return err
	}
	defer source.Close()
	_, err = p.Commit.Run(ctx, call, source, p.Message)
	return err
}

// Plan says what Run would create.
func (p Proposal[T]) Plan(ctx context.Context) (action.Plan, error) {
	request, err := p.Request(ctx)
	if err != nil {
		return action.Plan{}, err
	}
	plan, err := resource.Plan(ctx, request, "open "+request.Title)
	if err != nil || p.Commit == nil {
		return plan, err
	}
	return action.Plan{
		Summary: "commit the workspace to the new branch " + p.Commit.Record.Branch + " and " + plan.Summary,
		Creates: append([]action.PlannedEffect{{Kind: p.Commit.Kind, Name: p.Commit.Name}}, plan.Creates...),
	}, nil
}
