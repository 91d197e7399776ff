package expression

import (
	"errors"
	"strings"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// EvaluationError is a string whose expressions could not be evaluated.
type EvaluationError struct {
	// Path leads to the string from the value that was rendered: ".values.names[0]", "" for the value itself.
	Path   string
	Source string
	Err    error
}

// Failures are all of those of one value, in its order.
type Failures []EvaluationError

// At is the failure at a path, nil when there is none.
func (f Failures) At(path string) *EvaluationError {
	for i := range f {
		if f[i].Path == path {
			return &f[i]
		}
	}
	return nil
}

// maxShownSource bounds how much of a string its failure shows, in bytes: some hold whole files.
const maxShownSource = 200

// Error tells the expression and the cause.
func (f *EvaluationError) Error() string { return f.ShownSource() + ": " + f.Cause() }

// Unwrap gives the cause to errors.Is and errors.As.
func (f *EvaluationError) Unwrap() error { return f.Err }

// Cause is what is wrong. It may hold values that the expression saw.
func (f *EvaluationError) Cause() string {
	_, cause := f.locate()
	return cause
}

// locate is the line of the source in which it failed, 0 when that is not known, and what is wrong there.
func (f *EvaluationError) locate() (line int, cause string) {
	if rendering, is := errors.AsType[*nunjucks.RenderError](f.Err); is {
		return rendering.Line, rendering.Err.Error()
	}
	if syntax, is := errors.AsType[*nunjucks.SyntaxError](f.Err); is {
		return syntax.Line, syntax.Message
	}
	return 0, f.Err.Error()
}

// ShownSource is the string as the author wrote it; of several lines the one that failed, of a long one its
// beginning.
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
