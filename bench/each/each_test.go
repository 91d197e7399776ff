package each_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"

	"github.com/portico-dev/portico/activities/crash"
	"github.com/portico-dev/portico/activities/templaterun"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/seal"
)

// noop is an action that does nothing, so that only the cost of the engine is measured.
type noop struct {
	action.NoEffects
	quick bool
}

func (n noop) Describe() action.Description {
	id := "bench:outside"
	if n.quick {
		id = "bench:quick"
	}
	return action.Description{ID: id, Quick: n.quick}
}

func (noop) Run(context.Context, *action.Call) (action.Output, error) {
	return action.Output{"line": strings.Repeat("x", outputBytes)}, nil
}

// outputBytes is about the size of publish:github's output.
const outputBytes = 300

// BenchmarkIteration measures runs of one and of three steps with each, by the activities on a real database.
// It reports the time of one iteration, and the ratio of that to the time of one of a hundred in the same
// run.
func BenchmarkIteration(b *testing.B) {
	measure(b, nil, 0) // the first run in a process also pays for what every run shares
	for _, kind := range []struct {
		name, step string
		steps      int
	}{
		{"quick", `"action":"bench:quick","each":"${{ range(%d) }}","input":{"v":"${{ each.value }}"}`, 1},
		{"quick with a secret", `"action":"bench:quick","each":"${{ range(%d) }}","input":{"v":"${{ secrets.token }}${{ each.value }}"}`, 1},
		{"outside", `"action":"bench:outside","each":"${{ range(%d) }}","input":{"v":"${{ each.value }}"}`, 1},
		{"outside over objects", `"action":"bench:outside","each":"${{ parameters.objects.slice(0, %d) }}","input":{"v":"${{ each.value.name }}"}`, 1},
		{"outside in 3 steps", `"action":"bench:outside","each":"${{ range(%d) }}","input":{"v":"${{ each.value }}"}`, 3},
	} {
		hundred := 0.0
		for _, iterations := range []int{100, 300, 1000} {
			var steps []string
			for n := range kind.steps {
				steps = append(steps, fmt.Sprintf(`{"id":"s%d","name":"S",`+kind.step+`}`, n, iterations))
			}
			b.Run(fmt.Sprintf("%s/%d", kind.name, iterations), func(b *testing.B) {
				total, rounds := time.Duration(0), 0
				for b.Loop() {
					total += measure(b, steps, iterations)
					rounds++
				}
				each := float64(total.Nanoseconds()) / float64(rounds*iterations*kind.steps)
				if iterations == 100 {
					hundred = each
				}
				b.ReportMetric(each, "ns/iteration")
				b.ReportMetric(each/hundred, "times-100")
			})
		}
	}
}

// measure runs these steps as the workflow would, and returns the duration. The run has a parameter with this
// number of objects.
func measure(b *testing.B, steps []string, objects int) time.Duration {
	b.Helper()
	keys, err := seal.NewKeyring(seal.GenerateKey("bench"))
	require.NoError(b, err)
	actions, err := action.NewRegistry(noop{}, noop{quick: true})
	require.NoError(b, err)
	runs := run.NewStore(testkit.Database(b), keys)
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	environment := suite.NewTestActivityEnvironment()
	log := slog.New(slog.DiscardHandler)
	templaterun.New(templaterun.Options{Log: log, CrashBudget: crash.NewBudget(log), Runs: runs, Actions: actions,
		Planner:  plan.NewPlanner(expression.New(expression.Options{}), plan.Environment{}),
		Settings: engine.Settings{StepTimeout: time.Minute, InitialInterval: time.Second, MaximumInterval: time.Minute, MaximumAttempts: 3},
	}).Register(environment)
	n := run.New{ID: uuid.New(), TemplateRef: "template:default/t", Title: "T", Secrets: map[string]string{"token": "hunter2-very-secret"}}
	values := make([]string, objects)
	for i := range values {
		values[i] = fmt.Sprintf(`{"name":"service-%d","owner":"group:default/shop","url":"https://git.example/shop/service-%d","port":%d}`, i, i, 8000+i)
	}
	spec := `{"steps":[` + strings.Join(steps, ",") + `],"output":{},"parameters":{"objects":[` + strings.Join(values, ",") + `]},"user":{}}`
	require.NoError(b, json.Unmarshal([]byte(spec), &n.Spec))
	require.NoError(b, runs.Create(b.Context(), n))

	began := time.Now()
	for {
		var next engine.Next
		value, err := environment.ExecuteActivity(engine.ActivityAdvance, engine.AdvanceRequest{RunID: n.ID.String()})
		require.NoError(b, err)
		require.NoError(b, value.Get(&next))
		if next.Kind == engine.NextEnd {
			return time.Since(began)
		}
		require.Equal(b, engine.NextAction, next.Kind)
		_, err = environment.ExecuteActivity(next.Action.ID, engine.ActionRequest{RunID: n.ID.String(), Position: next.Action.Position,
			Iteration: next.Action.Iteration})
		require.NoError(b, err)
	}
}
