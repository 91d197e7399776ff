// Package details completes lists that tell less than people want to see: it asks for each item by itself, a few at
// once, and only when the item has changed.
package details

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/integration/internal/cache"
)

const (
	// atOnce is how many items are asked for at once.
	atOnce = 5
	// knownFor is how long the details of an item that does not change are kept. Hosts tell changes to the second, so
	// one that comes within the second of the first question is seen after this time.
	knownFor = 10 * time.Minute
)

// Cache keeps details of type D, by versions of items. The zero value is empty.
type Cache[D any] struct{ known cache.Cache[D] }

// Complete calls add for each item with its details. A version names an item together with when it changed last, so
// that ask is called once for it.
func Complete[T, D any](ctx context.Context, c *Cache[D], items []T, version func(T) string, ask func(context.Context, T) (D, error), add func(*T, D)) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for n := range items {
		group.Go(func() error {
			found, err := c.known.Get(ctx, version(items[n]), func(ctx context.Context) (cache.Fresh[D], error) {
				found, err := ask(ctx, items[n])
				return cache.Fresh[D]{Value: found, Until: time.Now().Add(knownFor)}, err
			})
			if err == nil {
				add(&items[n], found)
			}
			return err
		})
	}
	return group.Wait()
}
