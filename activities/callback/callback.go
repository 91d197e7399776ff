// Package callback holds callback:create and callback:wait, with which a template hands out an address and waits until
// somebody has used it. Package scaffolder/callback has the addresses.
package callback

import (
	"cmp"
	"context"
	_ "embed" // for the schemas
	"encoding/json"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/callback"
)

var (
	//go:embed schema/create.output.json
	createOutputSchema json.RawMessage
	//go:embed schema/wait.input.json
	waitInputSchema json.RawMessage
	//go:embed schema/wait.output.json
	waitOutputSchema json.RawMessage
)

// Actions are the actions of this package.
func Actions(service *callback.Service) []action.Action {
	return []action.Action{&create{service: service}, &wait{service: service}}
}

var differences = []string{"Backstage has no such action."}

var createExamples = []action.Example{{
	Description: "Order a machine, and say where to tell when it is there",
	Example: `steps:
  - id: callback
    name: Make an address
    action: callback:create
  - id: order
    name: Order the machine
    action: http:backstage:request
    input:
      method: POST
      path: proxy/machines/orders
      body:
        size: ${{ parameters.size }}
        onReady: ${{ steps.callback.output.url }}
        onFailure: ${{ steps.callback.output.failureUrl }}
`,
}}

var waitExamples = []action.Example{{
	Description: "Go on when the machine is there that a step before has ordered; its answer is in `steps.machine.output.body`",
	Example: `steps:
  - id: machine
    name: Wait for the machine
    action: callback:wait
    input:
      id: ${{ steps.callback.output.id }}
      for: the machine
      timeoutHours: 48
`,
}}

// create is the action callback:create.
type create struct {
	action.NoEffects

	service *callback.Service
}

// Describe lists the action.
func (*create) Describe() action.Description {
	return action.Description{
		ID: "callback:create",
		Description: "Makes two addresses at which another system tells this run how something ended, by a POST with a JSON object or nothing as " +
			"body. `callback:wait` waits for it.",
		Examples:      createExamples,
		OutputSchema:  createOutputSchema,
		Quick:         true,
		SecretOutputs: []string{"url", "failureUrl"},
		Needs: []string{
			"The other system reaches `backend.baseUrl`. It needs no credentials: whoever has an address may use it, so the addresses are " +
				"secrets. They belong to this run and end with it.",
		},
		Differences: differences,
	}
}

// Run makes the addresses.
func (c *create) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	created, err := c.service.Create(ctx, call.RunID)
	if err != nil {
		return nil, action.Classify(err)
	}
	return action.Output{"id": created.ID.String(), "url": created.URL, "failureUrl": created.FailureURL}, nil
}

const (
	defaultHours = 168
	// lookAgain is when to look although nobody has woken the run: the signal may be lost.
	lookAgain = 5 * time.Minute
)

// wait is the action callback:wait.
type wait struct {
	action.NoEffects

	service *callback.Service
}

type waitInput struct {
	ID           string  `json:"id"`
	For          string  `json:"for"`
	TimeoutHours float64 `json:"timeoutHours"`
}

// Describe lists the action.
func (*wait) Describe() action.Description {
	return action.Description{
		ID: "callback:wait",
		Description: "Waits until another system has used an address of `callback:create`, for days if need be. No worker is held meanwhile. The " +
			"step fails when the system reports a failure; its message is what the body has as `message`. A retry waits for another answer.",
		Examples:     waitExamples,
		InputSchema:  waitInputSchema,
		OutputSchema: waitOutputSchema,
		Differences:  differences,
	}
}

// Run looks once.
func (w *wait) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	input := waitInput{For: "a callback", TimeoutHours: defaultHours}
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	answer, err := w.service.Look(ctx, call.RunID, input.ID, call.StartedAt)
	switch {
	case err != nil:
		return nil, action.Classify(err)
	case answer == nil:
		return nil, input.notYet(call)
	case !answer.Succeeded:
		return nil, w.fail(ctx, input, answer.Body)
	}
	return action.Output{"body": answer.Body}, nil
}

// fail reports the failure that was told.
func (w *wait) fail(ctx context.Context, input waitInput, body json.RawMessage) error {
	if err := w.service.SeeFailure(ctx, input.ID); err != nil {
		return action.Classify(err)
	}
	var told struct {
		Message string `json:"message"`
	}
	_ = json.Unmarshal(body, &told) // a body without a message is as good
	return action.Advise(fault.New(fault.Conflict, "A failure is reported for %s: %s", input.For, cmp.Or(told.Message, "no reason was given")),
		"Mend it where it failed, then retry: the step waits for another answer at the same address. Or roll the run back.")
}

// notYet looks again later, or gives up.
func (i waitInput) notYet(call *action.Call) error {
	limit := time.Duration(i.TimeoutHours * float64(time.Hour))
	waited := time.Duration(0)
	if !call.StartedAt.IsZero() {
		waited = time.Since(call.StartedAt)
	}
	if waited >= limit {
		return action.Advise(fault.New(fault.Conflict, "Nobody has answered about %s within %g hours", i.For, i.TimeoutHours),
			"Look at the system that was given the address. A retry waits for as long again.")
	}
	return action.NotYet(min(lookAgain, limit-waited), "Waiting for %s", i.For)
}
