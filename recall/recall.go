// Package recall remembers what was just written, for the reader who comes moments later in the same process.
// It holds nothing that is not stored elsewhere: what it has forgotten is read from there.
package recall

import (
	"sync"
	"time"
)

// Memory keeps values until they are taken, the newest of them and for a while. It is safe for concurrent
// use.
type Memory[K comparable, V any] struct {
	limit int
	keep  time.Duration

	mu     sync.Mutex
	values map[K]remembered[V]
}

type remembered[V any] struct {
	value V
	until time.Time
}

// New makes a memory for up to limit values, each of which is kept for that long.
func New[K comparable, V any](limit int, keep time.Duration) *Memory[K, V] {
	return &Memory[K, V]{limit: limit, keep: keep, values: map[K]remembered[V]{}}
}

// Remember keeps a value. When there is no more room all others are forgotten: nobody came for them.
func (m *Memory[K, V]) Remember(key K, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.values) >= m.limit {
		clear(m.values)
	}
	m.values[key] = remembered[V]{value: value, until: time.Now().Add(m.keep)}
}

// Take answers a value and forgets it; false when it is not known, or not any more.
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

// Forget drops a value that is no longer what was written.
func (m *Memory[K, V]) Forget(key K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.values, key)
}
