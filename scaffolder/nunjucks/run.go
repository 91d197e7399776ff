package nunjucks

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/portico-dev/portico/scaffolder/budget"
)

// run is one rendering of a template.
type run struct {
	ctx      context.Context //nolint:containedctx // a run is one call, whose context it is
	env      *Environment
	template *Template
	// data has the variables of the caller; assigned has those that the template set at its top level.
	data     *Object
	assigned *Object
	// observe is called with the text of each output; it may be nil.
	observe func(text string)
	// output is the text of the innermost function or capture being executed.
	output []byte
	// locals are the variables of the JavaScript function being executed.
	locals *locals
	// activation is the root or block function being executed, or that defined the macro being executed.
	activation *activation
	position   position

	limits   Limits
	deadline time.Time
	steps    int
	depth    int
	memory
	// untilClock counts the steps down to the next check of the clock.
	untilClock int
	// walking are the lists that are being printed, because a list may contain itself.
	walking []*Array
}

type observerKey struct{}

// WithOutputObserver makes renderings under the context call observe with the text of each output, in order.
// The rendered text alone does not show where an output begins or ends. The native value of a sole output is
// not observed.
func WithOutputObserver(ctx context.Context, observe func(text string)) context.Context {
	return context.WithValue(ctx, observerKey{}, observe)
}

// locals are the variables of one call of a JavaScript function.
type locals struct {
	slots []Value
	outer *locals
}

func newLocals(size int, outer *locals) *locals {
	l := &locals{outer: outer}
	if size > 0 {
		l.slots = make([]Value, size)
		clearSlots(l.slots)
	}
	return l
}

func clearSlots(slots []Value) {
	for i := range slots {
		slots[i] = Undefined
	}
}

// activation is one call of the root or of a block: the JavaScript function that has the variable frame,
// which all code nested in it shares.
type activation struct{ frame *frame }

func newRun(ctx context.Context, t *Template, data *Object) *run {
	if data == nil {
		data = NewObject()
	}
	observe, _ := ctx.Value(observerKey{}).(func(string))
	return &run{
		ctx: ctx, observe: observe, env: t.env, template: t, data: data, limits: t.env.limits,
		deadline: time.Now().Add(t.env.limits.Time), memory: memory{account: budget.Of(ctx)},
	}
}

// begin prepares the state of the root function.
func (r *run) begin() {
	r.checkClock()
	if r.template.mutates {
		r.data = r.copyObject(r.data, 0)
	}
	r.activation = &activation{&frame{topLevel: true}}
	r.locals = newLocals(r.template.root.slots, nil)
}

func (r *run) root() { r.execute(r.template.root.code) }

// finish returns the rendering's memory to the account, and turns a thrown failure into a RenderError. It
// must be deferred directly.
func (r *run) finish(err *error) {
	r.account.Release(r.granted - r.kept)
	switch cause := recover().(type) {
	case nil:
	case thrown:
		*err = &RenderError{Line: int(r.position.line) + 1, Column: int(r.position.column) + 1, Err: cause.err}
	default:
		panic(cause)
	}
}

// fail ends the rendering.
func (r *run) fail(format string, args ...any) {
	for i, arg := range args {
		if text, ok := arg.(string); ok && len(text) > maxQuoted {
			args[i] = strings.ToValidUTF8(text[:maxQuoted], "") + "…"
		}
	}
	panic(thrown{fmt.Errorf(format, args...)})
}

// step counts one unit of work.
func (r *run) step() {
	if r.untilClock--; r.untilClock < 0 {
		r.checkClock()
	}
}

// work counts n units of work that a built-in does in one step.
func (r *run) work(n int) {
	if r.untilClock -= n; r.untilClock < 0 {
		r.checkClock()
	}
}

// checkClock enforces the limits of steps and time and the context, and sets the number of steps until the
// next check.
func (r *run) checkClock() {
	r.steps += clockInterval - r.untilClock
	r.untilClock = clockInterval
	if r.steps-clockInterval > r.limits.Steps {
		r.exceed("Steps", r.limits.Steps)
	}
	if err := r.ctx.Err(); err != nil {
		panic(thrown{fmt.Errorf("the rendering was stopped: %w", err)})
	}
	if time.Now().After(r.deadline) {
		r.exceed("Time", r.limits.Time)
	}
}

func (r *run) exceed(limit string, allowed any) {
	panic(thrown{&LimitError{limit, fmt.Sprint(allowed)}})
}

// IsLimit reports whether err says that a rendering exceeded a limit.
func IsLimit(err error) bool {
	var limit *LimitError
	return errors.As(err, &limit)
}

// write appends text to the output.
func (r *run) write(text string) {
	if len(r.output)+len(text) > r.limits.OutputBytes {
		r.exceed("OutputBytes", r.limits.OutputBytes)
	}
	r.output = appendText(r.textRoom(r.output, len(text)), text)
}

// capture runs code with its own output and returns the output.
func (r *run) capture(code []instruction) string {
	outer := r.output
	r.output = nil
	r.execute(code)
	text := r.textOf(r.output)
	r.output = outer
	return text
}

// lookup finds a variable that is not a JavaScript variable of the emitted code: in the frames, then among
// the variables of the template, then among the globals.
func (r *run) lookup(name string) Value {
	if v := r.activation.frame.lookup(name); !isUndefined(v) {
		return v
	}
	if r.assigned != nil {
		if v, ok := r.assigned.Get(name); ok {
			return v
		}
	}
	if v, ok := r.data.Get(name); ok {
		return v
	}
	if v, ok := r.env.globals[name]; ok {
		return v
	}
	if r.env.options.CookiecutterCompat {
		return pythonConstant(name)
	}
	return Undefined
}

// setVariable sets a variable of the template.
func (r *run) setVariable(name string, value Value) {
	if r.assigned == nil {
		r.assigned = NewObject()
	}
	r.assigned.Set(name, value)
}

// callHeight is how much a call of a built-in function adds to the depth.
const callHeight = 4

// call calls a function value.
func (r *run) call(function *callable, this Value, args []Value) Value {
	r.work(callHeight)
	r.enter(callHeight)
	result := function.call(r, this, args)
	r.leave(callHeight)
	return result
}

// enter counts a nested evaluation of the given height; the caller calls leave with the same height.
func (r *run) enter(height int) {
	if r.depth += height; r.depth > r.limits.Depth {
		r.exceed("Depth", r.limits.Depth)
	}
}

func (r *run) leave(height int) { r.depth -= height }

// frame is nunjucks' run-time scope, which is searched by name.
type frame struct {
	outer     *frame
	variables []member
	// isolated keeps writes from the outer frames; topLevel makes written variables also variables of the
	// template.
	isolated, topLevel bool
}

func (f *frame) own(name string) Value {
	for i := range f.variables {
		if f.variables[i].key == name {
			return f.variables[i].value
		}
	}
	return Undefined
}

// set sets a variable of this frame.
func (f *frame) set(name string, value Value) {
	for i := range f.variables {
		if f.variables[i].key == name {
			f.variables[i].value = value
			return
		}
	}
	f.variables = append(f.variables, member{name, value})
}

// lookup finds the nearest variable of that name that is not undefined.
func (f *frame) lookup(name string) Value {
	for ; f != nil; f = f.outer {
		if v := f.own(name); !isUndefined(v) {
			return v
		}
	}
	return Undefined
}

// assign sets the variable in the frame that has it. If there is none, or an isolated frame hides it, it sets
// the variable in this frame.
func (f *frame) assign(name string, value Value) {
	for at := f; at != nil; at = at.outer {
		if !isUndefined(at.own(name)) {
			at.set(name, value)
			return
		}
		// nunjucks checks the isolation of the innermost frame only.
		if at == f && f.isolated {
			break
		}
	}
	f.set(name, value)
}

func (f *frame) push(isolated bool) *frame { return &frame{outer: f, isolated: isolated} }
