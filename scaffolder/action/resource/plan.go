package resource

import (
	"context"

	"github.com/portico-dev/portico/scaffolder/action"
)

// Plan looks whether the name is free, and returns a plan with the given summary that creates the thing. If
// the name is taken, the error is ErrTaken. Nothing is written.
func Plan[T any](ctx context.Context, spec Spec[T], summary string) (action.Plan, error) {
	found, err := spec.Find(ctx, action.Effect{})
	if err != nil {
		return action.Plan{}, err
	}
	if found != nil {
		return action.Plan{}, spec.taken()
	}
	return action.Plan{
		Summary: summary, Creates: []action.PlannedEffect{{Kind: spec.Intent.Kind, Name: spec.Intent.Name}},
	}, nil
}
