package plan

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/budget"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/template"
)

// maxIterations bounds a step's each. More iterations are a mistake in the template.
const maxIterations = 1000

// loop decides on a step with each.
type loop struct {
	*Planner
	step           template.Step
	views          views
	previousFailed bool
	// shown are the masked items.
	shown    nunjucks.Value
	decision Decision
	// kept is the size of the inputs in the decision, in bytes.
	kept int
}

// iterate decides on a step with each; decide chooses the iterations.
func (p *Planner) iterate(ctx context.Context, step template.Step, views views, previousFailed bool, decide func(*loop, context.Context) error) (Decision, error) {
	items, shown, err := p.items(ctx, step, views)
	if err != nil {
		return Decision{}, err
	}
	l := &loop{Planner: p, step: step, views: views, previousFailed: previousFailed, shown: shown}
	l.decision = Decision{Each: true, Iterations: items, render: func(ctx context.Context, item Iteration) (json.RawMessage, error) {
		return p.inputOf(ctx, step, views.withEach(item, nil), previousFailed)
	}}
	if err := decide(l, ctx); err != nil {
		return Decision{}, err
	}
	return l.decision, nil
}

// all decides on every iteration.
func (l *loop) all(ctx context.Context) error {
	for index := range l.decision.Iterations {
		if err := l.decide(ctx, index); err != nil {
			return err
		}
	}
	return nil
}

// next decides on the first iteration from an index on that runs, and whether another one runs after it. If
// none does, it decides on all iterations.
func (l *loop) next(ctx context.Context, from int) error {
	next := -1
	for index := from; index < len(l.decision.Iterations); index++ {
		runs, err := l.runs(ctx, index)
		switch {
		case err != nil:
			return err
		case runs && next < 0:
			next = index
		case runs:
			l.decision.partial, l.decision.Iterations[index].Run = true, true
			return l.decide(ctx, next)
		}
	}
	return l.all(ctx)
}

// decide decides on one iteration.
func (l *loop) decide(ctx context.Context, index int) error {
	account, item := budget.Of(ctx), &l.decision.Iterations[index]
	before := account.Used()
	derived, err := l.inputOfItem(ctx, index)
	if err != nil {
		return err
	}
	if l.kept += len(item.Input); l.kept > maxKept {
		item.Input = nil
	}
	// The next iteration can use the memory of this one.
	account.Release(account.Used() - before)
	if err := account.Acquire(ctx, sizeOf(derived)+len(item.Input)); err != nil {
		return err
	}
	l.decision.Derived = append(l.decision.Derived, derived...)
	if l.views.shown != nil {
		l.decision.Derived = append(l.decision.Derived, differing(item.Value, nunjucks.Member(l.shown, item.Key))...)
	}
	return nil
}

// inputOfItem decides whether an item runs, and with which input. It returns the texts of the input that were
// derived from secrets.
func (l *loop) inputOfItem(ctx context.Context, index int) (derived []string, err error) {
	item := &l.decision.Iterations[index]
	if item.Run, err = l.runs(ctx, index); err != nil || !item.Run {
		return nil, err
	}
	input, err := l.input(ctx, l.step, l.viewsOf(index))
	item.Input, l.decision.ExpressionErrors = input.document, l.decision.ExpressionErrors.and(input.broken)
	return input.derived, err
}

// runs evaluates the step's if for an item.
func (l *loop) runs(ctx context.Context, index int) (bool, error) {
	views := l.viewsOf(index)
	runs, _, failed := l.condition(ctx, l.step, views.whole, l.previousFailed)
	if failed != nil {
		return false, l.refuseCondition(ctx, l.step, views, l.previousFailed, failed)
	}
	return runs, nil
}

// viewsOf returns the variables of an iteration's expressions.
func (l *loop) viewsOf(index int) views {
	item := l.decision.Iterations[index]
	return l.views.withEach(item, nunjucks.Member(l.shown, item.Key))
}

func sizeOf(texts []string) int {
	size := 0
	for _, text := range texts {
		size += len(text)
	}
	return size
}

// items resolves the step's each to its entries, and to their masked form.
func (p *Planner) items(ctx context.Context, step template.Step, views views) (items []Iteration, shown nunjucks.Value, err error) {
	source, err := nunjucks.DecodeJSONWithin(ctx, step.Each)
	if err != nil {
		return nil, nil, fmt.Errorf("each of step %s: %w", step.ID, err)
	}
	resolved, failures := p.renderer.Render(ctx, source, views.whole)
	if err := stopped(ctx); err != nil {
		return nil, nil, err
	}
	shownFailures := failures
	if views.shown != nil {
		shown, shownFailures = p.renderer.Render(ctx, source, views.shown)
	}
	if broken := expressionErrors("each", failures, shownFailures); len(broken) > 0 {
		return nil, nil, unevaluable(step, broken[0])
	}
	items, err = entries(step, resolved)
	return items, shown, err
}

// entries returns the entries of a resolved each, as Object.entries does: keys are always strings.
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

func unquote(source json.RawMessage) string {
	if text, isText := textOf(source); isText {
		return text
	}
	return string(source)
}

// textOf decodes a JSON string. It returns false for any other or no document.
func textOf(source json.RawMessage) (text string, isText bool) {
	if len(source) == 0 {
		return "", false
	}
	err := json.Unmarshal(source, &text)
	return text, err == nil
}
