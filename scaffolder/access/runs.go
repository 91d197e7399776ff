// Package access has the permission rules of actions and of the pages and steps of templates, and makes the
// decisions about them for runs. The rules have Backstage's names.
package access

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/template"
)

// Runs decides which actions the starter of a run may execute, with which inputs, and which parts of a template
// the run has. A nil *Runs allows everything and costs nothing: it is for installations without permissions.
type Runs struct{ decider policy.Decider }

// NewRuns returns the decisions of a decider about runs.
func NewRuns(decider policy.Decider) *Runs { return &Runs{decider} }

// CheckSteps checks the steps of a run before it starts, while their inputs are not known. The first step that
// the starter may not execute with any input is refused with a fault of kind NotAllowed, whether or not its if
// would skip it.
func (r *Runs) CheckSteps(ctx context.Context, starter identity.Principal, steps []template.Step) error {
	if r == nil {
		return nil
	}
	granted, err := r.ask(ctx, starter)
	if err != nil {
		return err
	}
	for _, step := range steps {
		if verdictOn(granted, Execution{Action: step.Action}) == no {
			return refuse(granted, step)
		}
	}
	return nil
}

// Permit decides about the rendered inputs of a step. The result refuses an input with a fault of kind
// NotAllowed; it is nil if every input is allowed. An error means that no decision could be made.
func (r *Runs) Permit(ctx context.Context, starter identity.Principal, step template.Step) (plan.Permit, error) {
	if r == nil {
		return nil, nil
	}
	granted, err := r.ask(ctx, starter)
	if err != nil || verdictOn(granted, Execution{Action: step.Action}) == yes {
		return nil, err
	}
	return func(ctx context.Context, input json.RawMessage) error {
		value, err := nunjucks.DecodeJSONWithin(ctx, input)
		if err != nil {
			return fmt.Errorf("input of step %s: %w", step.ID, err)
		}
		if !granted.Allows(Execution{Action: step.Action, Input: value}) {
			return refuse(granted, step)
		}
		return nil
	}, nil
}

func (r *Runs) ask(ctx context.Context, starter identity.Principal) (Grant, error) {
	return ActionRules.Ask(ctx, r.decider, starter, policy.ScaffolderActionExecute)
}

// refuse is Backstage's error with the step's name.
func refuse(granted Grant, step template.Step) error {
	return action.Advise(fault.Wrap(fault.NotAllowed, granted.Refusal(step.Action),
		"Unauthorized action: %s. The action is not allowed. The step %s needs it.", step.Action, step.Name),
		"Ask somebody who manages roles for the permission %s on %s, and for which inputs it is.", policy.ScaffolderActionExecute, step.Action)
}
