package documents

import (
	"context"
	"math"
	"time"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// maxSleep bounds a wait: a run that waits for longer waits for something that a timer is wrong for.
const maxSleep = 24 * time.Hour

// sleepAction is roadiehq:utils:sleep. The engine waits, on a durable timer.
type sleepAction struct{ action.NoEffects }

var _ action.Waiter = sleepAction{}

func (sleepAction) Describe() action.Description {
	return action.Description{
		ID:          "roadiehq:utils:sleep",
		Description: "Halts the run for the given number of seconds.",
		InputSchema: schema("sleep.input"), SupportsDryRun: true, Quick: true,
		Differences: []string{
			"The wait is a timer that outlives a restart of the worker, and ends when the run is cancelled. More than 24 hours are refused.",
			"A dry run does not wait.",
		},
		Examples: []action.Example{
			{Description: "Give another system half a minute", Example: `steps:
  - id: settle
    name: Let the cluster settle
    action: roadiehq:utils:sleep
    input:
      amount: 30
`},
			{Description: "Wait for a part of a second", Example: `steps:
  - id: pause
    name: Pause
    action: roadiehq:utils:sleep
    input:
      amount: 0.5
`},
		},
	}
}

func seconds(call *action.Call) (float64, error) {
	var input struct{ Amount float64 }
	err := call.Decode(&input)
	return input.Amount, err
}

// Wait says how long the engine must wait. A negative time is none.
func (sleepAction) Wait(call *action.Call) (time.Duration, error) {
	amount, err := seconds(call)
	if err != nil {
		return 0, err
	}
	if amount > maxSleep.Seconds() {
		return 0, action.InputError("sleep amount can not be greater than %v seconds", maxSleep.Seconds())
	}
	return time.Duration(math.Max(amount, 0) * float64(time.Second)), nil
}

// Run only writes the log: the engine has waited before.
func (sleepAction) Run(_ context.Context, call *action.Call) (action.Output, error) {
	amount, err := seconds(call)
	if err == nil {
		call.Log.Info("Waiting %s seconds", nunjucks.FormatNumber(amount))
	}
	return nil, err
}
