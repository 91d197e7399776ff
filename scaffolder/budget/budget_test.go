package budget_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/budget"
)

func TestAnAccountIsBounded(t *testing.T) {
	t.Parallel()
	account := budget.NewPool(budget.Limits{Account: 10 << 20}).Open()
	defer account.Close()
	require.NoError(t, account.Acquire(t.Context(), 8<<20))
	account.Release(8 << 20)
	require.NoError(t, account.Acquire(t.Context(), 8<<20))
	err := account.Acquire(t.Context(), 3<<20)
	require.ErrorIs(t, err, budget.ErrExhausted)
	require.Equal(t, fault.Input, fault.KindOf(err))
	require.ErrorContains(t, err, "10 MiB")
	require.Equal(t, err, account.Err(), "after an error every Acquire fails")
	require.ErrorIs(t, account.Acquire(t.Context(), 1), budget.ErrExhausted)
}

func TestLargeAccountsWaitForAShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pool := budget.NewPool(budget.Limits{Process: 20 << 20, Account: 10 << 20, Waiting: 1})
		var open []*budget.Account
		for range 2 {
			account := pool.Open()
			require.NoError(t, account.Acquire(t.Context(), 2<<20))
			open = append(open, account)
		}

		waiting := pool.Open()
		done := make(chan error)
		go func() { done <- waiting.Acquire(t.Context(), 2<<20) }()
		synctest.Wait()

		refused := pool.Open()
		require.NoError(t, refused.Acquire(t.Context(), budget.FreeBytes), "below FreeBytes no share is needed")
		require.Equal(t, fault.Unavailable, fault.KindOf(refused.Acquire(t.Context(), 1)), "one waits already")
		refused.Close()

		open[0].Close()
		require.NoError(t, <-done)
		require.NoError(t, waiting.Acquire(t.Context(), 8<<20), "a share is as large as an account may become")
		waiting.Close()
		open[1].Close()
	})
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	pool := budget.NewPool(budget.Limits{Process: 10 << 20, Account: 10 << 20})
	holder := pool.Open()
	defer holder.Close()
	require.NoError(t, holder.Acquire(t.Context(), 2<<20))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, pool.Open().Acquire(ctx, 2<<20), context.Canceled)
}

func TestWithoutAPoolMemoryIsUnbounded(t *testing.T) {
	t.Parallel()
	var pool *budget.Pool
	account := pool.Open()
	require.NoError(t, account.Acquire(t.Context(), 1<<50))
	account.Release(1)
	require.NoError(t, account.Err())
	account.Close()
	require.Nil(t, budget.Of(t.Context()))
	ctx, leave := pool.Enter(t.Context())
	defer leave()
	require.Nil(t, budget.Of(ctx))
}

func TestNestedRenderingsShareOneAccount(t *testing.T) {
	t.Parallel()
	pool := budget.NewPool(budget.Limits{Process: 10 << 20, Account: 10 << 20})
	outer, leaveOuter := pool.Enter(t.Context())
	require.NoError(t, budget.Of(outer).Acquire(outer, 2<<20))
	inner, leaveInner := pool.Enter(outer)
	require.Same(t, budget.Of(outer), budget.Of(inner))
	leaveInner()

	other, leaveOther := pool.Enter(t.Context())
	defer leaveOther()
	leaveOuter()
	require.NoError(t, budget.Of(other).Acquire(other, 2<<20), "the only share is free again")
}
