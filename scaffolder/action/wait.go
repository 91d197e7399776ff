package action

import "time"

// Waiter is implemented by actions that begin by waiting. The engine holds a durable timer for that long,
// which keeps no worker and ends early when the run is cancelled, and calls Run after it. A zero wait means
// none; an error is final.
type Waiter interface {
	Wait(call *Call) (time.Duration, error)
}
