package action

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
)

// Error is a failure with a class: a final error parks the run at once, a transient error is retried. Its
// name on the wire is the kind of the fault in its chain, "Error" without one.
//
// IsTransient classifies errors that are not an *Error. The message says what failed; Advise adds what to do.
type Error struct {
	// Transient errors are retried, not before RetryAfter has passed (0: the engine's own backoff).
	Transient  bool
	RetryAfter time.Duration
	Err        error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the cause to errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Err }

// Final marks an error that a retry cannot fix: invalid input, a refusal, a name that is taken.
func Final(err error) error { return &Error{Err: err} }

// Transient marks an error that a retry may fix: network, 429, 5xx. retryAfter is how long the server asks to
// wait, 0 when it does not say.
func Transient(err error, retryAfter time.Duration) error {
	return &Error{Err: err, Transient: true, RetryAfter: retryAfter}
}

// InputError is a final fault of kind Input, about a value from the template or from the person who started
// the run. It wraps the errors that the format wraps with %w.
func InputError(format string, args ...any) error {
	return Refuse(fault.Input, fmt.Errorf(format, args...))
}

// Refuse returns a final fault of a kind, with the message of its cause.
func Refuse(kind fault.Kind, cause error) error {
	return Final(fault.Wrap(kind, cause, "%s", cause.Error()))
}

// Explained is an error of a domain package that knows what it means.
type Explained interface {
	error
	// MayPass says whether the same may succeed later, and not before when.
	MayPass() (after time.Duration, may bool)
	// Advice says what a person can do, "" when there is nothing to add.
	Advice() string
}

// Classify makes an Error of an error from a domain package or from reading a host (package integration). An
// Explained error keeps its class and its advice. Of others, a host that fails or asks to wait, a fault of kind
// Unavailable and an error without a kind are transient, and the rest is final. An Error stays as it is, and so does nil.
func Classify(err error) error {
	if err == nil {
		return nil
	}
	if _, classified := errors.AsType[*Error](err); classified {
		return err
	}
	if explained, is := errors.AsType[Explained](err); is {
		return classifyExplained(err, explained)
	}
	after, mayPass := integration.MayPass(err)
	kind := fault.KindOf(err)
	if mayPass || kind == fault.Unavailable || kind == fault.BadGateway {
		return Transient(err, after)
	}
	return Final(err)
}

func classifyExplained(err error, explained Explained) error {
	classified := Final(err)
	if after, may := explained.MayPass(); may {
		classified = Transient(err, after)
	}
	if explained.Advice() == "" {
		return classified
	}
	return Advise(classified, "%s", explained.Advice())
}

// Advise adds advice for people to an error: a sentence or two that are shown below the message. The class of
// the error stays. New advice replaces old.
func Advise(err error, format string, args ...any) error {
	return &advised{error: err, next: fmt.Sprintf(format, args...)}
}

// advised is an error with advice.
type advised struct {
	error
	next string
}

// Unwrap gives the error itself to errors.Is and errors.As.
func (a *advised) Unwrap() error { return a.error }

// Advice returns the advice of an error, "" when it has none.
func Advice(err error) string {
	if a, is := errors.AsType[*advised](err); is {
		return a.next
	}
	return ""
}

// InUseError is the result of Undo when somebody else has used the thing since it was created. The thing
// stays, and a person decides.
type InUseError struct{ Reason string }

func (e *InUseError) Error() string { return e.Reason }

// IsTransient reports whether a retry may help. An *Error has its own class; other errors are transient if
// the network failed or a timeout expired.
func IsTransient(err error) bool {
	if classified, is := errors.AsType[*Error](err); is {
		return classified.Transient
	}
	var network *net.OpError
	var timeout interface{ Timeout() bool }
	return errors.As(err, &network) || errors.As(err, &timeout) && timeout.Timeout()
}

// RetryAfter returns how long to wait before the retry, 0 when the error does not say.
func RetryAfter(err error) time.Duration {
	if classified, is := errors.AsType[*Error](err); is {
		return classified.RetryAfter
	}
	return 0
}
