package fault

import (
	"fmt"
	"runtime/debug"
)

// PanicError is a panic as an error. Code that processes other people's input returns it instead of ending a
// process with other work in progress.
type PanicError struct {
	Cause any
	// Stack is the stack trace of the panic, for the log.
	Stack []byte
}

func (p *PanicError) Error() string { return fmt.Sprintf("panic: %v", p.Cause) }

// Recover turns a panic of the function that defers it into the function's error:
//
//	defer fault.Recover(&err)
//
// Each goroutine that processes other people's input must defer it: a panic can be recovered only in its own
// goroutine.
func Recover(err *error) {
	if cause := recover(); cause != nil {
		*err = &PanicError{Cause: cause, Stack: debug.Stack()}
	}
}
