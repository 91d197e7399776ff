package processing

import (
	"errors"
	"fmt"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
)

// failure is an error in the form that statuses show.
func failure(kind fault.Kind, format string, args ...any) *entity.Error {
	return &entity.Error{Name: string(kind), Message: fmt.Sprintf(format, args...)}
}

// asError brings any error into the form that statuses show.
func asError(err error) *entity.Error {
	if known, is := errors.AsType[*entity.Error](err); is {
		return known
	}
	if classified, is := errors.AsType[*fault.Error](err); is {
		return &entity.Error{Name: string(classified.Kind), Message: classified.Message}
	}
	return &entity.Error{Name: "Error", Message: err.Error()}
}

// describe prints an error with its name before it, as statuses and joined messages do.
func describe(err error) string {
	known := asError(err)
	return known.Name + ": " + known.Message
}
