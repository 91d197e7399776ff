package crash

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
)

// Guarded is an activity that fails for good with Lost when MaxLost workers in a row died during it. Attempts
// that fail are no deaths: how often they are made is up to the workflow's retry policy.
//
// It has to have a heartbeat timeout, by which Temporal notices that a worker died. Heartbeats and their
// details are sent by the guard; the activity sends none. A timeout of the whole activity looks like a death.
// It cannot be a local activity, of which Temporal keeps nothing.
func Guarded[In, Out any](budget *Budget, run func(context.Context, In) (Out, error)) func(context.Context, In) (Out, error) {
	return func(ctx context.Context, in In) (out Out, err error) {
		heartbeats, err := readHeartbeats(ctx)
		if err != nil {
			return out, err
		}
		execution := heartbeats.execution()
		if execution.Lost >= MaxLost {
			failure := Lost("this activity")
			return out, temporal.NewApplicationErrorWithOptions(failure.Message, failure.Name,
				temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{failure.Advice}})
		}
		defer KeepAlive(ctx, func() { heartbeats.beat(ctx) })()
		guard, err := budget.Guard(ctx, execution)
		if err != nil {
			return out, err
		}
		succeeded := false // also not when it panics
		defer func() {
			if succeeded {
				guard.stop() // no attempt follows that could ask for the count
				return
			}
			guard.Release(ctx)
		}()
		out, err = run(ctx, in)
		succeeded = err == nil
		return out, err
	}
}

// heartbeatsPerTimeout is how many heartbeats are sent within the heartbeat timeout.
const heartbeatsPerTimeout = 4

// KeepAlive calls beat, which sends a heartbeat, several times within the activity's heartbeat timeout, until
// the returned function is called.
func KeepAlive(ctx context.Context, beat func()) (stop func()) {
	timeout := activity.GetInfo(ctx).HeartbeatTimeout
	if timeout <= 0 {
		return func() {}
	}
	ticker := time.NewTicker(timeout / heartbeatsPerTimeout)
	done := make(chan struct{})
	var beating sync.WaitGroup
	beating.Go(func() {
		for {
			select {
			case <-ticker.C:
				beat()
			case <-done:
				return
			}
		}
	})
	return func() {
		ticker.Stop()
		close(done)
		beating.Wait()
	}
}

// heartbeats is the Store of an activity without a record: Temporal keeps the details of the last heartbeat
// for the next attempt.
type heartbeats struct {
	// attempt is the number of this attempt, from 1.
	attempt int

	mu   sync.Mutex
	last details
}

// details are the details of a heartbeat.
type details struct {
	// Attempt is the attempt that counted the workers, 0 for none.
	Attempt int `json:"attempt"`
	// Lost is the count, as in Store.
	Lost int `json:"lost"`
}

func readHeartbeats(ctx context.Context) (*heartbeats, error) {
	info := activity.GetInfo(ctx)
	if info.IsLocalActivity {
		return nil, temporal.NewNonRetryableApplicationError(info.ActivityType.Name+" counts lost workers and cannot be a local activity", "Error", nil)
	}
	h := &heartbeats{attempt: int(info.Attempt)}
	if !activity.HasHeartbeatDetails(ctx) {
		return h, nil
	}
	if err := activity.GetHeartbeatDetails(ctx, &h.last); err != nil {
		return nil, fmt.Errorf("count the workers that died: %w", err)
	}
	if h.last.Attempt >= h.attempt {
		h.last = details{} // an operator has reset the activity, and Temporal counts from 1 again
	}
	return h, nil
}

// execution is the attempt as it begins. An attempt that counted nothing died: one that fails says so.
func (h *heartbeats) execution() Execution {
	lost := h.last.Lost
	if h.last.Attempt < h.attempt-1 {
		lost = max(lost, 1)
	}
	return Execution{Store: h, Lost: lost, Stored: max(lost, 1), AtOnce: true}
}

// SetLost implements Store.
func (h *heartbeats) SetLost(ctx context.Context, workers int) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = details{Attempt: h.attempt, Lost: workers}
	// The SDK holds heartbeats back for most of the timeout: it gets the new details first, so that it sends
	// no old ones later.
	activity.RecordHeartbeat(ctx, h.last)
	err := activity.GetClient(ctx).RecordActivityHeartbeat(ctx, activity.GetInfo(ctx).TaskToken, h.last)
	if temporal.IsCanceledError(err) || errors.Is(err, activity.ErrActivityPaused) || errors.Is(err, activity.ErrActivityReset) {
		return nil // Temporal has kept it, and says besides that the activity has to stop
	}
	return err
}

// beat keeps the activity alive, and the count as it is.
func (h *heartbeats) beat(ctx context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	activity.RecordHeartbeat(ctx, h.last)
}
