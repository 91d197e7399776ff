// Package debug holds the actions that help a template's author to see what happens: debug:log and
// debug:wait. The engine does the waiting, on a durable timer; the action only says how long.
package debug

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"time"

	"github.com/portico-dev/portico/scaffolder/action"
)

var (
	//go:embed schema/log.input.json
	logInput json.RawMessage
	//go:embed schema/wait.input.json
	waitInput json.RawMessage
)

// Actions are the actions of this package.
func Actions() []action.Action {
	return []action.Action{logAction{}, waitAction{}}
}

// maxWait is Backstage's limit.
const maxWait = 10 * time.Minute

// waitAction is debug:wait.
type waitAction struct{ action.NoEffects }

var _ action.Waiter = waitAction{}

func (waitAction) Describe() action.Description {
	return action.Description{
		ID:          "debug:wait",
		Description: "Waits for a certain period of time.",
		InputSchema: waitInput,
		Quick:       true,
		Examples: []action.Example{
			{Description: "Give another system half a minute", Example: `steps:
  - id: settle
    name: Let the cluster settle
    action: debug:wait
    input:
      seconds: 30
`},
			{Description: "Wait as long as the form says, and a little more", Example: `steps:
  - id: pause
    name: Pause
    action: debug:wait
    input:
      minutes: 2
      milliseconds: 500
`},
		},
	}
}

// Wait says how long the engine must wait. More than ten minutes is a final error, worded as in Backstage. A
// negative time is none.
func (waitAction) Wait(call *action.Call) (time.Duration, error) {
	var amounts struct {
		Minutes      float64 `json:"minutes"`
		Seconds      float64 `json:"seconds"`
		Milliseconds float64 `json:"milliseconds"`
	}
	if err := call.Decode(&amounts); err != nil {
		return 0, err
	}
	seconds := amounts.Minutes*60 + amounts.Seconds + amounts.Milliseconds/1000
	if seconds > maxWait.Seconds() {
		return 0, action.Final(errors.New("Waiting duration is longer than the maximum threshold of 0 hours, 10 minutes, 0 seconds")) //nolint:staticcheck // The error of the real action, word for word: people search for it.
	}
	return time.Duration(max(seconds, 0) * float64(time.Second)), nil
}

// Run does nothing: the engine has waited before.
func (waitAction) Run(context.Context, *action.Call) (action.Output, error) { return nil, nil }
