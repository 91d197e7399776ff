package templaterun_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/engine"
)

// TestManyIterations runs a step of many iterations in one turn, and one whose iterations are activities of
// their own.
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
			turn := b.advance(engine.AdvanceRequest{})
			for turn.Kind == engine.NextAction {
				b.must("test:act", engine.ActionRequest{RunID: b.id.String(), Iteration: turn.Action.Iteration})
				turn = b.advance(engine.AdvanceRequest{})
			}
			t.Log(time.Since(began))
			require.Equal(t, next(engine.NextEnd), turn)
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
