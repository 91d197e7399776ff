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

// ExpressionErrors has a line for each expression that could not be evaluated, with its path, source and
// cause. They contain no secrets.
type ExpressionErrors []string

// maxExpressionErrors bounds the number of lines: a step may have a thousand iterations.
const maxExpressionErrors = 20

// expressionErrors formats the failures at a place. shown are the failures of the same rendering with masked
// sources: their causes contain no secrets.
func expressionErrors(place string, failures, shown expression.Failures) ExpressionErrors {
	var lines ExpressionErrors
	for i := range failures {
		lines = lines.and(ExpressionErrors{place + failures[i].Path + ": " + showFailure(&failures[i], shown.At(failures[i].Path))})
	}
	return lines
}

// and combines two lists. Each line occurs once.
func (e ExpressionErrors) and(more ExpressionErrors) ExpressionErrors {
	for _, each := range more {
		if len(e) < maxExpressionErrors && !slices.Contains(e, each) {
			e = append(e, each)
		}
	}
	return e
}

// Warnings returns the lines for a log.
func (e ExpressionErrors) Warnings() []string {
	lines := make([]string, len(e))
	for i, each := range e {
		lines[i] = "An expression could not be evaluated and is kept as written: " + each
	}
	return lines
}

// Explain adds the expressions that could not be evaluated to a step's error, because they may be its cause.
func (e ExpressionErrors) Explain(err error) error {
	if err == nil || len(e) == 0 {
		return err
	}
	return fmt.Errorf("%w\nBefore that, this could not be evaluated: %s", err, strings.Join(e, "; "))
}

// showFailure formats a failure with the cause from the rendering with masked sources.
func showFailure(failure, shown *expression.EvaluationError) string {
	if shown == nil {
		return failure.ShownSource() + ": the cause is not shown, because the expression sees something secret"
	}
	return failure.ShownSource() + ": " + shown.Cause()
}

// asFailure returns the EvaluationError in an error, nil for none.
func asFailure(err error) *expression.EvaluationError {
	if failure, is := errors.AsType[*expression.EvaluationError](err); is {
		return failure
	}
	return nil
}

const adviceUnevaluable = "Mend the expression in the template and start a new run: this one keeps the template it began with."

// unevaluable returns the error of a step with an expression that cannot be evaluated.
func unevaluable(step template.Step, broken string) error {
	return action.Advise(fault.New(fault.Input, "Step %s: cannot evaluate %s", step.ID, broken), adviceUnevaluable)
}
