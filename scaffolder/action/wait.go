package action

import "time"

// Waiter is implemented by actions that wait before they run. The engine sets a durable timer, which occupies
// no worker and ends when the run is cancelled, and then calls Run. Zero means no wait; an error is final.
type Waiter interface {
	Wait(call *Call) (time.Duration, error)
}
