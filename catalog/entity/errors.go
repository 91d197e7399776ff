package entity

import (
	"fmt"

	"github.com/portico-dev/portico/fault"
)

// Names of errors as Backstage puts them on the wire.
const (
	nameError      = "Error"
	nameTypeError  = "TypeError"
	nameInputError = string(fault.Input)
)

// Error is a failure in Backstage's form. It marshals to the JSON that processing statuses and
// validate-entity carry.
type Error struct {
	// Name is the error's class on the wire: TypeError, InputError, Error.
	Name string `json:"name"`
	// Message includes the messages of the causes.
	Message string `json:"message"`
	// Cause is the underlying failure, nil when there is none.
	Cause *Error `json:"cause,omitempty"`
	// Location and Line are the position of the failure, for the log; Message is for people. Location is a
	// location reference, "" for the entity's own location. Line is 0 when it is not known.
	Location string `json:"-"`
	Line     int    `json:"-"`
	// Field is the JSON pointer of what is wrong in the entity, "" when it is all of it, or not known.
	Field string `json:"-"`
}

func (e *Error) Error() string { return e.Message }

// Unwrap gives the cause to errors.Is and errors.As.
func (e *Error) Unwrap() error {
	if e.Cause == nil {
		return nil
	}
	return e.Cause
}

func plainErrorf(format string, args ...any) *Error {
	return &Error{Name: nameError, Message: fmt.Sprintf(format, args...)}
}

func typeErrorf(format string, args ...any) *Error {
	return &Error{Name: nameTypeError, Message: fmt.Sprintf(format, args...)}
}

// inputError wraps cause with a description of the operation that failed.
func inputError(cause *Error, format string, args ...any) *Error {
	message := fmt.Sprintf(format, args...)
	if cause != nil {
		message = fmt.Sprintf("%s; caused by %s: %s", message, cause.Name, cause.Message)
	}
	wrapped := &Error{Name: nameInputError, Message: message, Cause: cause}
	if cause != nil {
		wrapped.Field = cause.Field
	}
	return wrapped
}

// about says which field an error is about, as a JSON pointer.
func (e *Error) about(field string) *Error {
	e.Field = field
	return e
}
