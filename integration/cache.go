package integration

import (
	"context"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// fetchDeadline bounds the fetching of one value for a cache.
const fetchDeadline = 30 * time.Second

// cache keeps values until they go stale, and fetches each only once at a time. Its zero value is empty. It is safe for
// concurrent use.
type cache[V any] struct {
	flight singleflight.Group
	mutex  sync.Mutex
	values map[string]fresh[V]
}

// fresh is a value and when it stops being good.
type fresh[V any] struct {
	value V
	until time.Time
}

// get is the value kept under a key, or what fetch gives. A fetch outlives the caller who began it, since others may wait
// for it too, and ends at its own deadline. Errors are not kept.
func (c *cache[V]) get(ctx context.Context, key string, fetch func(context.Context) (fresh[V], error)) (V, error) {
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
		return got.value, nil
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

func (c *cache[V]) lookUp(key string) (V, bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	kept, found := c.values[key]
	return kept.value, found && time.Now().Before(kept.until)
}

// keep stores a value and drops what has gone stale.
func (c *cache[V]) keep(key string, value fresh[V]) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	now := time.Now()
	maps.DeleteFunc(c.values, func(_ string, kept fresh[V]) bool { return !now.Before(kept.until) })
	if c.values == nil {
		c.values = map[string]fresh[V]{}
	}
	c.values[key] = value
}

// drop forgets the values that match, and says whether there were any.
func (c *cache[V]) drop(matches func(key string, value V) bool) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	before := len(c.values)
	maps.DeleteFunc(c.values, func(key string, kept fresh[V]) bool { return matches(key, kept.value) })
	return len(c.values) < before
}

// size is how many values are kept, some of which may be stale.
func (c *cache[V]) size() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return len(c.values)
}
