// Package cache keeps what a host answered for as long as it is likely to hold, and asks once however many
// want it.
package cache

import (
	"context"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// fetchDeadline bounds the fetching of one value for a cache.
const fetchDeadline = 30 * time.Second

// Cache keeps values until they go stale, and fetches each only once at a time. Its zero value is empty. It
// is safe for concurrent use.
type Cache[V any] struct {
	flight singleflight.Group
	mutex  sync.Mutex
	values map[string]Fresh[V]
}

// Fresh is a value and when it stops being good.
type Fresh[V any] struct {
	Value V
	Until time.Time
}

// Get is the value kept under a key, or what fetch gives. A fetch outlives the caller who began it, since
// others may wait for it too, and ends at its own deadline. Errors are not kept.
func (c *Cache[V]) Get(ctx context.Context, key string, fetch func(context.Context) (Fresh[V], error)) (V, error) {
	if value, found := c.lookUp(key); found {
		return value, nil
	}
	fetched := c.flight.DoChan(key, func() (any, error) {
		if value, found := c.lookUp(key); found {
			return value, nil
		}
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchDeadline)
		defer cancel()
		got, err := fetch(bounded)
		if err != nil {
			return nil, err
		}
		c.keep(key, got)
		return got.Value, nil
	})
	var none V
	select {
	case <-ctx.Done():
		return none, ctx.Err()
	case result := <-fetched:
		if result.Err != nil {
			return none, result.Err
		}
		return result.Val.(V), nil //nolint:forcetypeassert // it is what the function above returned
	}
}

func (c *Cache[V]) lookUp(key string) (V, bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	kept, found := c.values[key]
	return kept.Value, found && time.Now().Before(kept.Until)
}

// keep stores a value and drops what has gone stale.
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

// Drop forgets the values that match, and says whether there were any.
func (c *Cache[V]) Drop(matches func(key string, value V) bool) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	before := len(c.values)
	maps.DeleteFunc(c.values, func(key string, kept Fresh[V]) bool { return matches(key, kept.Value) })
	return len(c.values) < before
}

// Size is how many values are kept, some of which may be stale.
func (c *Cache[V]) Size() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return len(c.values)
}
