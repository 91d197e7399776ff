// Package system is what the actions on systems around a service share, besides the requests of package hostapi: things
// that cannot be marked as the run's (Ensure and Remove), the credentials of a step for its rollback (Reveal), queries as
// Backstage's actions write them, and the addresses of webhooks. It knows no system; there is a package for each.
package system

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// record is what the ledger keeps about a thing that has no place for a mark.
type record struct {
	// Existed says that there was such a thing before the first attempt.
	Existed bool `json:"existed,omitempty"`
	// Thing is what the action keeps.
	Thing any `json:"thing"`
}

// Ensure is resource.Ensure for things that do not show who made them. It looks before the intent is recorded: what is
// there then belongs to somebody else. What appears between the intent and the end of an attempt that was cut off is
// taken for the run's, unless the system refuses the run's own request because of it. Spec.Intent.Data is kept in the
// ledger, where Kept reads it.
func Ensure[T any](ctx context.Context, call *action.Call, spec resource.Spec[T]) (T, error) {
	var none T
	before, err := spec.Find(ctx, action.Effect{})
	if err != nil {
		return none, err
	}
	kept := &record{Existed: before != nil, Thing: spec.Intent.Data}
	spec.Intent.Data = kept
	made, _, err := resource.Ensure(ctx, call, unmarked(spec, kept))
	return made, err
}

// Remove is resource.Remove for a thing that Ensure has made.
func Remove[T any](ctx context.Context, call *action.UndoCall, spec resource.Spec[T]) error {
	return resource.Remove(ctx, call, unmarked(spec, &record{}))
}

// Kept is what Ensure has kept of a thing: the Data of its intent.
func Kept[D any](effect action.Effect) (D, error) {
	kept, err := resource.RecordOf[struct{ Thing D }](effect)
	return kept.Thing, err
}

// unmarked completes a spec: things are recognized by what was there before.
func unmarked[T any](spec resource.Spec[T], kept *record) resource.Spec[T] {
	find, create, isTaken := spec.Find, spec.Create, false
	recognized := func(found *resource.Found[T], err error) (*resource.Found[T], error) {
		if found != nil {
			found.MadeFor = func(effect action.Effect) bool { return effect.ID != "" && !isTaken && !existedBefore(effect) }
		}
		return found, err
	}
	spec.Find = func(ctx context.Context, effect action.Effect) (*resource.Found[T], error) {
		if effect.ID != "" && !effect.Fresh {
			kept.Existed = existedBefore(effect) // what the first attempt saw counts
		}
		return recognized(find(ctx, effect))
	}
	spec.Create = func(ctx context.Context, effect action.Effect) (*resource.Found[T], error) {
		found, err := create(ctx, effect)
		isTaken = effect.Fresh && errors.Is(err, resource.ErrExist)
		return recognized(found, err)
	}
	return spec
}

// existedBefore reports what the first attempt saw.
func existedBefore(effect action.Effect) bool {
	var kept record
	return json.Unmarshal(effect.Data, &kept) != nil || kept.Existed
}
