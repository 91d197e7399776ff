package templaterun_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/run"
)

// TestManyIterations runs a step of many iterations in one `advance run`, and one whose iterations are
// activities.
func TestManyIterations(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		quick      bool
		iterations int
	}{{true, 250}, {true, 500}, {true, 1000}, {false, 40}} {
		t.Run(fmt.Sprintf("%d, quick %t", test.iterations, test.quick), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, &act{description: action.Description{Quick: test.quick}, run: output(action.Output{"x": strings.Repeat("x", 100)})},
				fmt.Sprintf(`{"id":"one","name":"One","action":"test:act","each":"${{ range(%d) }}"}`, test.iterations))
			began := time.Now()
			result := b.advance(engine.AdvanceRequest{})
			for result.Kind == engine.NextAction {
				b.must("test:act", engine.ActionRequest{RunID: b.id.String(), Iteration: result.Action.Iteration})
				result = b.advance(engine.AdvanceRequest{})
			}
			t.Log(time.Since(began))
			require.Equal(t, next(engine.NextEnd), result)
			require.Equal(t, test.iterations, b.act.runs)
			var output struct{ X []string }
			require.NoError(t, json.Unmarshal(b.step(0).Output, &output))
			require.Len(t, output.X, test.iterations)
			kept, err := b.runs.Iterations(t.Context(), b.id, 0)
			require.NoError(t, err)
			require.Empty(t, kept, "they go with the end of the step")
		})
	}
}

// TestAStepReadsOutputsOnlyWhenItUsesThem makes the output of an earlier step unreadable.
func TestAStepReadsOutputsOnlyWhenItUsesThem(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{run: output(action.Output{"url": secret})}, stepOne, `{"id":"two","name":"Two","action":"test:act","each":[1,2]}`,
		`{"id":"three","name":"Three","action":"test:act","input":{"url":"${{ steps.one.output.url }}"}}`)
	b.must("test:act", b.request(0))
	_, err := b.pool.Exec(t.Context(), "update run_steps set sealed_output = 'damaged' where run_id = $1 and position = 0", b.id)
	require.NoError(t, err)
	for iteration := range 2 {
		request := b.request(1)
		request.Iteration = iteration
		b.must("test:act", request)
	}
	require.Equal(t, 3, b.act.runs)
	_, err = b.environment.ExecuteActivity("test:act", b.request(2))
	require.ErrorContains(t, err, "output of step one")
	require.Equal(t, 3, b.act.runs, "and a step that uses them does not run without")
}

// TestItemsOfEachAreCachedBetweenIterations makes their source unreadable after the first iteration.
func TestItemsOfEachAreCachedBetweenIterations(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{run: output(action.Output{"list": []string{secret + "1", secret + "2", secret + "3"}})}, stepOne,
		`{"id":"two","name":"Two","action":"test:act","each":"${{ steps.one.output.list }}","input":{"v":"${{ each.value }}"}}`)
	b.must("test:act", b.request(0))
	request := b.request(1)
	b.must("test:act", request)
	_, err := b.pool.Exec(t.Context(), "update run_steps set sealed_output = 'damaged' where run_id = $1 and position = 0", b.id)
	require.NoError(t, err)
	for request.Iteration = range 3 {
		b.must("test:act", request)
	}
	require.Equal(t, 4, b.act.runs)
	require.JSONEq(t, `{"v":"***3"}`, string(b.step(1).Input))
}

// TestItemsOfEachBelongToAGeneration runs a step again with other secrets.
func TestItemsOfEachBelongToAGeneration(t *testing.T) {
	t.Parallel()
	var seen []string
	b := newBench(t, &act{run: func(_ context.Context, call *action.Call) (action.Output, error) {
		seen = append(seen, string(call.Input))
		return nil, nil
	}}, `{"id":"one","name":"One","action":"test:act","each":["a-${{ secrets.token }}","b-${{ secrets.token }}"],"input":{"v":"${{ each.value }}"}}`)
	b.must("test:act", b.request(0))
	failed := engine.AdvanceRequest{Failed: &engine.FailedAction{Failure: fault.Failure{Name: "Error", Message: "no"}}}
	require.Equal(t, next(engine.NextPark), b.advance(failed))
	_, err := b.runs.Reopen(t.Context(), b.id, run.Reopening{Status: run.StatusProcessing, Phase: run.PhaseRunning, Recovered: true,
		Secrets: map[string]string{"token": "another-secret"}})
	require.NoError(t, err)
	request := b.request(0)
	request.Generation = 1
	for request.Iteration = range 2 {
		b.must("test:act", request)
	}
	require.Equal(t, []string{`{"v":"a-` + secret + `"}`, `{"v":"a-another-secret"}`, `{"v":"b-another-secret"}`}, seen)
}
