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

// maxErrorText bounds the text of an error that somebody else worded, as Backstage does.
const maxErrorText = 5000

// asError brings any error into the form that statuses show: all that it says, under the name of the kind that it is of.
func asError(err error) *entity.Error {
	shown := &entity.Error{Name: "Error", Message: fmt.Sprintf("%.*s", maxErrorText, err.Error())}
	if known, is := errors.AsType[*entity.Error](err); is {
		shown.Name, shown.Cause = known.Name, known.Cause
	} else if kind := fault.KindOf(err); kind != "" {
		shown.Name = string(kind)
	}
	return shown
}

// describe prints an error with its name before it, as statuses and joined messages do.
func describe(err error) string {
	known := asError(err)
	return known.Name + ": " + known.Message
}
