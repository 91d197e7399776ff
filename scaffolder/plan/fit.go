package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/portico-dev/portico/scaffolder/action"
)

// Fit holds the inputs of the iterations that were decided on and are not done to what the action takes. What
// it does not declare is left out, with a warning: people's templates carry such inputs from the days when
// Backstage ignored them. A violation of its schema is an error.
func (p *Planner) Fit(ctx context.Context, decision *Decision, does action.Description, done int) error {
	for index := min(done, len(decision.Iterations)); index < len(decision.Iterations); index++ {
		err := p.FitOne(ctx, decision, does, index)
		if err != nil || decision.partial && decision.Iterations[index].Run {
			return err
		}
	}
	return nil
}

// FitOne does so with one iteration.
func (p *Planner) FitOne(ctx context.Context, decision *Decision, does action.Description, index int) error {
	if !p.rules.StrictInputs {
		decision.takes = &does
	}
	iteration, dropped, err := decision.iteration(ctx, index)
	if err != nil || !iteration.Run {
		return err
	}
	for _, name := range dropped {
		decision.dropInput(undeclared(name, does))
	}
	err = does.CheckInput(iteration.Name(does.ID), iteration.Input)
	if _, refused := errors.AsType[*action.Error](err); refused {
		return action.Advise(err, "Correct the step's input in the template, or the value that it came from, and start a new run.")
	}
	return err
}

func (d *Decision) dropInput(warning string) {
	if len(d.DroppedInputs) < maxExpressionErrors && !slices.Contains(d.DroppedInputs, warning) {
		d.DroppedInputs = append(d.DroppedInputs, warning)
	}
}

func undeclared(name string, does action.Description) string {
	names, _ := does.Inputs()
	return fmt.Sprintf("The input %s was left out: %s does not declare it. It takes %s.", name, does.ID, strings.Join(names, ", "))
}

// Warnings are lines for the step's log: what of its input is not as its author may think.
func (d *Decision) Warnings() []string {
	return append(d.ExpressionErrors.Warnings(), d.DroppedInputs...)
}
