// Package plan decides what a step of a pinned template is to do: whether it runs, how often, and with which input. It
// evaluates expressions and nothing else; the engine and the dry run share it, so that they agree.
package plan

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
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

// Output is what a completed step left.
type Output struct {
	StepID string
	Output json.RawMessage
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
	// Derived are the texts of the input that expressions made out of secrets: to be masked like those, which they need
	// not contain.
	Derived []string
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
	withSecrets, err := p.context(situation, true)
	if err != nil {
		return Decision{}, err
	}
	withoutSecrets, err := p.context(situation, false)
	if err != nil {
		return Decision{}, err
	}
	runs, asked := p.condition(ctx, step, withoutSecrets, situation.PreviousFailed)
	if situation.PreviousFailed && !asked {
		return Decision{Skip: PreviousFailed}, nil
	}
	hasEach := len(step.Each) > 0
	if !runs && (!hasEach || string(step.If) == "false") {
		return Decision{Skip: ConditionFalse}, nil
	}
	if !hasEach {
		single := Iteration{Run: true}
		single.Input, single.Derived, err = p.input(ctx, step, withSecrets, withoutSecrets)
		return Decision{Iterations: []Iteration{single}}, err
	}
	return p.iterations(ctx, step, withSecrets, withoutSecrets, situation.PreviousFailed)
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
	data, err := p.context(situation, true)
	if err != nil {
		return nil, err
	}
	return p.render(ctx, step, data)
}

// input renders a step's input, and finds what of it was derived from secrets by rendering it without them.
func (p *Planner) input(ctx context.Context, step template.Step, withSecrets, withoutSecrets *nunjucks.Object) (json.RawMessage, []string, error) {
	rendered, err := p.render(ctx, step, withSecrets)
	if err != nil {
		return nil, nil, err
	}
	input, err := nunjucks.EncodeJSON(rendered)
	if err != nil {
		return nil, nil, fmt.Errorf("input of step %s: %w", step.ID, err)
	}
	if !bytes.Contains(step.Input, []byte("secrets")) {
		return input, nil, nil
	}
	bare, err := p.render(ctx, step, withoutSecrets)
	return input, differing(rendered, bare), err
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

func (p *Planner) iterations(ctx context.Context, step template.Step, withSecrets, withoutSecrets *nunjucks.Object, previousFailed bool) (Decision, error) {
	items, err := p.items(ctx, step, withSecrets)
	if err != nil {
		return Decision{}, err
	}
	decision := Decision{Each: true}
	for _, item := range items {
		each := objectOf(entry{"key", item.Key}, entry{"value", item.Value})
		scope := extend(withSecrets, "each", each)
		item.Run, _ = p.condition(ctx, step, scope, previousFailed)
		if item.Input, item.Derived, err = p.input(ctx, step, scope, extend(withoutSecrets, "each", each)); err != nil {
			return Decision{}, err
		}
		decision.Iterations = append(decision.Iterations, item)
	}
	return decision, nil
}

// items resolves the step's each to its entries, as Object.entries does: keys are always strings.
func (p *Planner) items(ctx context.Context, step template.Step, data *nunjucks.Object) ([]Iteration, error) {
	source, err := nunjucks.DecodeJSON(step.Each)
	if err != nil {
		return nil, fmt.Errorf("each of step %s: %w", step.ID, err)
	}
	var items []Iteration
	switch resolved := p.renderer.Render(ctx, source, data).(type) {
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

// Output renders the template's output. Secrets are out of its sight.
func (p *Planner) Output(ctx context.Context, situation Situation) (json.RawMessage, error) {
	data, err := p.context(situation, false)
	if err != nil {
		return nil, err
	}
	output, err := nunjucks.DecodeJSON(situation.Spec.Output)
	if err != nil {
		return nil, fmt.Errorf("output of the template: %w", err)
	}
	rendered, err := nunjucks.EncodeJSON(p.renderer.Output(ctx, output, data))
	if err != nil {
		return nil, fmt.Errorf("output of the template: %w", err)
	}
	return rendered, nil
}

// context is what expressions see: parameters, steps, user, context.task.id, environment, and secrets where they are
// allowed.
func (p *Planner) context(s Situation, withSecrets bool) (*nunjucks.Object, error) {
	parameters, err := nunjucks.DecodeJSON(s.Spec.Parameters)
	if err != nil {
		return nil, fmt.Errorf("parameters: %w", err)
	}
	steps, err := stepOutputs(s.Outputs)
	if err != nil {
		return nil, err
	}
	user, err := userObject(s.Spec.User)
	if err != nil {
		return nil, err
	}
	environment := nunjucks.NewObject()
	environment.Set("parameters", textObject(p.environment.Parameters))
	secrets := nunjucks.NewObject()
	if withSecrets {
		secrets = textObject(s.Secrets)
		environment.Set("secrets", textObject(p.environment.Secrets))
	}
	return objectOf(
		entry{"parameters", parameters},
		entry{"steps", steps},
		entry{"secrets", secrets},
		entry{"user", user},
		entry{"environment", environment},
		entry{"context", objectOf(entry{"task", objectOf(entry{"id", s.TaskID})})},
	), nil
}

func stepOutputs(outputs []Output) (*nunjucks.Object, error) {
	steps := nunjucks.NewObject()
	for _, o := range outputs {
		var output nunjucks.Value = nunjucks.NewObject()
		if len(o.Output) > 0 {
			var err error
			if output, err = nunjucks.DecodeJSON(o.Output); err != nil {
				return nil, fmt.Errorf("output of step %s: %w", o.StepID, err)
			}
		}
		steps.Set(o.StepID, objectOf(entry{"output", output}))
	}
	return steps, nil
}

func userObject(user template.User) (*nunjucks.Object, error) {
	object := nunjucks.NewObject()
	if len(user.Entity) > 0 {
		entity, err := nunjucks.DecodeJSON(user.Entity)
		if err != nil {
			return nil, fmt.Errorf("entity of user %s: %w", user.Ref, err)
		}
		object.Set("entity", entity)
	}
	if user.Ref != "" {
		object.Set("ref", user.Ref)
	}
	return object, nil
}

// entry is one member of an object.
type entry struct {
	key   string
	value nunjucks.Value
}

func objectOf(entries ...entry) *nunjucks.Object {
	object := nunjucks.NewObject()
	for _, e := range entries {
		object.Set(e.key, e.value)
	}
	return object
}

func textObject(values map[string]string) *nunjucks.Object {
	keys := make([]string, 0, len(values))
	for key := range values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	object := nunjucks.NewObject()
	for _, key := range keys {
		object.Set(key, values[key])
	}
	return object
}

// extend is data with one more key; data itself stays as it is.
func extend(data *nunjucks.Object, key string, value nunjucks.Value) *nunjucks.Object {
	scope := nunjucks.NewObject()
	for _, k := range data.Keys() {
		v, _ := data.Get(k)
		scope.Set(k, v)
	}
	scope.Set(key, value)
	return scope
}

func unquote(source json.RawMessage) string {
	var text string
	if json.Unmarshal(source, &text) == nil {
		return text
	}
	return string(source)
}
