package plan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/portico-dev/portico/scaffolder/action"
)

// Permit refuses the inputs that a run's starter may not give to an action. A nil Permit refuses none.
type Permit func(ctx context.Context, input json.RawMessage) error

// CheckInputs validates the inputs of the decided iterations from done on against the action's schema, and
// asks permit about them. Inputs that the action does not declare are removed with a warning: many templates
// have such inputs, because Backstage used to ignore them. A violation of the schema is an error.
func (p *Planner) CheckInputs(ctx context.Context, decision *Decision, does action.Description, done int, permit Permit) error {
	for index := min(done, len(decision.Iterations)); index < len(decision.Iterations); index++ {
		err := p.CheckInput(ctx, decision, does, index, permit)
		if err != nil || decision.partial && decision.Iterations[index].Run {
			return err
		}
	}
	return nil
}

// CheckInput is CheckInputs for one iteration.
func (p *Planner) CheckInput(ctx context.Context, decision *Decision, does action.Description, index int, permit Permit) error {
	if !p.rules.StrictInputs {
		decision.target = &does
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
		return action.Advise(err, "%sCorrect the step's input in the template, or the value that it came from, and start a new run.",
			decision.withoutValue(iteration.Input, dropped))
	}
	if err != nil || permit == nil {
		return err
	}
	ctx, leave := p.Enter(ctx) // it decodes the input
	defer leave()
	return permit(ctx, iteration.Input)
}

// withoutValue names the inputs that the template has and that have no value, a sentence each: an action that needs one
// does not know that.
func (d *Decision) withoutValue(rendered json.RawMessage, dropped []string) string {
	var written, given map[string]json.RawMessage
	if json.Unmarshal(d.written, &written) != nil || json.Unmarshal(rendered, &given) != nil {
		return ""
	}
	var sentences strings.Builder
	for _, name := range slices.Sorted(maps.Keys(written)) {
		source, isText := textOf(written[name])
		if _, has := given[name]; isText && !has && !slices.Contains(dropped, name) {
			fmt.Fprintf(&sentences, "The input %s has no value: %s led to none. ", name, source)
		}
	}
	return sentences.String()
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

// Warnings returns warnings for the step's log about inputs that its author may not expect.
func (d *Decision) Warnings() []string {
	return append(d.ExpressionErrors.Warnings(), d.DroppedInputs...)
}
