package gitpush

import (
	"context"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// Publication creates a repository, and pushes a directory of the workspace there as its first commit.
type Publication[T any] struct {
	// SourcePath is the directory in the workspace, "" for all of it.
	SourcePath string
	// Repository describes the repository to package resource. It is asked once the directory is known to be there.
	Repository func(ctx context.Context) (resource.Spec[T], error)
	// Push is what is pushed to the repository, which was created for the effect.
	Push func(effect action.Effect) Push
}

// Run does both, or what an earlier attempt has not done of it. It returns the repository and the hash of the commit.
func (p Publication[T]) Run(ctx context.Context, call *action.Call) (created T, hash string, err error) {
	var none T
	source, err := OpenSource(call.Workspace, p.SourcePath)
	if err != nil {
		return none, "", err
	}
	defer source.Close()
	spec, err := p.Repository(ctx)
	if err != nil {
		return none, "", err
	}
	created, effect, err := resource.Ensure(ctx, call, spec)
	if err != nil {
		return none, "", err
	}
	hash, err = p.Push(effect).Publish(ctx, source)
	return created, hash, err
}
