package nunjucks

import "fmt"

// SyntaxError says where a template cannot be parsed or compiled. Line and Column count from one; Column is
// in bytes.
type SyntaxError struct {
	Line, Column int
	Message      string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("template syntax error at line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// RenderError says where a rendering failed: at which tag or output. Line and Column count from one.
type RenderError struct {
	Line, Column int
	// Err is the cause, a *LimitError when a limit was exceeded.
	Err error
}

func (e *RenderError) Error() string {
	return fmt.Sprintf("template error at line %d, column %d: %v", e.Line, e.Column, e.Err)
}

// Unwrap gives the cause to errors.Is and errors.As.
func (e *RenderError) Unwrap() error { return e.Err }

// thrown carries a failure from the depth of the parser or the evaluator to the exported function that was
// called. It is the package's only use of panic, and never crosses the package's boundary.
type thrown struct{ err error }

// caught recovers a thrown failure into *err. It must be deferred directly.
func caught(err *error) {
	switch cause := recover().(type) {
	case nil:
	case thrown:
		*err = cause.err
	default:
		panic(cause)
	}
}

// position is a place in the source, counted from zero.
type position struct{ line, column int32 }

func (p position) syntaxError(format string, args ...any) thrown {
	return thrown{&SyntaxError{Line: int(p.line) + 1, Column: int(p.column) + 1, Message: fmt.Sprintf(format, args...)}}
}
