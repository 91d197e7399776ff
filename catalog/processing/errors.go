package processing

import (
	"errors"
	"fmt"
	"strings"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
)

// failure is an error in the form of a status item.
func failure(kind fault.Kind, format string, args ...any) *entity.Error {
	return &entity.Error{Name: string(kind), Message: fmt.Sprintf(format, args...)}
}

// maxErrorText bounds the text of an error from elsewhere, as Backstage does.
const maxErrorText = 5000

// asError converts any error into the form of a status item: its whole message under the name of its kind.
func asError(err error) *entity.Error {
	shown := &entity.Error{Name: "Error", Message: fmt.Sprintf("%.*s", maxErrorText, err.Error())}
	if known, is := errors.AsType[*entity.Error](err); is {
		shown.Name, shown.Cause, shown.Location, shown.Line = known.Name, known.Cause, known.Location, known.Line
	} else if kind := fault.KindOf(err); kind != "" {
		shown.Name = string(kind)
	}
	return shown
}

// describe prefixes an error with its name, as statuses and joined messages do.
func describe(err error) string {
	known := asError(err)
	return known.Name + ": " + known.Message
}

// inFile adds the position of the document to an error in it.
func inFile(err error, location entity.LocationSpec, line int) *entity.Error {
	shown := asError(err)
	shown.Location, shown.Line = location.String(), line
	if !strings.Contains(shown.Message, location.String()) {
		shown.Message += " (" + position(location.String(), line) + ")"
	}
	return shown
}

// position names a place in a file: the file, and the line if it is known.
func position(location string, line int) string {
	if line == 0 {
		return "at " + location
	}
	return fmt.Sprintf("at %s, line %d", location, line)
}

// asErrorAt is asError for an error at a target, whose position it sets.
func asErrorAt(err error, target entity.LocationSpec) *entity.Error {
	shown := asError(err)
	shown.Location = target.String()
	return shown
}
