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
	// burstPatience is the time for which a burst goes on while Locations are read for the first time, which may bring more.
	burstPatience = 5 * time.Second
	// burstWait is the age of the stitch requests that are served during a burst.
	burstWait = time.Minute
)

// bursts knows when much changes at once, as when a repository with thousands of entities is read for the
// first time. Then each entity is stitched because of itself and again because of each of its neighbours, so
// stitching waits until the burst is over. Its zero value is ready.
type bursts struct {
	// until and patientUntil are in nanoseconds of Unix time.
	until, patientUntil atomic.Int64
	// reading is the number of Locations that are read for the first time and not written yet.
	reading atomic.Int32
	// writing is the number of transactions that write many new entities.
	writing atomic.Int32
}

// begin begins a burst that lasts at least until end.
func (b *bursts) begin() { b.writing.Add(1) }

func (b *bursts) end() { b.writing.Add(-1) }

// note notes that results were written.
func (b *bursts) note(changed int) {
	if changed >= burstSize {
		now := time.Now()
		b.until.Store(now.Add(burstTime).UnixNano())
		b.patientUntil.Store(now.Add(burstPatience).UnixNano())
	}
}

// left is the time until the burst is over, 0 without one.
func (b *bursts) left() time.Duration {
	return b.leftAt(time.Now().UnixNano())
}

func (b *bursts) leftAt(now int64) time.Duration {
	if b.writing.Load() > 0 || b.reading.Load() > 0 && now < b.patientUntil.Load() {
		return burstTime
	}
	return max(0, time.Duration(b.until.Load()-now))
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
