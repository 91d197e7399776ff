package processing

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	// burstSize is the number of changed results in one batch that makes a burst, which lasts for burstTime.
	burstSize = 100
	burstTime = 300 * time.Millisecond
	// burstWait is the age of the stitch requests that are served during a burst.
	burstWait = time.Minute
)

// bursts knows when much changes at once, as when a repository with thousands of entities is read for the
// first time. Then each entity is stitched because of itself and again because of each of its neighbours, so
// stitching waits until the burst is over. Its zero value is ready.
type bursts struct {
	until atomic.Int64
	// writing is the number of transactions that write many new entities.
	writing atomic.Int32
}

// begin begins a burst that lasts at least until end.
func (b *bursts) begin() { b.writing.Add(1) }

func (b *bursts) end() { b.writing.Add(-1) }

// note notes that results were written.
func (b *bursts) note(changed int) {
	if changed >= burstSize {
		b.until.Store(time.Now().Add(burstTime).UnixNano())
	}
}

// left is the time until the burst is over, 0 without one.
func (b *bursts) left() time.Duration {
	if b.writing.Load() > 0 {
		return burstTime
	}
	return max(0, time.Duration(b.until.Load()-time.Now().UnixNano()))
}

// minAge is the age of the requests that are served now.
func (b *bursts) minAge() time.Duration {
	if b.left() > 0 {
		return burstWait
	}
	return 0
}

// wait waits until a burst is over. It returns false when there is none, or the context ends.
func (b *bursts) wait(ctx context.Context) bool {
	left := b.left()
	if left == 0 {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(left):
		return true
	}
}
