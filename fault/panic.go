package fault

import (
	"fmt"
	"runtime/debug"
)

// PanicError is a panic as an error: what code that runs other people's input comes to when it breaks, and
// not the end of a process in which others' work is under way.
type PanicError struct {
	Cause any
	// Stack is where it happened. It is for the log.
	Stack []byte
}

func (p *PanicError) Error() string { return fmt.Sprintf("panic: %v", p.Cause) }

// Recover makes a panic of the function that defers it its error:
//
//	defer fault.Recover(&err)
//
// Each goroutine that runs other people's input does so itself: nothing else can.
func Recover(err *error) {
	if cause := recover(); cause != nil {
		*err = &PanicError{Cause: cause, Stack: debug.Stack()}
	}
}
