package action

import "time"

// Waiter is implemented by actions that wait first. The engine sets a durable timer for that long, which
// occupies no worker and ends when the run is cancelled, and then calls Run. Zero means no wait; an error is
// final.
type Waiter interface {
	Wait(call *Call) (time.Duration, error)
}
