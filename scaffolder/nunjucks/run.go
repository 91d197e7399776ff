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
	// data are the variables given by the caller; assigned are those that the template set at its top level.
	data     *Object
	assigned *Object
	// watch is told what each output came to; nil when nobody wants to know.
	watch func(text string)
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
	// untilClock counts the steps down to the next look at the clock.
	untilClock int
	// walking are the lists that are being printed, for a list may hold itself.
	walking []*Array
}

type watchKey struct{}

// WithWatch has the renderings under a context tell what each output that they write comes to, in order: a
// text has no seams. The native value of a lone output is not told.
func WithWatch(ctx context.Context, watch func(text string)) context.Context {
	return context.WithValue(ctx, watchKey{}, watch)
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

// activation is one call of the root or of a block: the JavaScript function that holds the variable frame,
// which all code nested in it shares.
type activation struct{ frame *frame }

func newRun(ctx context.Context, t *Template, data *Object) *run {
	if data == nil {
		data = NewObject()
	}
	watch, _ := ctx.Value(watchKey{}).(func(string))
	return &run{
		ctx: ctx, watch: watch, env: t.env, template: t, data: data, limits: t.env.limits,
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

// finish gives back what the rendering took, and turns a thrown failure into a RenderError. It must be
// deferred directly.
func (r *run) finish(err *error) {
	r.account.Give(r.granted - r.kept)
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

// work counts n units of work, for what a built-in does in one go.
func (r *run) work(n int) {
	if r.untilClock -= n; r.untilClock < 0 {
		r.checkClock()
	}
}

// checkClock enforces the limits of steps and time and the context, and sets the distance to the next look.
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

// capture runs code with an output of its own and returns that.
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

// callHeight is what a call of a built-in function counts towards the depth.
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
	// isolated keeps writes from going to the outer frames; topLevel makes them variables of the template
	// too.
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

// assign sets the variable where it already is, unless an isolated frame hides that, and in this frame
// otherwise.
func (f *frame) assign(name string, value Value) {
	for at := f; at != nil; at = at.outer {
		if !isUndefined(at.own(name)) {
			at.set(name, value)
			return
		}
		// nunjucks heeds the isolation of the innermost frame only.
		if at == f && f.isolated {
			break
		}
	}
	f.set(name, value)
}

func (f *frame) push(isolated bool) *frame { return &frame{outer: f, isolated: isolated} }
