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
	// encoded are the items of an earlier decision, nil when the each was evaluated or all are decoded.
	// decoded are the indexes of those that are in the decision and in shown.
	encoded *Items
	decoded map[int]bool
	// shown are the masked items, nil when the step's expressions see nothing secret.
	shown    []nunjucks.Value
	decision Decision
	// kept is the size of the inputs in the decision, in bytes.
	kept int
}

// iterate decides on a step with each; decide chooses the iterations.
func (p *Planner) iterate(ctx context.Context, scope Scope, step template.Step, views views, decide func(*loop, context.Context) error) (Decision, error) {
	l := &loop{Planner: p, step: step, views: views, previousFailed: scope.PreviousFailed, encoded: scope.Items}
	l.decision = Decision{Each: true, written: step.Input, render: func(ctx context.Context, item Iteration) (json.RawMessage, error) {
		return p.inputOf(ctx, step, views.withEach(item, nil), scope.PreviousFailed)
	}}
	if err := l.findItems(ctx); err != nil {
		return Decision{}, err
	}
	if err := decide(l, ctx); err != nil {
		return Decision{}, err
	}
	return l.decision, nil
}

// findItems evaluates the each, unless an earlier decision did.
func (l *loop) findItems(ctx context.Context) (err error) {
	if l.encoded == nil {
		l.decision.Iterations, l.shown, err = l.items(ctx, l.step, l.views)
		return err
	}
	l.decision.Iterations, l.decoded = l.encoded.iterations(), map[int]bool{}
	if l.encoded.shown != nil {
		l.shown = make([]nunjucks.Value, len(l.encoded.keys))
	}
	return nil
}

// decode decodes an item that an earlier decision found.
func (l *loop) decode(ctx context.Context, index int) (err error) {
	if l.encoded == nil || l.decoded[index] {
		return nil
	}
	l.decoded[index] = true
	item := &l.decision.Iterations[index]
	if item.Value, err = nunjucks.DecodeJSONWithin(ctx, l.encoded.values[index]); err != nil {
		return fmt.Errorf("item %d of each: %w", index, err)
	}
	if l.shown == nil {
		return nil
	}
	if l.shown[index], err = nunjucks.DecodeJSONWithin(ctx, l.encoded.shown[index]); err != nil {
		return fmt.Errorf("item %d of each: %w", index, err)
	}
	return nil
}

// decodeAll does so with all of them.
func (l *loop) decodeAll(ctx context.Context) error {
	if l.encoded == nil {
		return nil
	}
	values, err := decodeAll(ctx, l.encoded.values)
	if err != nil {
		return err
	}
	for index := range values {
		l.decision.Iterations[index].Value = values[index]
	}
	if l.shown != nil {
		l.shown, err = decodeAll(ctx, l.encoded.shown)
	}
	l.encoded = nil
	return err
}

// all decides on every iteration.
func (l *loop) all(ctx context.Context) error {
	if err := l.decodeAll(ctx); err != nil {
		return err
	}
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
		l.decision.Derived = append(l.decision.Derived, differing(item.Value, l.shownItem(index))...)
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
	if err := l.decode(ctx, index); err != nil {
		return false, err
	}
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
	return l.views.withEach(item, l.shownItem(index))
}

// shownItem returns a masked item, Undefined when the step's expressions see nothing secret.
func (l *loop) shownItem(index int) nunjucks.Value {
	if l.shown == nil {
		return nunjucks.Undefined
	}
	return l.shown[index]
}

func sizeOf(texts []string) int {
	size := 0
	for _, text := range texts {
		size += len(text)
	}
	return size
}

// items resolves the step's each to its entries, and to their masked form.
func (p *Planner) items(ctx context.Context, step template.Step, views views) (items []Iteration, shown []nunjucks.Value, err error) {
	source, err := nunjucks.DecodeJSONWithin(ctx, step.Each)
	if err != nil {
		return nil, nil, fmt.Errorf("each of step %s: %w", step.ID, err)
	}
	resolved, failures := p.renderer.Render(ctx, source, views.whole)
	if err := stopped(ctx); err != nil {
		return nil, nil, err
	}
	var seen nunjucks.Value
	shownFailures := failures
	if views.shown != nil {
		seen, shownFailures = p.renderer.Render(ctx, source, views.shown)
	}
	if broken := expressionErrors("each", failures, shownFailures); len(broken) > 0 {
		return nil, nil, unevaluable(step, broken[0])
	}
	if items, err = entries(step, resolved); err != nil || views.shown == nil {
		return items, nil, err
	}
	shown = make([]nunjucks.Value, len(items))
	for i, item := range items {
		shown[i] = nunjucks.Member(seen, item.Key)
	}
	return items, shown, nil
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
