// Package plan decides what a step of a pinned template is to do: whether it runs, how often, and with which input. It
// evaluates expressions and nothing else; the engine and the dry run share it, so that they agree.
package plan

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/template"
)

// maxIterations bounds a step's each: more is a mistake in the template.
const maxIterations = 1000

// Environment is scaffolder.defaultEnvironment of the configuration.
type Environment struct {
	Parameters map[string]string
	Secrets    map[string]string
}

// Planner decides with one renderer and environment. It is safe for concurrent use.
type Planner struct {
	renderer    *expression.Renderer
	environment Environment
}

// NewPlanner makes a Planner.
func NewPlanner(renderer *expression.Renderer, environment Environment) *Planner {
	return &Planner{renderer: renderer, environment: environment}
}

// EnvironmentSecrets are the secrets that expressions see beside the run's own: they are masked like those.
func (p *Planner) EnvironmentSecrets() map[string]string { return p.environment.Secrets }

// WithoutEnvironmentSecrets is a planner that knows none: whoever may try out a template need not be trusted with them.
func (p *Planner) WithoutEnvironmentSecrets() *Planner {
	return NewPlanner(p.renderer, Environment{Parameters: p.environment.Parameters})
}

// Situation is all that a step's expressions can see.
type Situation struct {
	TaskID string
	Spec   *template.TaskSpec
	// Outputs are what the completed steps left, in order. Skipped steps are absent, as in Backstage.
	Outputs []Output
	Secrets map[string]string
	// PreviousFailed says that an earlier step failed: only steps that ask for failure() or always() run then.
	PreviousFailed bool
}

// Output is what a completed step left. Shown is the same as people see it, with what is secret masked.
type Output struct {
	StepID        string
	Output, Shown json.RawMessage
}

// SkipReason says why a step does not run; "" when it does.
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
	// Derived are the texts of the inputs and of the each items that expressions made out of secrets, or out of what
	// was masked in an earlier step's output: to be masked like secrets, which they need not contain.
	Derived []string
}

// Iteration is one execution of a step's action.
type Iteration struct {
	// Key and Value are the current each item; Key is "" without each.
	Key   string
	Value nunjucks.Value
	// Run is false when the step's if was false for this item.
	Run bool
	// Input is the rendered input; an empty object when the step has none.
	Input json.RawMessage
}

// Describe is the current item as log lines show it.
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

// Decide evaluates the step's if, each and input. An each that is no array or object is a fault of kind Input.
func (p *Planner) Decide(ctx context.Context, situation Situation, step template.Step) (Decision, error) {
	if situation.PreviousFailed {
		ctx = expression.WithFailure(ctx)
	}
	views, err := p.views(situation, step)
	if err != nil {
		return Decision{}, err
	}
	runs, asked := p.condition(ctx, step, views.open, situation.PreviousFailed)
	if situation.PreviousFailed && !asked {
		return Decision{Skip: PreviousFailed}, nil
	}
	hasEach := len(step.Each) > 0
	if !runs && (!hasEach || string(step.If) == "false") {
		return Decision{Skip: ConditionFalse}, nil
	}
	if !hasEach {
		input, derived, err := p.input(ctx, step, views)
		return Decision{Iterations: []Iteration{{Run: true, Input: input}}, Derived: derived}, err
	}
	return p.iterations(ctx, step, views, situation.PreviousFailed)
}

// condition evaluates the step's if; asked says that it called failure() or always().
func (p *Planner) condition(ctx context.Context, step template.Step, data *nunjucks.Object, previousFailed bool) (runs, asked bool) {
	var source string
	if len(step.If) == 0 || json.Unmarshal(step.If, &source) != nil {
		return string(step.If) != "false", false
	}
	return p.renderer.Condition(ctx, source, data, previousFailed)
}

// Input renders a step's input without an each item.
func (p *Planner) Input(ctx context.Context, situation Situation, step template.Step) (nunjucks.Value, error) {
	data, err := p.context(situation, everything)
	if err != nil {
		return nil, err
	}
	return p.render(ctx, step, data)
}

// input renders a step's input, and finds what of it was derived from secrets by rendering it as people see it.
func (p *Planner) input(ctx context.Context, step template.Step, views views) (json.RawMessage, []string, error) {
	rendered, err := p.render(ctx, step, views.whole)
	if err != nil {
		return nil, nil, err
	}
	input, err := nunjucks.EncodeJSON(rendered)
	if err != nil {
		return nil, nil, fmt.Errorf("input of step %s: %w", step.ID, err)
	}
	if views.shown == nil {
		return input, nil, nil
	}
	shown, err := p.render(ctx, step, views.shown)
	return input, differing(rendered, shown), err
}

// differing are the texts in a value that are not the same in another.
func differing(value, other nunjucks.Value) []string {
	var texts []string
	switch value := value.(type) {
	case string:
		if value != other {
			texts = append(texts, value)
		}
	case *nunjucks.Array:
		for i, item := range value.Items {
			texts = append(texts, differing(item, nunjucks.Member(other, strconv.Itoa(i)))...)
		}
	case *nunjucks.Object:
		for key, item := range value.All() {
			texts = append(texts, differing(item, nunjucks.Member(other, key))...)
		}
	}
	return texts
}

func (p *Planner) render(ctx context.Context, step template.Step, data *nunjucks.Object) (nunjucks.Value, error) {
	if len(step.Input) == 0 {
		return nunjucks.NewObject(), nil
	}
	value, err := nunjucks.DecodeJSON(step.Input)
	if err != nil {
		return nil, fmt.Errorf("input of step %s: %w", step.ID, err)
	}
	rendered := p.renderer.Render(ctx, value, data)
	// What was not rendered in time stands verbatim in the result.
	return rendered, ctx.Err()
}

func (p *Planner) iterations(ctx context.Context, step template.Step, views views, previousFailed bool) (Decision, error) {
	items, shown, err := p.items(ctx, step, views)
	if err != nil {
		return Decision{}, err
	}
	decision := Decision{Each: true}
	for _, item := range items {
		shownValue := nunjucks.Member(shown, item.Key)
		own := views.withEach(item, shownValue)
		item.Run, _ = p.condition(ctx, step, own.whole, previousFailed)
		var derived []string
		if item.Input, derived, err = p.input(ctx, step, own); err != nil {
			return Decision{}, err
		}
		decision.Iterations = append(decision.Iterations, item)
		decision.Derived = append(decision.Derived, derived...)
		if views.shown != nil {
			decision.Derived = append(decision.Derived, differing(item.Value, shownValue)...)
		}
	}
	return decision, nil
}

// items resolves the step's each to its entries, and to what people see of it.
func (p *Planner) items(ctx context.Context, step template.Step, views views) (items []Iteration, shown nunjucks.Value, err error) {
	source, err := nunjucks.DecodeJSON(step.Each)
	if err != nil {
		return nil, nil, fmt.Errorf("each of step %s: %w", step.ID, err)
	}
	if items, err = entries(step, p.renderer.Render(ctx, source, views.whole)); err != nil || views.shown == nil {
		return items, nil, err
	}
	return items, p.renderer.Render(ctx, source, views.shown), nil
}

// entries are what a step's each resolved to, as Object.entries has them: keys are always strings.
func entries(step template.Step, resolved nunjucks.Value) ([]Iteration, error) {
	var items []Iteration
	switch resolved := resolved.(type) {
	case *nunjucks.Array:
		for i, value := range resolved.Items {
			items = append(items, Iteration{Key: strconv.Itoa(i), Value: value})
		}
	case *nunjucks.Object:
		for _, key := range resolved.Keys() {
			value, _ := resolved.Get(key)
			items = append(items, Iteration{Key: key, Value: value})
		}
	default:
		if resolved == nunjucks.Undefined {
			return nil, fault.New(fault.Input, `Invalid value on action %s.each parameter, "%s" cannot be resolved to a value`,
				step.Action, unquote(step.Each))
		}
		return nil, fault.New(fault.Input, `Invalid value on action %s.each parameter, "%s" must resolve to an array or object`,
			step.Action, unquote(step.Each))
	}
	if len(items) > maxIterations {
		return nil, fault.New(fault.Input, "each of step %s has %d items, more than the %d that are allowed", step.ID, len(items), maxIterations)
	}
	return items, nil
}

// Output renders the template's output. Secrets are out of its sight; what it shows of outputs that are masked is
// answered as derived from secrets, see Decision.
func (p *Planner) Output(ctx context.Context, situation Situation) (output json.RawMessage, derived []string, err error) {
	open, err := p.context(situation, withoutSecrets)
	if err != nil {
		return nil, nil, err
	}
	source, err := nunjucks.DecodeJSON(situation.Spec.Output)
	if err != nil {
		return nil, nil, fmt.Errorf("output of the template: %w", err)
	}
	rendered := p.renderer.Output(ctx, source, open)
	if output, err = nunjucks.EncodeJSON(rendered); err != nil {
		return nil, nil, fmt.Errorf("output of the template: %w", err)
	}
	if !situation.hidesOutputs() {
		return output, nil, nil
	}
	shown, err := p.context(situation, asShown)
	if err != nil {
		return nil, nil, err
	}
	return output, differing(rendered, p.renderer.Output(ctx, source, shown)), nil
}

func unquote(source json.RawMessage) string {
	var text string
	if json.Unmarshal(source, &text) == nil {
		return text
	}
	return string(source)
}
