package plan_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/budget"
	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/plan"
)

// limitedPlanner returns a planner with memory for one rendering of 8 MiB, while one other may wait.
func limitedPlanner() (*plan.Planner, *budget.Pool) {
	pool := budget.NewPool(budget.Limits{Process: 8 << 20, Account: 8 << 20, Waiting: 1})
	return plan.NewPlanner(expression.New(expression.Options{Memory: pool}), plan.Environment{}), pool
}

func TestIterationsAreRenderedOneByOne(t *testing.T) {
	t.Parallel()
	planner, _ := limitedPlanner()
	// Together the inputs are 35 MB.
	large := step(t, `{"id":"x","action":"a","each":"${{ range(40) }}","if":"${{ each.value != 7 }}","input":{"v":"${{ each.key.repeat(500000) }}"}}`)
	decision, err := planner.Decide(t.Context(), scope(), large)
	require.NoError(t, err)
	require.Len(t, decision.Iterations, 40)

	kept := 0
	for index := range decision.Iterations {
		kept += len(decision.Iterations[index].Input)
		iteration, err := decision.Iteration(t.Context(), index)
		require.NoError(t, err)
		require.Equal(t, index != 7, iteration.Run)
		if iteration.Run {
			require.Len(t, iteration.Input, len(`{"v":""}`)+len(iteration.Key)*500_000)
		}
	}
	require.Less(t, kept, 2<<20, "large inputs are not kept")
}

func TestAStepThatTakesTooMuchMemoryFails(t *testing.T) {
	t.Parallel()
	planner, _ := limitedPlanner()
	greedy := step(t, `{"id":"x","action":"a","input":{"a":"${{ 'x'.repeat(2000000) }}","b":"${{ 'x'.repeat(2000000) }}","c":"${{ 'x'.repeat(2000000) }}"}}`)
	_, err := planner.Decide(t.Context(), scope(), greedy)
	require.Equal(t, fault.Input, fault.KindOf(err))
	require.ErrorIs(t, err, budget.ErrExhausted)
	require.ErrorContains(t, err, "portico.run.memory.evaluationMiB")
}

func TestAStepWaitsForMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		planner, pool := limitedPlanner()
		holder := pool.Open()
		require.NoError(t, holder.Acquire(t.Context(), 2<<20))
		large := step(t, `{"id":"x","action":"a","input":{"v":"${{ 'x'.repeat(1500000) }}"}}`)
		waiting := make(chan error)
		go func() {
			_, err := planner.Decide(t.Context(), scope(), large)
			waiting <- err
		}()
		synctest.Wait()

		_, err := planner.Decide(t.Context(), scope(), step(t, `{"id":"x","action":"a","input":{"v":"small"}}`))
		require.NoError(t, err, "a small rendering needs no share")
		_, err = planner.Decide(t.Context(), scope(), large)
		require.Equal(t, fault.Unavailable, fault.KindOf(err), "one is waiting already")

		holder.Close()
		require.NoError(t, <-waiting)
	})
}
