// Package plan decides what a step of a pinned template is to do: whether it runs, how often, and with which
// input. It evaluates expressions and nothing else; the engine and the dry run share it, so that they agree.
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

// Environment is scaffolder.defaultEnvironment of the configuration.
type Environment struct {
	Parameters map[string]string
	Secrets    map[string]string
}

// Rules are what the configuration wants stricter than Backstage has it. The zero value is Backstage's.
type Rules struct {
	// StrictExpressions makes an expression of an input or of the output that cannot be evaluated an error;
	// otherwise it goes on as it is written, with a warning.
	StrictExpressions bool
	// StrictInputs refuses inputs that an action does not declare; otherwise they are left out, with a
	// warning.
	StrictInputs bool
}

// Planner decides with one renderer and environment. It is safe for concurrent use.
type Planner struct {
	renderer    *expression.Renderer
	environment Environment
	rules       Rules
}

// NewPlanner makes a Planner with Backstage's rules.
func NewPlanner(renderer *expression.Renderer, environment Environment) *Planner {
	return &Planner{renderer: renderer, environment: environment}
}

// WithRules is the same planner with other rules.
func (p *Planner) WithRules(rules Rules) *Planner {
	changed := *p
	changed.rules = rules
	return &changed
}

// EnvironmentSecrets are the secrets that expressions see beside the run's own: they are masked like those.
func (p *Planner) EnvironmentSecrets() map[string]string { return p.environment.Secrets }

// Enter gives all calls with the returned context one memory account. The caller calls leave when the results
// are no longer needed. Without it, each call has its own account.
func (p *Planner) Enter(ctx context.Context) (entered context.Context, leave func()) {
	return p.renderer.Enter(ctx)
}

// WithoutEnvironmentSecrets is a planner without the environment's secrets: a person who may dry-run a
// template need not be trusted with them.
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
	// PreviousFailed says that an earlier step failed: then only steps with failure() or always() in their if
	// run.
	PreviousFailed bool
}

// SkipReason is why a step is skipped; "" when it runs.
type SkipReason string

// The reasons, in the words of Backstage's log.
const (
	ConditionFalse SkipReason = "because its if condition was false"
	PreviousFailed SkipReason = "because a previous step failed"
)

// Decision is what a step is to do.
type Decision struct {
	Skip SkipReason
	// Each says that the step has an each: its outputs become arrays.
	Each bool
	// Iterations are the executions: one for a step without each.
	Iterations []Iteration
	// Derived are the texts in inputs and each items that expressions made out of secrets, or out of masked
	// text in earlier outputs. They are masked like secrets, which they need not contain.
	Derived []string
	// ExpressionErrors are the expressions in inputs that cannot be evaluated. Such an input keeps its source
	// text.
	ExpressionErrors ExpressionErrors
	// DroppedInputs are warnings about inputs that were dropped because the action does not declare them.
	DroppedInputs []string
	// partial says that only the next iteration was decided, and whether another one follows.
	partial bool
	// takes is the action whose schema the inputs have to satisfy, nil for none.
	takes *action.Description
	// render renders the input of an iteration anew.
	render func(ctx context.Context, iteration Iteration) (json.RawMessage, error)
}

// Runs says whether an iteration runs.
func (d *Decision) Runs(index int) bool { return index < len(d.Iterations) && d.Iterations[index].Run }

// IsLast says that no iteration after this one runs.
func (d *Decision) IsLast(index int) bool {
	return !slices.ContainsFunc(d.Iterations[index+1:], func(iteration Iteration) bool { return iteration.Run })
}

// Before is how many iterations run before this one.
func (d *Decision) Before(index int) int {
	count := 0
	for _, iteration := range d.Iterations[:index] {
		if iteration.Run {
			count++
		}
	}
	return count
}

// Iteration is one of the iterations, with its input. A fault of kind Unavailable says that memory is short:
// try again.
func (d *Decision) Iteration(ctx context.Context, index int) (Iteration, error) {
	iteration, _, err := d.iteration(ctx, index)
	return iteration, err
}

// iteration also answers the names of the inputs that were dropped.
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
	if d.takes != nil {
		iteration.Input, dropped, err = d.takes.WithoutUndeclared(iteration.Input)
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

// Describe is the current item as JSON, for log lines.
func (i Iteration) Describe() string {
	described, err := nunjucks.EncodeJSON(objectOf(entry{"key", i.Key}, entry{"value", i.Value}))
	if err != nil {
		return i.Key
	}
	return string(described)
}

// Name is the action's id with the item's key: what errors call the iteration.
func (i Iteration) Name(actionID string) string {
	if i.Key == "" {
		return actionID
	}
	return actionID + "[" + i.Key + "]"
}

// Decide evaluates the step's if, each and input. An if or an each that cannot be evaluated, and an each that
// is no array or object, is a fault of kind Input.
func (p *Planner) Decide(ctx context.Context, scope Scope, step template.Step) (Decision, error) {
	return p.decide(ctx, scope, step, (*loop).all)
}

// DecideNext is Decide for a step with each that is under way, done being the index of the first iteration
// that is not over. It decides on the next one that runs and whether another follows, so that a thousand
// iterations do not each cost a thousand; it looks at no others. Before the first one it decides on all, and
// so it does for the last, whose end shows what all of them put out: Derived has the texts to mask in that.
func (p *Planner) DecideNext(ctx context.Context, scope Scope, step template.Step, done int) (Decision, error) {
	if done == 0 {
		return p.Decide(ctx, scope, step)
	}
	return p.decide(ctx, scope, step, func(l *loop, ctx context.Context) error { return l.next(ctx, done) })
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
		return p.iterate(ctx, step, views, scope.PreviousFailed, each)
	}
	input, err := p.input(ctx, step, views)
	return Decision{Iterations: []Iteration{{Run: true, Input: input.document}}, Derived: input.derived, ExpressionErrors: input.broken}, err
}

// condition evaluates the step's if; asked says that it called failure() or always(). An error is why there
// is no telling.
func (p *Planner) condition(ctx context.Context, step template.Step, data *nunjucks.Object, previousFailed bool) (runs, asked bool, err error) {
	source, isText := textOf(step.If)
	if !isText {
		return string(step.If) != "false", false, nil
	}
	return p.renderer.Condition(ctx, source, data, previousFailed)
}

// refuseCondition is the error of a step whose if cannot be evaluated.
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

// rendered is a step's input as expressions made it.
type rendered struct {
	document json.RawMessage
	derived  []string
	broken   ExpressionErrors
}

// input renders a step's input, and finds what of it was derived from secrets by rendering it as people see
// it.
func (p *Planner) input(ctx context.Context, step template.Step, views views) (rendered, error) {
	var written, seen outputs
	whole, failures, err := p.render(watching(ctx, &written), step, views.whole)
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
	shown, shownFailures, err := p.render(watching(ctx, &seen), step, views.shown)
	if err != nil {
		return rendered{}, err
	}
	result.derived = once(append(differing(whole, shown), written.differing(seen)...))
	result.broken = expressionErrors("input", failures, shownFailures)
	return result, p.tolerate(step, result.broken)
}

// tolerate is an error where the rules are strict about expressions.
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
	// What was not rendered in time stands verbatim in the result.
	return rendered, failures, stopped(ctx)
}

// inputOf renders an input by itself.
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

// stopped is why what was rendered under a context may not be used: not all of it was.
func stopped(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return budget.Of(ctx).Err()
}

// Result is what a template puts out.
type Result struct {
	Output json.RawMessage
	// Derived are the texts of the output in which something shows that was masked, see Decision.
	Derived []string
	// Broken are the parts of the output that could not be evaluated.
	ExpressionErrors ExpressionErrors
}

// Output renders the template's output. Secrets are out of its sight.
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
