package flight_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/flight"
)

// TestConcurrentCallersShareTheWork: also when the caller that began it leaves.
func TestConcurrentCallersShareTheWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var group flight.Group[string]
		began, finish := 0, make(chan string)
		call := func(ctx context.Context) (string, error) {
			return group.Do(ctx, "key", time.Minute, func(context.Context) (string, error) {
				began++
				return <-finish, nil
			})
		}
		leaving, leave := context.WithCancel(t.Context())
		left, got := make(chan error), make(chan string)
		go func() {
			_, err := call(leaving)
			left <- err
		}()
		synctest.Wait()
		go func() {
			value, err := call(t.Context())
			if err == nil {
				got <- value
			}
		}()
		synctest.Wait()
		leave()
		require.ErrorIs(t, <-left, context.Canceled)
		finish <- "result"
		require.Equal(t, "result", <-got)
		require.Equal(t, 1, began)
	})
}

func TestTheWorkEndsAtItsDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var group flight.Group[struct{}]
		_, err := group.Do(t.Context(), "key", time.Minute, func(ctx context.Context) (struct{}, error) {
			<-ctx.Done()
			return struct{}{}, ctx.Err()
		})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestTheErrorOfTheWorkIsReturned(t *testing.T) {
	t.Parallel()
	var group flight.Group[error] // a nil value of an interface type
	failed := errors.New("failed")
	value, err := group.Do(t.Context(), "key", time.Minute, func(context.Context) (error, error) { return nil, failed })
	require.ErrorIs(t, err, failed)
	require.NoError(t, value)
}
