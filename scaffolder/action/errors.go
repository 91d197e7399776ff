package action

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/policy"
)

// Error is a failure whose class the engine acts on: a final one parks the run at once, a transient one is
// retried.
//
// An error that is no *Error is judged by IsTransient. The message says what happened, and to what; Advise
// adds what to do.
type Error struct {
	// Name is the error's name on the wire (InputError, NotAllowedError, ...), "" for "Error".
	Name string
	// Transient errors are retried, not before RetryAfter has passed (0: the engine's own backoff).
	Transient  bool
	RetryAfter time.Duration
	Err        error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the cause to errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Err }

// Final marks an error that trying again cannot mend: bad input, a refusal, a name that another owner holds.
func Final(err error) error { return &Error{Err: err} }

// Transient marks an error that may pass: network, 429, 5xx. retryAfter is the server's wish, 0 when it had
// none.
func Transient(err error, retryAfter time.Duration) error {
	return &Error{Err: err, Transient: true, RetryAfter: retryAfter}
}

// InputError is a final error about what the template or the person passed in.
func InputError(format string, args ...any) error {
	return &Error{Name: "InputError", Err: fmt.Errorf(format, args...)}
}

// Classify gives an error of a domain package, or of reading from a host (package integration), its class.
// What may pass is transient: a host that is ill or asks to wait, a fault of kind Unavailable, a failure that
// nobody explains. Everything else is final, under the name of its kind. An error that has a class keeps it;
// nil stays nil.
func Classify(err error) error {
	if err == nil {
		return nil
	}
	if _, classified := errors.AsType[*Error](err); classified {
		return err
	}
	if _, denied := errors.AsType[*policy.DeniedError](err); denied {
		return &Error{Name: string(fault.NotAllowed), Err: err}
	}
	after, mayPass := integration.MayPass(err)
	kind := fault.KindOf(err)
	if mayPass || kind == fault.Unavailable || kind == fault.BadGateway {
		return Transient(err, after)
	}
	return &Error{Name: string(kind), Err: err}
}

// Advise adds to an error what a person can do about it, in a sentence or two that are shown beneath the
// message. The class of the error stays as it is. Advice on an error that has some already takes its place.
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

// Advice is what a person can do about an error, "" when nobody has said.
func Advice(err error) string {
	if a, is := errors.AsType[*advised](err); is {
		return a.next
	}
	return ""
}

// InUseError is what Undo returns when the thing has since been used by somebody else: it is left alone and a
// person is asked.
type InUseError struct{ Reason string }

func (e *InUseError) Error() string { return e.Reason }

// IsTransient says whether trying again may help: what an *Error says, else whether the network failed or a
// time ran out.
func IsTransient(err error) bool {
	if classified, is := errors.AsType[*Error](err); is {
		return classified.Transient
	}
	var network *net.OpError
	var timeout interface{ Timeout() bool }
	return errors.As(err, &network) || errors.As(err, &timeout) && timeout.Timeout()
}

// RetryAfter is the wait an error asks for, 0 when it asks for none.
func RetryAfter(err error) time.Duration {
	if classified, is := errors.AsType[*Error](err); is {
		return classified.RetryAfter
	}
	return 0
}
