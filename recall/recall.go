// Package recall caches values that were just written or computed, for a reader that needs them moments later
// in the same process. A reader can load or compute a value that is not in the cache.
package recall

import (
	"maps"
	"sync"
	"time"
)

// Memory caches values until they are taken, expire, or are dropped because the memory is full. An expired
// value is not returned, and is removed by the next sweep: while there are values, one follows the other
// after the time that a value is kept, so no value lives longer than twice that time. It is safe for
// concurrent use.
type Memory[K comparable, V any] struct {
	limit int
	keep  time.Duration

	mu     sync.Mutex
	values map[K]remembered[V]
	// sweeps says that a sweep is due. An empty memory needs none.
	sweeps bool
}

type remembered[V any] struct {
	value V
	until time.Time
}

// New makes a memory for up to limit values. Each value expires after keep.
func New[K comparable, V any](limit int, keep time.Duration) *Memory[K, V] {
	return &Memory[K, V]{limit: limit, keep: keep, values: map[K]remembered[V]{}}
}

// Remember adds a value, or replaces the one of the same key. When there is no room for another key, it drops
// all others: nobody took them.
func (m *Memory[K, V]) Remember(key K, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.values[key]; !known && len(m.values) >= m.limit {
		clear(m.values)
	}
	m.values[key] = remembered[V]{value: value, until: time.Now().Add(m.keep)}
	m.planSweep()
}

// planSweep has the values swept once more, if there are any. The caller holds mu.
func (m *Memory[K, V]) planSweep() {
	if m.sweeps || len(m.values) == 0 {
		return
	}
	m.sweeps = true
	time.AfterFunc(m.keep, m.sweep)
}

// sweep removes the values that have expired.
func (m *Memory[K, V]) sweep() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(m.values, func(_ K, known remembered[V]) bool { return now.After(known.until) })
	m.sweeps = false
	m.planSweep()
}

// Take removes a value and returns it. It returns false when the memory does not have the value, or when the
// value has expired.
func (m *Memory[K, V]) Take(key K) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, ok := m.values[key]
	delete(m.values, key)
	if !ok || time.Now().After(known.until) {
		var none V
		return none, false
	}
	return known.value, true
}

// Get returns a value and keeps it; false when the cache does not have it, or it has expired.
func (m *Memory[K, V]) Get(key K) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, ok := m.values[key]
	if !ok || time.Now().After(known.until) {
		delete(m.values, key)
		var none V
		return none, false
	}
	return known.value, true
}

// Forget drops a value that is out of date.
func (m *Memory[K, V]) Forget(key K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.values, key)
}
