package expression

import (
	"errors"
	"strings"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// EvaluationError says why the expressions of a string could not be evaluated.
type EvaluationError struct {
	// Path leads to the string from the value that was rendered: ".values.names[0]", "" for the value itself.
	Path   string
	Source string
	Err    error
}

// Failures are all evaluation errors of one value, in the value's order.
type Failures []EvaluationError

// At returns the failure at a path, nil when there is none.
func (f Failures) At(path string) *EvaluationError {
	for i := range f {
		if f[i].Path == path {
			return &f[i]
		}
	}
	return nil
}

// maxShownSource bounds how many bytes of a string its error shows: some strings contain whole files.
const maxShownSource = 200

// Error has the expression and the cause.
func (f *EvaluationError) Error() string { return f.ShownSource() + ": " + f.Cause() }

// Unwrap gives the cause to errors.Is and errors.As.
func (f *EvaluationError) Unwrap() error { return f.Err }

// Cause returns the cause. It may contain values from the expression's data.
func (f *EvaluationError) Cause() string {
	_, cause := f.locate()
	return cause
}

// locate returns the line of the source that failed, 0 when it is not known, and the cause.
func (f *EvaluationError) locate() (line int, cause string) {
	if rendering, is := errors.AsType[*nunjucks.RenderError](f.Err); is {
		return rendering.Line, rendering.Err.Error()
	}
	if syntax, is := errors.AsType[*nunjucks.SyntaxError](f.Err); is {
		return syntax.Line, syntax.Message
	}
	return 0, f.Err.Error()
}

// ShownSource returns the source for messages: the line that failed, and only the beginning of a long line.
func (f *EvaluationError) ShownSource() string {
	shown := f.Source
	line, _ := f.locate()
	if lines := strings.Split(f.Source, "\n"); line > 0 && line <= len(lines) {
		shown = strings.TrimSpace(lines[line-1])
	}
	if len(shown) > maxShownSource {
		return strings.ToValidUTF8(shown[:maxShownSource], "") + "…"
	}
	return shown
}
