// Package plan decides whether a step of a pinned template runs, how often, and with which input. It only
// evaluates expressions. The engine and the dry run share it, so that they agree.
package plan

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/budget"
	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/template"
)

// Environment is the setting scaffolder.defaultEnvironment.
type Environment struct {
	Parameters map[string]string
	Secrets    map[string]string
}

// Rules has the settings that make evaluation stricter than Backstage's. The zero value is Backstage's
// behaviour.
type Rules struct {
	// StrictExpressions makes it an error when an expression of an input or the output cannot be evaluated.
	// Otherwise the text keeps its source, with a warning.
	StrictExpressions bool
	// StrictInputs refuses inputs that an action does not declare. Otherwise they are removed, with a
	// warning.
	StrictInputs bool
}

// Planner decides on the steps of runs with one renderer and environment. It is safe for concurrent use.
type Planner struct {
	renderer    *expression.Renderer
	environment Environment
	rules       Rules
}

// NewPlanner makes a Planner with Backstage's rules.
func NewPlanner(renderer *expression.Renderer, environment Environment) *Planner {
	return &Planner{renderer: renderer, environment: environment}
}

// WithRules returns a planner with other rules.
func (p *Planner) WithRules(rules Rules) *Planner {
	changed := *p
	changed.rules = rules
	return &changed
}

// EnvironmentSecrets returns the secrets that expressions can read in addition to the run's own. They are
// masked, too.
func (p *Planner) EnvironmentSecrets() map[string]string { return p.environment.Secrets }

// Enter gives all calls with the returned context one memory account. The caller calls leave when the results
// are no longer needed. Without it, each call has its own account.
func (p *Planner) Enter(ctx context.Context) (entered context.Context, leave func()) {
	return p.renderer.Enter(ctx)
}

// WithoutEnvironmentSecrets returns a planner without the environment's secrets, for dry runs: a person who
// may dry-run a template is not trusted with them.
func (p *Planner) WithoutEnvironmentSecrets() *Planner {
	changed := *p
	changed.environment = Environment{Parameters: p.environment.Parameters}
	return &changed
}

// Scope is everything that a step's expressions can refer to.
type Scope struct {
	TaskID string
	Spec   *template.TaskSpec
	// Outputs are the outputs of the completed steps, in order. Skipped steps have none, as in Backstage.
	Outputs []action.StepOutput
	Secrets map[string]string
	// Items are those of the step's each, as DecideNext found them with the same scope before; nil evaluates
	// the each.
	Items *Items
	// PreviousFailed says that an earlier step failed: then only steps with failure() or always() in their if
	// run.
	PreviousFailed bool
}

// SkipReason says why a step is skipped; "" when it runs.
type SkipReason string

// The reasons, as in Backstage's log.
const (
	ConditionFalse SkipReason = "because its if condition was false"
	PreviousFailed SkipReason = "because a previous step failed"
)

// Decision says whether a step runs, how often, and with which input.
type Decision struct {
	Skip SkipReason
	// Each says that the step has an each: its outputs become arrays.
	Each bool
	// Iterations are the executions: one for a step without each.
	Iterations []Iteration
	// Derived are the texts in inputs and each items that expressions made out of secrets, or out of masked
	// text in earlier outputs. They are masked like secrets, although they may not contain one.
	Derived []string
	// ExpressionErrors are the expressions in inputs that cannot be evaluated. Such an input keeps its source
	// text.
	ExpressionErrors ExpressionErrors
	// DroppedInputs are warnings about inputs that were dropped because the action does not declare them.
	DroppedInputs []string
	// Items are set by DecideNext when it evaluated the each, unless they cannot be kept: see Scope.Items.
	Items *Items
	// partial says that only the next iteration was decided, and whether another one follows.
	partial bool
	// written is the step's input as the template has it.
	written json.RawMessage
	// target is the action whose undeclared inputs are removed, nil to keep all inputs.
	target *action.Description
	// render renders the input of an iteration again.
	render func(ctx context.Context, iteration Iteration) (json.RawMessage, error)
}

// Runs reports whether an iteration runs.
func (d *Decision) Runs(index int) bool { return index < len(d.Iterations) && d.Iterations[index].Run }

// IsLast reports whether no iteration after this one runs.
func (d *Decision) IsLast(index int) bool {
	return !slices.ContainsFunc(d.Iterations[index+1:], func(iteration Iteration) bool { return iteration.Run })
}

// Before returns how many iterations run before this one.
func (d *Decision) Before(index int) int {
	count := 0
	for _, iteration := range d.Iterations[:index] {
		if iteration.Run {
			count++
		}
	}
	return count
}

// Iteration returns an iteration with its input. A fault of kind Unavailable means that memory is short; the
// caller may retry.
func (d *Decision) Iteration(ctx context.Context, index int) (Iteration, error) {
	iteration, _, err := d.iteration(ctx, index)
	return iteration, err
}

// iteration also returns the names of the inputs that were dropped.
func (d *Decision) iteration(ctx context.Context, index int) (iteration Iteration, dropped []string, err error) {
	iteration = d.Iterations[index]
	if !iteration.Run {
		return iteration, nil, nil
	}
	if iteration.Input == nil {
		if iteration.Input, err = d.render(ctx, iteration); err != nil {
			return iteration, nil, err
		}
	}
	if d.target != nil {
		iteration.Input, dropped, err = d.target.WithoutUndeclared(iteration.Input)
	}
	return iteration, dropped, err
}

// maxKept bounds the rendered inputs of a step's iterations that a Decision keeps, in bytes. Further inputs
// are rendered again when they are used.
const maxKept = 1 << 20

// Iteration is one execution of a step's action.
type Iteration struct {
	// Key and Value are the current item of each; Key is "" without each.
	Key   string
	Value nunjucks.Value
	// Run is false when the step's if was false for this item.
	Run bool
	// Input is the rendered input; an empty object when the step has none. In a Decision it may be missing:
	// see its method Iteration.
	Input json.RawMessage
}

// Describe returns the current item as JSON, for log lines.
func (i Iteration) Describe() string {
	described, err := nunjucks.EncodeJSON(objectOf(entry{"key", i.Key}, entry{"value", i.Value}))
	if err != nil {
		return i.Key
	}
	return string(described)
}

// Name returns the iteration's name in errors: the action's id with the item's key.
func (i Iteration) Name(actionID string) string {
	if i.Key == "" {
		return actionID
	}
	return actionID + "[" + i.Key + "]"
}

// Decide evaluates the step's if, each and input. It returns a fault of kind Input when if or each cannot be
// evaluated, or when each is not an array or object.
func (p *Planner) Decide(ctx context.Context, scope Scope, step template.Step) (Decision, error) {
	return p.decide(ctx, scope, step, (*loop).all)
}

// DecideNext is Decide for a step with each that is in progress; done is the index of the first iteration
// that has not ended. It decides only on the next iteration that runs, and whether another follows, so that
// the cost of an iteration does not grow with their number. For the first and the last iteration it decides
// on all: the step's output is stored after the last one, and Derived has the texts to mask in it.
func (p *Planner) DecideNext(ctx context.Context, scope Scope, step template.Step, done int) (Decision, error) {
	return p.decide(ctx, scope, step, func(l *loop, ctx context.Context) error {
		if l.encoded == nil {
			l.decision.Items = encodeItems(ctx, l.decision.Iterations, l.shown)
		}
		if done == 0 {
			return l.all(ctx)
		}
		return l.next(ctx, done)
	})
}

func (p *Planner) decide(ctx context.Context, scope Scope, step template.Step, each func(*loop, context.Context) error) (Decision, error) {
	ctx, leave := p.renderer.Enter(ctx)
	defer leave()
	if scope.PreviousFailed {
		ctx = expression.WithFailure(ctx)
	}
	views, err := p.views(ctx, scope, step)
	if err != nil {
		return Decision{}, err
	}
	hasEach := len(step.Each) > 0
	runs, asked, failed := p.condition(ctx, step, views.open, scope.PreviousFailed)
	switch {
	case scope.PreviousFailed && !asked:
		return Decision{Skip: PreviousFailed}, nil
	case failed != nil && !hasEach:
		return Decision{}, p.refuseCondition(ctx, step, views, scope.PreviousFailed, failed)
	case failed == nil && !runs && (!hasEach || string(step.If) == "false"):
		return Decision{Skip: ConditionFalse}, nil
	case hasEach:
		return p.iterate(ctx, scope, step, views, each)
	}
	input, err := p.input(ctx, step, views)
	return Decision{Iterations: []Iteration{{Run: true, Input: input.document}}, Derived: input.derived, ExpressionErrors: input.broken,
		written: step.Input}, err
}

// condition evaluates the step's if; asked is true when it called failure() or always(). An error means that
// the condition cannot be evaluated.
func (p *Planner) condition(ctx context.Context, step template.Step, data *nunjucks.Object, previousFailed bool) (runs, asked bool, err error) {
	source, isText := textOf(step.If)
	if !isText {
		return string(step.If) != "false", false, nil
	}
	return p.renderer.Condition(ctx, source, data, previousFailed)
}

// refuseCondition returns the error of a step whose if cannot be evaluated.
func (p *Planner) refuseCondition(ctx context.Context, step template.Step, views views, previousFailed bool, failed error) error {
	if err := stopped(ctx); err != nil {
		return err
	}
	shown := failed
	if views.shown != nil {
		_, _, shown = p.condition(ctx, step, views.shown, previousFailed)
	}
	return unevaluable(step, "if: "+showFailure(asFailure(failed), asFailure(shown)))
}

// Input renders a step's input without an each item.
func (p *Planner) Input(ctx context.Context, scope Scope, step template.Step) (nunjucks.Value, error) {
	ctx, leave := p.renderer.Enter(ctx)
	defer leave()
	data, err := p.context(ctx, scope, visibility{secrets: true})
	if err != nil {
		return nil, err
	}
	rendered, _, err := p.render(ctx, step, data)
	return rendered, err
}

// rendered is a step's rendered input.
type rendered struct {
	document json.RawMessage
	derived  []string
	broken   ExpressionErrors
}

// input renders a step's input. It renders the input again with masked sources, to learn which texts were
// derived from secrets.
func (p *Planner) input(ctx context.Context, step template.Step, views views) (rendered, error) {
	var written, seen outputs
	whole, failures, err := p.render(collectOutputs(ctx, &written), step, views.whole)
	if err != nil {
		return rendered{}, err
	}
	result := rendered{}
	if result.document, err = nunjucks.EncodeJSONWithin(ctx, whole); err != nil {
		return rendered{}, fmt.Errorf("input of step %s: %w", step.ID, err)
	}
	if views.shown == nil {
		result.broken = expressionErrors("input", failures, failures)
		return result, p.tolerate(step, result.broken)
	}
	shown, shownFailures, err := p.render(collectOutputs(ctx, &seen), step, views.shown)
	if err != nil {
		return rendered{}, err
	}
	result.derived = unique(append(differing(whole, shown), written.differing(seen)...))
	result.broken = expressionErrors("input", failures, shownFailures)
	return result, p.tolerate(step, result.broken)
}

// tolerate returns an error if the rules are strict about expressions.
func (p *Planner) tolerate(step template.Step, broken ExpressionErrors) error {
	if !p.rules.StrictExpressions || len(broken) == 0 {
		return nil
	}
	return unevaluable(step, broken[0])
}

func (p *Planner) render(ctx context.Context, step template.Step, data *nunjucks.Object) (nunjucks.Value, expression.Failures, error) {
	if len(step.Input) == 0 {
		return nunjucks.NewObject(), nil, nil
	}
	value, err := nunjucks.DecodeJSONWithin(ctx, step.Input)
	if err != nil {
		return nil, nil, fmt.Errorf("input of step %s: %w", step.ID, err)
	}
	rendered, failures := p.renderer.Render(ctx, value, data)
	// When the context has ended, the result contains text that was not rendered.
	return rendered, failures, stopped(ctx)
}

// inputOf renders an input alone.
func (p *Planner) inputOf(ctx context.Context, step template.Step, views views, previousFailed bool) (json.RawMessage, error) {
	ctx, leave := p.renderer.Enter(ctx)
	defer leave()
	if previousFailed {
		ctx = expression.WithFailure(ctx)
	}
	whole, _, err := p.render(ctx, step, views.whole)
	if err != nil {
		return nil, err
	}
	document, err := nunjucks.EncodeJSONWithin(ctx, whole)
	if err != nil {
		return nil, fmt.Errorf("input of step %s: %w", step.ID, err)
	}
	return document, nil
}

// stopped returns an error if a rendering under the context is incomplete.
func stopped(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return budget.Of(ctx).Err()
}

// Result is the output of a template.
type Result struct {
	Output json.RawMessage
	// Derived are the texts of the output that were made out of masked text, see Decision.
	Derived []string
	// ExpressionErrors are the expressions of the output that could not be evaluated.
	ExpressionErrors ExpressionErrors
}

// Output renders the template's output. Its expressions cannot read secrets.
func (p *Planner) Output(ctx context.Context, scope Scope) (Result, error) {
	ctx, leave := p.renderer.Enter(ctx)
	defer leave()
	open, err := p.context(ctx, scope, visibility{})
	if err != nil {
		return Result{}, err
	}
	source, err := nunjucks.DecodeJSONWithin(ctx, scope.Spec.Output)
	if err != nil {
		return Result{}, fmt.Errorf("output of the template: %w", err)
	}
	whole, failures := p.renderer.Output(ctx, source, open)
	if err := stopped(ctx); err != nil {
		return Result{}, err
	}
	result := Result{ExpressionErrors: expressionErrors("output", failures, failures)}
	if result.Output, err = nunjucks.EncodeJSONWithin(ctx, whole); err != nil {
		return Result{}, fmt.Errorf("output of the template: %w", err)
	}
	if scope.hasMaskedOutputs() {
		seen, err := p.context(ctx, scope, visibility{masked: true})
		if err != nil {
			return Result{}, err
		}
		shown, shownFailures := p.renderer.Output(ctx, source, seen)
		result.Derived, result.ExpressionErrors = differing(whole, shown), expressionErrors("output", failures, shownFailures)
	}
	if p.rules.StrictExpressions && len(result.ExpressionErrors) > 0 {
		return Result{}, action.Advise(fault.New(fault.Input, "The template: cannot evaluate %s", result.ExpressionErrors[0]), adviceUnevaluable)
	}
	return result, nil
}
