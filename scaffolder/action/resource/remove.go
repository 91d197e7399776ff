package resource

import (
	"context"
	"errors"
	"fmt"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
)

// Undo is Remove for an action that finds the thing by the record that the ledger keeps about it: connect reaches the
// system in which it is, and describe describes it there.
func Undo[R, C, T any](ctx context.Context, call *action.UndoCall, connect func(R) (C, error), describe func(C, R) Spec[T]) error {
	record, err := RecordOf[R](call.Effect)
	if err != nil {
		return err
	}
	connection, err := connect(record)
	if err != nil {
		return err
	}
	return Remove(ctx, call, describe(connection, record))
}

// Remove deletes the thing of an effect, and only that one. It is idempotent: it succeeds when the thing is
// gone.
//
//   - Find looks first. Where it sees no thing of this effect, that proves that there is none, unless Hidden has a reason
//     to doubt it: then the error is of kind fault.NotAllowed, and the effect stays open.
//   - A thing that somebody has Used since is left alone: the error is an action.InUseError.
//   - When Delete answers ErrNotExist, that proves that the thing is gone, unless the system hides things: then the error
//     is transient, and the next attempt looks again.
func Remove[T any](ctx context.Context, call *action.UndoCall, spec Spec[T]) error {
	found, err := spec.Find(ctx, call.Effect)
	if err != nil {
		return err
	}
	if !found.belongsTo(call.Effect) {
		return spec.confirmGone(ctx, call.Log)
	}
	if err := spec.refuseUsed(ctx, call.Effect, found); err != nil {
		return err
	}
	switch err := spec.Delete(ctx, found.Thing); {
	case errors.Is(err, ErrNotExist) && spec.Hidden == nil:
		call.Log.Info("%s is not there any more", sentence(spec.Title))
	case errors.Is(err, ErrNotExist):
		return action.Advise(action.Transient(fmt.Errorf("deleting %s: the system answered that it does not exist, "+
			"which it may also answer to a token that may not delete it", spec.Title), 0),
			"Give the token the right to delete it, or delete it yourself, then roll the run back again.")
	case err != nil:
		return err
	default:
		call.Log.Info("Removed %s", spec.Title)
	}
	return nil
}

// confirmGone succeeds where not seeing the thing proves that it is gone.
func (s Spec[T]) confirmGone(ctx context.Context, log action.Log) error {
	reason, err := s.hidden(ctx)
	if err != nil {
		return err
	}
	if reason != "" {
		return action.Advise(fault.New(fault.NotAllowed, "%s cannot be seen: it may be gone, or hidden, because %s", sentence(s.Title), reason),
			"Look for it with an account that sees everything there. If it is there, delete it or give the token access, then roll the run back "+
				"again. If it is gone, nothing is left to do.")
	}
	log.Info("%s is not there any more", sentence(s.Title))
	return nil
}

func (s Spec[T]) refuseUsed(ctx context.Context, effect action.Effect, found *Found[T]) error {
	if s.Used == nil {
		return nil
	}
	use, err := s.Used(ctx, effect, found.Thing)
	if err != nil || use == "" {
		return err
	}
	where := found.URL
	if where == "" {
		where = sentence(s.Title)
	}
	return &action.InUseError{Reason: fmt.Sprintf("%s was left alone: %s. Delete it yourself if nobody needs it.", where, use)}
}
