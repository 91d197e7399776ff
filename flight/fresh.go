package flight

import (
	"context"
	"sync"
	"time"
)

// Fresh shares work whose result must not be older than the question for it. A caller never gets the result of work
// that was under way when it asked: all that ask meanwhile share the work that begins next. Its zero value is ready.
// It is safe for concurrent use.
type Fresh[V any] struct {
	mu sync.Mutex
	// isWorking says that work is under way. next is what follows it, nil when nobody waits for more.
	isWorking bool
	next      *freshWork[V]
}

type freshWork[V any] struct {
	do     func() (V, error)
	done   chan struct{}
	result V
	err    error
}

// Do returns the result of work that began after the call. Callers share the work of one of them. It continues when
// that one leaves, and ends at its own deadline. A caller whose ctx ends gets ctx's error.
func (f *Fresh[V]) Do(ctx context.Context, deadline time.Duration, work func(context.Context) (V, error)) (V, error) {
	shared := f.join(func() (V, error) {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), deadline)
		defer cancel()
		return work(bounded)
	})
	select {
	case <-ctx.Done():
		var none V
		return none, ctx.Err()
	case <-shared.done:
		return shared.result, shared.err
	}
}

// join returns the work that begins next, which is do unless another caller waits for some already.
func (f *Fresh[V]) join(do func() (V, error)) *freshWork[V] {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next == nil {
		f.next = &freshWork[V]{do: do, done: make(chan struct{})}
	}
	joined := f.next
	if !f.isWorking {
		f.isWorking = true
		go f.workOff()
	}
	return joined
}

// workOff does one work after another, until nobody waits for more.
func (f *Fresh[V]) workOff() {
	for now := f.take(); now != nil; now = f.take() {
		now.result, now.err = now.do()
		close(now.done)
	}
}

// take takes the next work. Callers that come later wait for another one.
func (f *Fresh[V]) take() *freshWork[V] {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.next
	f.next, f.isWorking = nil, now != nil
	return now
}
