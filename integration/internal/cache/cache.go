// Package cache caches the answers of a host. Concurrent callers share one request.
package cache

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/portico-dev/portico/flight"
)

// fetchDeadline bounds the fetching of one value for a cache.
const fetchDeadline = 30 * time.Second

// Cache keeps values until they expire. Concurrent fetches of one key share one call. Its zero value is
// empty. It is safe for concurrent use.
type Cache[V any] struct {
	flight flight.Group[V]
	mutex  sync.Mutex
	values map[string]Fresh[V]
}

// Fresh is a value with its expiry.
type Fresh[V any] struct {
	Value V
	Until time.Time
}

// Get returns the cached value of a key, or the result of fetch. A fetch continues after its caller has gone,
// because others may wait for it, and ends at its own deadline. Errors are not cached.
func (c *Cache[V]) Get(ctx context.Context, key string, fetch func(context.Context) (Fresh[V], error)) (V, error) {
	if value, found := c.lookUp(key); found {
		return value, nil
	}
	return c.flight.Do(ctx, key, fetchDeadline, func(ctx context.Context) (V, error) {
		if value, found := c.lookUp(key); found {
			return value, nil
		}
		got, err := fetch(ctx)
		if err != nil {
			return got.Value, err
		}
		c.keep(key, got)
		return got.Value, nil
	})
}

func (c *Cache[V]) lookUp(key string) (V, bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	kept, found := c.values[key]
	return kept.Value, found && time.Now().Before(kept.Until)
}

// keep stores a value and drops expired ones.
func (c *Cache[V]) keep(key string, value Fresh[V]) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	now := time.Now()
	maps.DeleteFunc(c.values, func(_ string, kept Fresh[V]) bool { return !now.Before(kept.Until) })
	if c.values == nil {
		c.values = map[string]Fresh[V]{}
	}
	c.values[key] = value
}

// Drop removes the values that match, and reports whether there were any.
func (c *Cache[V]) Drop(matches func(key string, value V) bool) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	before := len(c.values)
	maps.DeleteFunc(c.values, func(key string, kept Fresh[V]) bool { return matches(key, kept.Value) })
	return len(c.values) < before
}

// Size is the number of values, including expired ones.
func (c *Cache[V]) Size() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return len(c.values)
}
