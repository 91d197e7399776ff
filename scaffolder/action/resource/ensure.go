package resource

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
)

// Ensure creates the thing, or finds the one that an earlier attempt created, and returns it with its effect.
// It may be called any number of times for one Key, and its callers may crash at any point: there is only one
// thing.
//
//   - The intent is recorded first, then Find looks. A thing that is this effect's is adopted: nothing is created.
//   - A thing that is not this effect's is not changed. The effect is closed, and the error is ErrTaken; it names the
//     step of this run that created the thing, if one did. The thing is returned with it, for actions that accept it.
//   - A thing that the ledger has as created, and that Find does not see, is not created again: the error says whether
//     it is gone (fault.Conflict) or may be hidden (fault.NotAllowed).
//   - When Create fails for good, the effect is closed, unless an earlier attempt may have created what is hidden now. After
//     any other failure the thing may exist, and the effect stays open.
//
// Find cannot see what the request of a slow earlier attempt is about to create. Only a system that refuses a
// second thing of the same name prevents a duplicate then.
func Ensure[T any](ctx context.Context, call *action.Call, spec Spec[T]) (T, action.Effect, error) {
	e := ensuring[T]{Spec: spec, call: call}
	if e.Intent.Key == "" {
		e.Intent.Key = KeyOf(call, e.Intent.Kind, e.Intent.Name)
	}
	found, err := e.ensure(ctx)
	if found == nil {
		var none T
		return none, e.effect, err
	}
	return found.Thing, e.effect, err
}

// ensuring is the state of one call of Ensure.
type ensuring[T any] struct {
	Spec[T]
	call   *action.Call
	effect action.Effect
}

func (e *ensuring[T]) ensure(ctx context.Context) (*Found[T], error) {
	var err error
	if e.effect, err = e.call.Ledger.Intend(ctx, e.Intent); err != nil {
		return nil, e.ledgerError(err)
	}
	found, err := e.Find(ctx, e.effect)
	switch {
	case err != nil:
		return nil, err
	case found.belongsTo(e.effect):
		e.call.Log.Info("%s is there already: an earlier attempt created it", sentence(e.Title))
		return found, e.confirm(ctx, found)
	case e.effect.State != action.EffectIntended:
		return nil, e.missing(ctx)
	case found != nil:
		return found, e.refuse(ctx, found)
	}
	return e.create(ctx)
}

func (e *ensuring[T]) create(ctx context.Context) (*Found[T], error) {
	created, err := e.Create(ctx, e.effect)
	switch {
	case errors.Is(err, ErrExist):
		return e.resolveExist(ctx, err)
	case err != nil:
		return nil, e.createFailed(ctx, err)
	}
	return created, e.confirm(ctx, created)
}

// resolveExist finds out who created the thing that appeared after Find: a request of ours whose response was
// lost, or somebody else.
func (e *ensuring[T]) resolveExist(ctx context.Context, cause error) (*Found[T], error) {
	e.effect.Fresh = false
	found, err := e.Find(ctx, e.effect)
	switch {
	case err != nil:
		return nil, err
	case found == nil && e.Hidden == nil:
		return nil, e.createFailed(ctx, cause) // the conflicting thing is gone, or is another thing
	case found == nil:
		return nil, action.Advise(action.Transient(fmt.Errorf("creating %s: %w; the system does not show it", e.Title, cause), 0),
			"Either it appeared this moment, or it is hidden from this token: then choose another name.")
	case found.belongsTo(e.effect):
		return found, e.confirm(ctx, found)
	default:
		return found, e.refuse(ctx, found)
	}
}

// confirm records that the thing exists.
func (e *ensuring[T]) confirm(ctx context.Context, found *Found[T]) error {
	if e.effect.State == action.EffectCreated {
		return nil
	}
	confirmation := action.Confirmation{ExternalID: found.ID, URL: found.URL, Data: e.Intent.Data}
	if err := e.call.Ledger.Confirm(ctx, e.effect.ID, confirmation); err != nil {
		return e.ledgerError(err)
	}
	e.effect.State, e.effect.ExternalID, e.effect.URL = action.EffectCreated, found.ID, found.URL
	return nil
}

// abandon closes the effect because of a final failure, which it returns.
func (e *ensuring[T]) abandon(ctx context.Context, cause error) error {
	if err := e.call.Ledger.Abandon(ctx, e.effect.ID, cause.Error()); err != nil {
		return e.ledgerError(err)
	}
	return cause
}

// createFailed closes the effect when Create's failure says that nothing was created, and returns the
// failure.
func (e *ensuring[T]) createFailed(ctx context.Context, cause error) error {
	if ctx.Err() != nil || action.IsTransient(cause) {
		return cause
	}
	if !e.effect.Fresh {
		if reason, err := e.hidden(ctx); err != nil || reason != "" {
			return cause
		}
	}
	return e.abandon(ctx, cause)
}

// missing returns the error for a thing that the ledger has as created and that Find does not see.
func (e *ensuring[T]) missing(ctx context.Context) error {
	reason, err := e.hidden(ctx)
	if err != nil {
		return err
	}
	if reason != "" {
		return action.Advise(fault.New(fault.NotAllowed, "%s, which this run created, cannot be seen any more: it may be gone, or hidden, because %s",
			sentence(e.Title), reason), "Give the token access to it and retry, or roll the run back.")
	}
	return action.Advise(fault.New(fault.Conflict, "%s, which this run created, is gone: it was deleted, or replaced by another of that name.",
		sentence(e.Title)), "Roll the run back, then retry it.")
}

// refuse closes the effect because the thing belongs to somebody else, and returns the error that says so.
func (e *ensuring[T]) refuse(ctx context.Context, found *Found[T]) error {
	effects, err := e.call.Ledger.Effects(ctx)
	if err != nil {
		return e.ledgerError(err)
	}
	for _, other := range effects {
		if other.ID != e.effect.ID && other.Kind == e.effect.Kind && found.belongsTo(other) {
			return e.abandon(ctx, e.createdByStep(other.StepID))
		}
	}
	return e.abandon(ctx, e.taken())
}

// createdByStep is the ErrTaken for a thing that another step of the same run, or another iteration of this
// step, created.
func (e *ensuring[T]) createdByStep(stepID string) error {
	step := fmt.Sprintf("The step %q of this run", stepID)
	if stepID == e.call.StepID {
		step = "Another iteration of this step"
	}
	return action.Advise(fault.Wrap(fault.Conflict, ErrTaken, "%s created %s already, and it can be created only once.", step, e.Title),
		"Give each such step of the template a name of its own, or do it once, then start a new run.")
}

func (s Spec[T]) taken() error {
	return action.Advise(fault.Wrap(fault.Conflict, ErrTaken, "%s exists already, and this run did not create it. It was left untouched.",
		sentence(s.Title)), "Start a new run with another name, or delete or rename what is there and retry.")
}

// ledgerError classifies a failure of the ledger: the database failed, which is transient, or another worker
// has the run now.
func (s Spec[T]) ledgerError(err error) error {
	return action.Transient(fmt.Errorf("effects ledger: %s: %w", s.Title, err), 0)
}

// sentence returns a title for the start of a sentence.
func sentence(title string) string { return strings.ToUpper(title[:1]) + title[1:] }
