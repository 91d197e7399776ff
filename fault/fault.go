// Package fault has the errors that a caller can act on. All domain packages share it. A fault has a kind,
// with Backstage's name, and a sentence for people. Package api maps kinds to HTTP statuses, in one place.
// Any error without a fault is internal: people see that something failed, and the log has the cause.
package fault

import (
	"errors"
	"fmt"
)

// Kind is the name of the failure on the wire (error.name of Backstage's error body).
type Kind string

// The kinds are those of Backstage (@backstage/errors), and BadGateway. The comments name the status that api
// maps them to.
const (
	Input          Kind = "InputError"              // 400: the request is wrong; Message says where
	Authentication Kind = "AuthenticationError"     // 401: the caller is not known
	NotAllowed     Kind = "NotAllowedError"         // 403: the caller is not permitted to do this
	NotFound       Kind = "NotFoundError"           // 404
	Conflict       Kind = "ConflictError"           // 409: the thing exists already, or is in the wrong state
	Stale          Kind = "PreconditionFailedError" // 412: the thing has changed since the caller read it
	NotImplemented Kind = "NotImplementedError"     // 501
	BadGateway     Kind = "BadGatewayError"         // 502: another system failed or did not answer
	Unavailable    Kind = "ServiceUnavailableError" // 503: try again later
)

// Error is a failure of one kind. The zero value is not useful; build one with New or Wrap.
type Error struct {
	Kind    Kind
	Message string
	// Err is the cause, nil when there is none. It is logged, never shown.
	Err error
}

func (e *Error) Error() string { return e.Message }

// Unwrap gives the cause to errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Err }

// New builds an error of a kind from a sentence for people.
func New(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Wrap adds a kind and a sentence to a cause.
func Wrap(kind Kind, cause error, format string, args ...any) error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...), Err: cause}
}

// KindOf returns the kind of the outermost fault in err's chain, "" when there is none.
func KindOf(err error) Kind {
	if e, is := errors.AsType[*Error](err); is {
		return e.Kind
	}
	return ""
}
