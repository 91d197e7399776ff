package processing

import (
	"errors"
	"fmt"
	"strings"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
)

// failure is an error in the form that statuses show.
func failure(kind fault.Kind, format string, args ...any) *entity.Error {
	return &entity.Error{Name: string(kind), Message: fmt.Sprintf(format, args...)}
}

// maxErrorText bounds the text of an error that somebody else worded, as Backstage does.
const maxErrorText = 5000

// asError brings any error into the form that statuses show: all that it says, under the name of the kind
// that it is of.
func asError(err error) *entity.Error {
	shown := &entity.Error{Name: "Error", Message: fmt.Sprintf("%.*s", maxErrorText, err.Error())}
	if known, is := errors.AsType[*entity.Error](err); is {
		shown.Name, shown.Cause, shown.Location, shown.Line = known.Name, known.Cause, known.Location, known.Line
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

// inFile says of an error in a document where the document is.
func inFile(err error, location entity.LocationSpec, line int) *entity.Error {
	shown := asError(err)
	shown.Location, shown.Line = location.String(), line
	if !strings.Contains(shown.Message, location.String()) {
		shown.Message += " (" + whereabouts(location.String(), line) + ")"
	}
	return shown
}

// whereabouts names a place in a file: the file, and the line if it is known.
func whereabouts(location string, line int) string {
	if line == 0 {
		return "at " + location
	}
	return fmt.Sprintf("at %s, line %d", location, line)
}

// asErrorAt is asError for an error that is about a place by itself.
func asErrorAt(err error, target entity.LocationSpec) *entity.Error {
	shown := asError(err)
	shown.Location = target.String()
	return shown
}
