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

// TestNobodyGetsWorkThatBeganBeforeTheQuestion: those who ask while work is under way share the next one.
func TestNobodyGetsWorkThatBeganBeforeTheQuestion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var shared flight.Fresh[int]
		began, finish, got := 0, make(chan struct{}), make(chan int, 10)
		ask := func(ctx context.Context) {
			value, err := shared.Do(ctx, time.Minute, func(context.Context) (int, error) {
				began++
				mine := began
				<-finish
				return mine, nil
			})
			if err == nil {
				got <- value
			}
		}
		go ask(t.Context())
		synctest.Wait()
		leaving, leave := context.WithCancel(t.Context())
		go ask(leaving) // its work is that of the two who follow
		synctest.Wait()
		go ask(t.Context())
		go ask(t.Context())
		synctest.Wait()
		require.Equal(t, 1, began)

		finish <- struct{}{}
		synctest.Wait()
		require.Equal(t, []int{1}, all(got))
		leave()
		finish <- struct{}{}
		synctest.Wait()
		require.Equal(t, []int{2, 2}, all(got))

		go ask(t.Context()) // after a pause
		finish <- struct{}{}
		synctest.Wait()
		require.Equal(t, []int{3}, all(got))
	})
}

// all takes what is in a channel.
func all(values chan int) []int {
	var found []int
	for len(values) > 0 {
		found = append(found, <-values)
	}
	return found
}

func TestFreshWorkEndsAtItsDeadlineAndItsErrorIsReturned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var shared flight.Fresh[int]
		_, err := shared.Do(t.Context(), time.Minute, func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		failed := errors.New("failed")
		_, err = shared.Do(t.Context(), time.Minute, func(context.Context) (int, error) { return 0, failed })
		require.ErrorIs(t, err, failed)
	})
}
