// Package resource creates a thing in another system once, and removes it again, for actions that have an
// effect. It keeps the effects ledger (package action) so that a crash at any instruction neither loses a
// thing nor makes it twice. It knows no system: an action describes its thing in a Spec.
//
//	func (a *createTicket) Run(ctx context.Context, call *action.Call) (action.Output, error) {
//		...
//		ticket, _, err := resource.Ensure(ctx, call, a.spec(call, target))
//		if err != nil {
//			return nil, err
//		}
//		return action.Output{"url": ticket.URL}, nil
//	}
//
//	func (a *createTicket) Undo(ctx context.Context, call *action.UndoCall) error {
//		...
//		return resource.Remove(ctx, call, a.spec(target))
//	}
//
// An action needs Find, Create and Delete; Hidden and Used where the system has such states. Plan describes
// what Ensure would do. The suite in internal/testkit/actiontest tests that an action follows these rules.
package resource

import (
	"context"
	"errors"
	"time"

	"github.com/portico-dev/portico/scaffolder/action"
)

var (
	// ErrExist is what Create returns, as it is or by Exists, when the system says that there is such a thing
	// already. Ensure then finds out who created it.
	ErrExist = errors.New("it exists already")
	// ErrNotExist is what Delete returns, wrapped or not, when the system says that there is no such thing.
	ErrNotExist = errors.New("it does not exist")
	// ErrTaken is wrapped by the error of Ensure and Plan when the thing exists and the run did not create
	// it. That error's kind is fault.Conflict. The thing was not changed, and the effect is closed.
	ErrTaken = errors.New("it exists, and this run did not create it")
)

// Exists makes an error of Create an ErrExist. Its message and class stay.
func Exists(err error) error { return existError{err} }

type existError struct{ error }

func (existError) Is(target error) bool { return target == ErrExist }

func (e existError) Unwrap() error { return e.error }

// Spec describes one thing and how to find, create and delete it. T is the type of the system's client for
// it. The functions set timeouts for their requests, and classify their errors as action.Error says: a
// transient error leaves the effect open for the next attempt.
type Spec[T any] struct {
	// Intent is what the ledger records before the thing is created. Attempts with the same Key are about the
	// same thing; "" stands for a key of the step, the iteration, the kind and the name. With a key without
	// the step, the steps of a run share the thing. Remove does not read the intent.
	Intent action.Intent
	// Title names the thing within a sentence, with its article: "the repository acme/shop on github.com".
	Title string
	// Find looks for the thing: by the effect's ExternalID if the ledger has it, otherwise by name or by
	// mark. It returns nil when the system shows none. If Create refuses a name that is taken, Find may
	// return nil without a request for an effect that is Fresh: nothing can have been created for it. Plan
	// passes the zero Effect.
	Find func(ctx context.Context, effect action.Effect) (*Found[T], error)
	// Create makes the thing and marks it as the effect's, in one request if it can. It returns ErrExist when
	// the system says that the name is taken. A final error means that nothing was created; no error means
	// that the thing exists. Remove needs no Create.
	Create func(ctx context.Context, effect action.Effect) (*Found[T], error)
	// Delete removes the thing. Ensure needs no Delete.
	Delete func(ctx context.Context, thing T) error
	// Hidden says why the thing may exist although Find does not see it, "" when Find would see it. Many
	// systems answer "not found" for what they hide. Nil means that this system hides nothing: what Find does
	// not see does not exist.
	Hidden func(ctx context.Context) (reason string, err error)
	// Used says what somebody else has done with the thing since it was created, as in "it has the tag v1";
	// "" when nothing. Such a thing is not removed. Nil means that use cannot be detected, or does not
	// matter.
	Used func(ctx context.Context, effect action.Effect, thing T) (use string, err error)
}

// Found is a thing that exists.
type Found[T any] struct {
	Thing T
	// ID is the system's identifier for the thing. One that the system may give to a later thing, such as a
	// name, is no ID: leave it "".
	ID string
	// URL is where people see it, "" when they cannot.
	URL string
	// MadeFor reports whether the thing shows that it was created for an effect whose ID the ledger does not
	// have, because the process died before it was recorded: it has the effect's mark, or was created by the
	// run's identity since effect.IntendedAt. Nil means that things do not show it.
	MadeFor func(effect action.Effect) bool
}

// clockSkew is how much the clock of a system may be behind Portico's.
const clockSkew = 2 * time.Minute

// MadeSince reports whether a thing was created after the intent of an effect, as far as the system's clock can be
// believed: it is for a MadeFor of things that have a time.
func MadeSince(effect action.Effect, created time.Time) bool {
	return !created.Before(effect.IntendedAt.Add(-clockSkew))
}

// belongsTo reports whether the thing is that of an effect.
func (f *Found[T]) belongsTo(effect action.Effect) bool {
	if f == nil {
		return false
	}
	if effect.ExternalID != "" && effect.State != action.EffectIntended {
		return f.ID == effect.ExternalID
	}
	return f.MadeFor != nil && f.MadeFor(effect)
}

// hidden calls Hidden, which may be nil.
func (s Spec[T]) hidden(ctx context.Context) (string, error) {
	if s.Hidden == nil {
		return "", nil
	}
	return s.Hidden(ctx)
}
