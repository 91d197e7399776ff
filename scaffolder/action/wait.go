package action

import (
	"fmt"
	"time"
)

// Waiter is implemented by actions that wait before they run. The engine sets a durable timer, which occupies
// no worker and ends when the run is cancelled, and then calls Run. Zero means no wait; an error is final. A
// Waiter is Quick.
type Waiter interface {
	Wait(call *Call) (time.Duration, error)
}

// NotYetError is the result of Run when what the step waits for has not happened: somebody has not merged, or a
// job goes on. The engine waits as a Waiter's step does, for days if need be, and then calls Run again. It is no
// failed attempt. Run itself gives up when it has waited for too long since Call.StartedAt. An action that is
// Quick cannot wait in this way.
type NotYetError struct {
	// After is when to look again.
	After time.Duration
	// Waiting says for what, in a sentence. The log has it once, however often it is the result.
	Waiting string
}

func (e *NotYetError) Error() string { return e.Waiting }

// NotYet returns a NotYetError.
func NotYet(after time.Duration, format string, args ...any) error {
	return &NotYetError{After: after, Waiting: fmt.Sprintf(format, args...)}
}
