package recall

import (
	"sync"
	"time"
)

// Bounded caches values up to a size of all of them. What has not been asked for goes first: values are in two
// generations, and each that is asked for moves to the younger one. When that is half of the whole, or after some time,
// the older generation is dropped and the younger one becomes it. It is safe for concurrent use.
type Bounded[K comparable, V any] struct {
	most int // of a generation
	keep time.Duration

	mu             sync.Mutex
	younger, older generation[K, V]
	// ages says that the next change of generations is due. An empty cache needs none.
	ages bool
}

type generation[K comparable, V any] struct {
	values map[K]sized[V]
	size   int
}

type sized[V any] struct {
	value V
	size  int
}

// NewBounded makes a cache for values whose sizes are at most limit together. A value that nobody asks for is dropped
// after keep at the earliest, and after twice that time at the latest.
func NewBounded[K comparable, V any](limit int, keep time.Duration) *Bounded[K, V] {
	b := &Bounded[K, V]{most: limit / 2, keep: keep}
	b.younger.values, b.older.values = map[K]sized[V]{}, map[K]sized[V]{}
	return b
}

// Remember adds a value of a size, or replaces the one of the same key. A value larger than half of the limit is not
// kept.
func (b *Bounded[K, V]) Remember(key K, value V, size int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.younger.remove(key)
	b.older.remove(key)
	if size <= b.most {
		b.add(key, sized[V]{value, size})
	}
}

// Get returns a value; false when the cache does not have it.
func (b *Bounded[K, V]) Get(key K) (V, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known, ok := b.younger.values[key]
	if ok {
		return known.value, true
	}
	if known, ok = b.older.values[key]; ok {
		b.older.remove(key)
		b.add(key, known)
	}
	return known.value, ok
}

// add puts a value of no generation into the younger one. The caller holds mu.
func (b *Bounded[K, V]) add(key K, value sized[V]) {
	if b.younger.size+value.size > b.most {
		b.age()
	}
	b.younger.values[key] = value
	b.younger.size += value.size
	if !b.ages {
		b.ages = true
		time.AfterFunc(b.keep, b.ageInTime)
	}
}

// age drops the older generation. The caller holds mu.
func (b *Bounded[K, V]) age() {
	b.older, b.younger = b.younger, generation[K, V]{values: map[K]sized[V]{}}
}

// ageInTime lets the values age, and once more as long as there are any.
func (b *Bounded[K, V]) ageInTime() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.age()
	if b.ages = len(b.older.values) > 0; b.ages {
		time.AfterFunc(b.keep, b.ageInTime)
	}
}

func (g *generation[K, V]) remove(key K) {
	g.size -= g.values[key].size
	delete(g.values, key)
}
