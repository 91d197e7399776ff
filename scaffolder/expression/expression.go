// Package expression renders the expressions of a scaffolder template: nested step input, conditions and
// output, with Backstage's own filters and the status functions always() and failure(). Package
// scaffolder/nunjucks implements the language. The callers provide the variables and run the steps.
package expression

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/portico-dev/portico/scaffolder/budget"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// Options configures a Renderer.
type Options struct {
	// IntegrationType says which kind of source host ("github", "gitlab", "azure", "bitbucketCloud", ...) is
	// configured for a host name, false when none is. Nil means that no host is configured: the filters
	// parseRepoUrl and projectSlug then always fail.
	IntegrationType func(host string) (integrationType string, ok bool)
	// Limits bounds the rendering of each single string.
	Limits nunjucks.Limits
	// Memory is the pool that all renderings share; when it is nil, only the limits of each rendering apply.
	Memory *budget.Pool
	// LegacyValueCoercion parses the text of a template of one single tag as JSON, as Backstage did up to
	// scaffolder-backend 4.0.2: an empty text is undefined, and {% if %}false{% endif %} is a boolean.
	LegacyValueCoercion bool
	// Filters and Globals extend the language and override its own.
	Filters map[string]nunjucks.Function
	Globals map[string]nunjucks.Value
}

// Renderer renders the expressions of templates. It is safe for concurrent use, and caches the templates it
// has parsed.
type Renderer struct {
	options Options
	filters map[string]nunjucks.Function
	env     *nunjucks.Environment
	parsed  memo
}

// New makes a renderer.
func New(options Options) *Renderer {
	r := &Renderer{options: options, filters: backstageFilters(options.IntegrationType)}
	maps.Copy(r.filters, options.Filters)
	globals := maps.Clone(statusGlobals)
	maps.Copy(globals, options.Globals)
	r.env = nunjucks.New(nunjucks.Options{Filters: r.filters, Globals: globals, Limits: options.Limits})
	return r
}

// Named makes a renderer for Check that knows only the names of the filters and globals beyond the language,
// because another program implements them. Rendering with one of these filters fails.
func Named(filters, globals []string) *Renderer {
	r := &Renderer{filters: map[string]nunjucks.Function{}}
	known := maps.Clone(statusGlobals)
	for _, name := range filters {
		r.filters[name] = onlyNamed
	}
	for _, name := range globals {
		known[name] = nunjucks.Function(onlyNamed)
	}
	r.env = nunjucks.New(nunjucks.Options{Filters: r.filters, Globals: known})
	return r
}

func onlyNamed(context.Context, []nunjucks.Value, *nunjucks.Object) (nunjucks.Value, error) {
	return nil, errors.New("only the name of this filter is known here")
}

// Enter opens one memory account for all renderings under the returned context, unless the context has one.
// The caller calls leave when the results are no longer needed.
func (r *Renderer) Enter(ctx context.Context) (entered context.Context, leave func()) {
	return r.options.Memory.Enter(ctx)
}

// Files makes the environment that renders the files of a skeleton. Its arguments are fetch:template's inputs
// of these names. A file that fails to render is an error: no source text is kept.
func (r *Renderer) Files(cookiecutterCompat, trimBlocks, lstripBlocks bool) *nunjucks.Environment {
	return nunjucks.New(nunjucks.Options{
		CookiecutterCompat: cookiecutterCompat,
		TrimBlocks:         trimBlocks,
		LstripBlocks:       lstripBlocks,
		Filters:            r.filters,
		Globals:            r.options.Globals,
		Limits:             r.options.Limits,
	})
}

// Render renders every string in a JSON-like value, at any depth. The keys of objects are not rendered. A
// string that fails to render keeps its source text and is listed in the failures. A member that becomes
// undefined is removed; in a list it becomes null. A string that is one single output becomes that output's
// native value. The result shares nothing with value.
//
// When the context is cancelled, the remaining strings keep their source text. Callers must check ctx.Err()
// before they use the result.
func (r *Renderer) Render(ctx context.Context, value nunjucks.Value, data *nunjucks.Object) (nunjucks.Value, Failures) {
	w := walk{Renderer: r, data: data}
	return w.render(ctx, "", value), w.failures
}

// walk is one rendering of a value.
type walk struct {
	*Renderer
	data     *nunjucks.Object
	failures Failures
}

// render renders the part of the value at a path.
func (w *walk) render(ctx context.Context, path string, value nunjucks.Value) nunjucks.Value {
	switch value := value.(type) {
	case string:
		rendered, err := w.text(ctx, value, w.data)
		if err != nil {
			w.failures = append(w.failures, EvaluationError{Path: path, Source: value, Err: err})
		}
		return rendered
	case *nunjucks.Array:
		items := make([]nunjucks.Value, len(value.Items))
		for i, item := range value.Items {
			items[i] = w.render(ctx, fmt.Sprintf("%s[%d]", path, i), item)
			if items[i] == nunjucks.Undefined {
				items[i] = nil
			}
		}
		return &nunjucks.Array{Items: items}
	case *nunjucks.Object:
		object := nunjucks.NewObject()
		for key, member := range value.All() {
			if rendered := w.render(ctx, path+"."+key, member); rendered != nunjucks.Undefined {
				object.Set(key, rendered)
			}
		}
		return object
	}
	return value
}

// Condition evaluates a step's if. It reports whether the step should run, and whether the condition called
// always() or failure(): after a failure only such steps run. PreviousFailed is the result of failure(). An
// error means that the condition cannot be evaluated.
func (r *Renderer) Condition(
	ctx context.Context, source string, data *nunjucks.Object, previousFailed bool,
) (result, calledStatus bool, err error) {
	current := &status{failed: previousFailed}
	value, err := r.text(context.WithValue(ctx, statusKey{}, current), source, data)
	if err != nil {
		return false, current.called, &EvaluationError{Source: source, Err: err}
	}
	return nunjucks.IsTruthy(value), current.called, nil
}

// Output renders the output of a template. Items of links and text whose if is not truthy are left out, and
// if itself is removed from the others. A template without output has an empty object as output.
func (r *Renderer) Output(ctx context.Context, output nunjucks.Value, data *nunjucks.Object) (nunjucks.Value, Failures) {
	if output == nil || output == nunjucks.Undefined {
		return nunjucks.NewObject(), nil
	}
	rendered, failures := r.Render(ctx, output, data)
	object, ok := rendered.(*nunjucks.Object)
	if !ok {
		return rendered, failures
	}
	for _, key := range []string{"links", "text"} {
		if items, ok := nunjucks.Member(object, key).(*nunjucks.Array); ok {
			object.Set(key, withoutFalseItems(items))
		}
	}
	return object, failures
}

func withoutFalseItems(items *nunjucks.Array) *nunjucks.Array {
	kept := &nunjucks.Array{}
	for _, item := range items.Items {
		if object, ok := item.(*nunjucks.Object); ok {
			condition, found := object.Get("if")
			if found && !nunjucks.IsTruthy(condition) {
				continue
			}
			object.Delete("if")
		}
		kept.Items = append(kept.Items, item)
	}
	return kept
}

// text renders one string. On an error it returns the string itself, too.
func (r *Renderer) text(ctx context.Context, source string, data *nunjucks.Object) (nunjucks.Value, error) {
	if r.options.LegacyValueCoercion {
		return r.legacyText(ctx, source, data)
	}
	if !hasTags(source) {
		return source, nil
	}
	template, err := r.parse(ctx, source)
	if err != nil {
		return source, err
	}
	value, err := template.Evaluate(ctx, data)
	if err != nil {
		return source, err
	}
	return value, nil
}

// Check returns the problems that a string has with any data: it does not parse, or uses filters, tests or
// functions that do not exist.
func (r *Renderer) Check(ctx context.Context, source string) []string {
	if !hasTags(source) {
		return nil
	}
	template, err := r.parse(ctx, source)
	if err != nil {
		return []string{(&EvaluationError{Source: source, Err: err}).Cause()}
	}
	problems := template.Missing()
	if strings.Contains(source, "{%") {
		return problems // a template with tags may define the functions that it calls
	}
	for _, name := range template.Called() {
		problems = append(slices.Clip(problems), "there is no function "+name)
	}
	return problems
}

// Reads returns the paths to the data that a string reads, in order. One that does not parse reads none.
func (r *Renderer) Reads(ctx context.Context, source string) []nunjucks.Path {
	if !hasTags(source) {
		return nil
	}
	template, err := r.parse(ctx, source)
	if err != nil {
		return nil
	}
	return slices.SortedFunc(slices.Values(template.Reads()), func(a, b nunjucks.Path) int { return slices.Compare(a[:], b[:]) })
}

// FilterNames returns the names of all filters, sorted.
func (r *Renderer) FilterNames() []string { return r.env.FilterNames() }

// hasTags reports whether a string can differ from its rendering.
func hasTags(source string) bool {
	return strings.Contains(source, "${{") || strings.Contains(source, "{%") || strings.Contains(source, "{#")
}

// legacyOutput is the pattern with which older Backstage found the expression of an output, to add the filter
// dump.
var legacyOutput = regexp.MustCompile(`\$\{\{([^\n\r\x{2028}\x{2029}]+)\}\}`)

// legacyText renders a string as Backstage did before it kept native values: the text of a single tag is
// parsed as JSON.
func (r *Renderer) legacyText(ctx context.Context, source string, data *nunjucks.Object) (nunjucks.Value, error) {
	template, err := r.parse(ctx, source)
	if err != nil {
		return source, err
	}
	if template.IsSingle() {
		if value, ok := r.throughJSON(ctx, source, data); ok {
			return value, nil
		}
	}
	text, err := template.Render(ctx, data)
	if err != nil {
		return source, err
	}
	return orUndefined(text), nil
}

// throughJSON renders source with the filter dump added to its expression, and parses the resulting JSON.
func (r *Renderer) throughJSON(ctx context.Context, source string, data *nunjucks.Object) (nunjucks.Value, bool) {
	template, err := r.parse(ctx, legacyOutput.ReplaceAllString(source, "$${{ ( $1 ) | dump }}"))
	if err != nil {
		return nil, false
	}
	text, err := template.Render(ctx, data)
	if err != nil {
		return nil, false
	}
	if text == "" {
		return nunjucks.Undefined, true
	}
	value, err := nunjucks.DecodeJSON([]byte(text))
	return value, err == nil
}

func orUndefined(text string) nunjucks.Value {
	if text == "" {
		return nunjucks.Undefined
	}
	return text
}

// status has the result of failure(), and whether always() or failure() was called.
type status struct{ failed, called bool }

type statusKey struct{}

// WithFailure makes failure() true in the input of a step, because an earlier step failed.
func WithFailure(ctx context.Context) context.Context {
	return context.WithValue(ctx, statusKey{}, &status{failed: true})
}

var statusGlobals = map[string]nunjucks.Value{
	"always":  statusFunction(func(status) bool { return true }),
	"failure": statusFunction(func(s status) bool { return s.failed }),
}

func statusFunction(answer func(status) bool) nunjucks.Function {
	return func(ctx context.Context, _ []nunjucks.Value, _ *nunjucks.Object) (nunjucks.Value, error) {
		current, ok := ctx.Value(statusKey{}).(*status)
		if !ok {
			current = &status{}
		}
		answered := answer(*current)
		current.called = true
		return answered, nil
	}
}
