package processing

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
		shown.Name, shown.Cause, shown.Location, shown.Line, shown.Field = known.Name, known.Cause, known.Location, known.Line, known.Field
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

// storedError is an error with its position, which its form on the wire does not have.
type storedError struct {
	*entity.Error

	Location string `json:"location,omitempty"`
	Line     int    `json:"line,omitempty"`
}

// encodeErrors encodes errors for the database, "" when there are none.
func encodeErrors(failures []*entity.Error) (string, error) {
	if len(failures) == 0 {
		return "", nil
	}
	stored := make([]storedError, len(failures))
	for i, failure := range failures {
		stored[i] = storedError{failure, failure.Location, failure.Line}
	}
	encoded, err := json.Marshal(stored)
	return string(encoded), err
}

// decodeErrors decodes stored errors. Errors that cannot be decoded are ignored.
func decodeErrors(encoded []byte) []*entity.Error {
	var stored []storedError
	if len(encoded) == 0 || json.Unmarshal(encoded, &stored) != nil {
		return nil
	}
	var failures []*entity.Error
	for _, s := range stored {
		if s.Error != nil {
			s.Error.Location, s.Error.Line = s.Location, s.Line
			failures = append(failures, s.Error)
		}
	}
	return failures
}

// StoredErrors decodes the errors of an entity and why it is not served, as the database has them, with their positions.
func StoredErrors(failed, unserved []byte) []*entity.Error {
	return slices.Concat(decodeErrors(failed), decodeErrors(unserved))
}
