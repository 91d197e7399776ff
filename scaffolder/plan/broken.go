package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/template"
)

// Broken are the places whose expressions could not be evaluated, each with the expression and the cause, as people may
// see them.
type Broken []string

// maxBroken bounds how many are told of: a step may have a thousand iterations.
const maxBroken = 20

// brokenOf tells the failures that happened at a place. shown are the failures of the same as people see it: their words
// hold nothing secret.
func brokenOf(place string, failures, shown expression.Failures) Broken {
	var broken Broken
	for i := range failures {
		broken = broken.and(Broken{place + failures[i].Path + ": " + showFailure(&failures[i], shown.At(failures[i].Path))})
	}
	return broken
}

// and are both, each once.
func (b Broken) and(more Broken) Broken {
	for _, each := range more {
		if len(b) < maxBroken && !slices.Contains(b, each) {
			b = append(b, each)
		}
	}
	return b
}

// Warnings are lines for a log.
func (b Broken) Warnings() []string {
	lines := make([]string, len(b))
	for i, each := range b {
		lines[i] = "An expression could not be evaluated and goes on as it is written: " + each
	}
	return lines
}

// Because is why a step failed, with what could not be evaluated before: that may be the reason.
func (b Broken) Because(err error) error {
	if err == nil || len(b) == 0 {
		return err
	}
	return fmt.Errorf("%w\nBefore that, this could not be evaluated: %s", err, strings.Join(b, "; "))
}

// showFailure tells a failure in the words of the same failure as people see it.
func showFailure(failure, shown *expression.EvaluationError) string {
	if shown == nil {
		return failure.ShownSource() + ": the cause is not shown, because the expression sees something secret"
	}
	return failure.ShownSource() + ": " + shown.Cause()
}

// asFailure is the failure that an error is, nil for none.
func asFailure(err error) *expression.EvaluationError {
	if failure, is := errors.AsType[*expression.EvaluationError](err); is {
		return failure
	}
	return nil
}

const adviceUnevaluable = "Mend the expression in the template and start a new run: this one keeps the template it began with."

// unevaluable is the error of a step with a part that cannot be evaluated.
func unevaluable(step template.Step, broken string) error {
	return action.Advise(fault.New(fault.Input, "Step %s: cannot evaluate %s", step.ID, broken), adviceUnevaluable)
}
