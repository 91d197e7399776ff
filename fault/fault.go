// Package fault is the vocabulary of failures that a caller can act on, shared by every domain package: what
// kind of failure it is, in Backstage's names, and a sentence for people. Package api maps kinds to HTTP
// statuses, in one place. Any error that carries no fault is internal: people see that something broke, the
// log sees what.
package fault

import (
	"errors"
	"fmt"
)

// Kind is the name of the failure on the wire (error.name of Backstage's error body).
type Kind string

// The kinds are Backstage's (@backstage/errors) but for BadGateway, each with the status that api gives it.
const (
	Input          Kind = "InputError"              // 400: the request is wrong; Message says where
	Authentication Kind = "AuthenticationError"     // 401: who is asking is not known
	NotAllowed     Kind = "NotAllowedError"         // 403: who is asking may not
	NotFound       Kind = "NotFoundError"           // 404
	Conflict       Kind = "ConflictError"           // 409: it exists, or is in the wrong state for this
	NotImplemented Kind = "NotImplementedError"     // 501
	BadGateway     Kind = "BadGatewayError"         // 502: another system, on which this depends, failed or did not answer
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

// Wrap gives a cause a kind and a sentence.
func Wrap(kind Kind, cause error, format string, args ...any) error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...), Err: cause}
}

// KindOf is the kind of the outermost fault in err's chain, "" when it carries none.
func KindOf(err error) Kind {
	if e, is := errors.AsType[*Error](err); is {
		return e.Kind
	}
	return ""
}
