// Package expression renders the expressions of a scaffolder template: nested step input, conditions and output, with
// Backstage's own filters and the status functions always() and failure(). The language itself is package
// scaffolder/nunjucks; running steps is not here.
package expression

import (
	"context"
	"sync"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// maxMemo bounds how many parsed templates are kept; a few hundred serve a busy installation.
const maxMemo = 2000

// Options configure a Renderer.
type Options struct {
	// IntegrationType says what kind of host a repository URL names ("github", ...); false for an unknown host.
	IntegrationType func(host string) (string, bool)
	// Limits bound every rendering; the zero value is nunjucks.DefaultLimits.
	Limits nunjucks.Limits
	// LegacyValueCoercion renders whole values as Backstage did before 4.0.3: what prints as JSON becomes JSON, and what prints nothing is
	// dropped.
	LegacyValueCoercion bool
}

// Renderer renders the expressions of steps. It is safe for concurrent use.
type Renderer struct {
	options     Options
	filters     map[string]nunjucks.Function
	environment *nunjucks.Environment
	memo        memo
}

// New makes a Renderer.
func New(options Options) *Renderer {
	r := &Renderer{options: options, filters: filters(options.IntegrationType)}
	r.environment = r.step(nil)
	return r
}

// step is the environment of steps: ${{ }}, Backstage's filters, and what globals add.
func (r *Renderer) step(globals map[string]nunjucks.Value) *nunjucks.Environment {
	return nunjucks.New(nunjucks.Options{Filters: r.filters, Globals: globals, Limits: r.options.Limits})
}

// Files is the environment of the files of a skeleton: fetch:template's.
func (r *Renderer) Files(cookiecutterCompat, trimBlocks, lstripBlocks bool) *nunjucks.Environment {
	return nunjucks.New(nunjucks.Options{CookiecutterCompat: cookiecutterCompat, TrimBlocks: trimBlocks, LstripBlocks: lstripBlocks,
		Filters: r.filters, Limits: r.options.Limits})
}

// Render renders every string in a value, however deep; keys and all other values stay as they are. A string that cannot be rendered
// stays verbatim, as in Backstage. What becomes undefined is dropped from an object and null in a list.
func (r *Renderer) Render(ctx context.Context, value nunjucks.Value, data *nunjucks.Object) nunjucks.Value {
	switch value := value.(type) {
	case string:
		return r.text(ctx, value, data)
	case *nunjucks.Array:
		rendered := &nunjucks.Array{Items: make([]nunjucks.Value, len(value.Items))}
		for i, item := range value.Items {
			if rendered.Items[i] = r.Render(ctx, item, data); rendered.Items[i] == nunjucks.Undefined {
				rendered.Items[i] = nil
			}
		}
		return rendered
	case *nunjucks.Object:
		rendered := nunjucks.NewObject()
		for key, member := range value.All() {
			if result := r.Render(ctx, member, data); result != nunjucks.Undefined {
				rendered.Set(key, result)
			}
		}
		return rendered
	default:
		return value
	}
}

func (r *Renderer) text(ctx context.Context, source string, data *nunjucks.Object) nunjucks.Value {
	template, err := r.memo.parse(r.environment, source)
	if err != nil {
		return source
	}
	if r.options.LegacyValueCoercion {
		return r.legacy(ctx, source, template, data)
	}
	value, err := template.Evaluate(ctx, data)
	if err != nil {
		return source
	}
	return value
}

// Condition evaluates an if. asked says that it called always() or failure(), which lets a step run after a failure. An if that cannot be
// evaluated stays verbatim, and text is true.
func (r *Renderer) Condition(ctx context.Context, source string, data *nunjucks.Object, previousFailed bool) (result, asked bool) {
	status := func(answer bool) nunjucks.Function {
		return func(context.Context, []nunjucks.Value, *nunjucks.Object) (nunjucks.Value, error) {
			asked = true
			return answer, nil
		}
	}
	environment := r.step(map[string]nunjucks.Value{"always": status(true), "failure": status(previousFailed)})
	template, err := environment.Parse(source)
	if err != nil {
		return nunjucks.IsTruthy(source), false
	}
	value, err := template.Evaluate(ctx, data)
	if err != nil {
		value = source
	}
	return nunjucks.IsTruthy(value), asked
}

// Output renders a template's output and drops the links and texts whose if is not true.
func (r *Renderer) Output(ctx context.Context, output nunjucks.Value, data *nunjucks.Object) nunjucks.Value {
	rendered := r.Render(ctx, output, data)
	object, isObject := rendered.(*nunjucks.Object)
	if !isObject {
		return rendered
	}
	for _, name := range []string{"links", "text"} {
		if list, has := object.Get(name); has {
			object.Set(name, wanted(list))
		}
	}
	return object
}

// wanted leaves out the items whose if is not true, and the if of the others.
func wanted(value nunjucks.Value) nunjucks.Value {
	list, isList := value.(*nunjucks.Array)
	if !isList {
		return value
	}
	kept := &nunjucks.Array{Items: []nunjucks.Value{}}
	for _, item := range list.Items {
		object, isObject := item.(*nunjucks.Object)
		if !isObject {
			kept.Items = append(kept.Items, item)
			continue
		}
		condition, has := object.Get("if")
		if has && !nunjucks.IsTruthy(condition) {
			continue
		}
		object.Delete("if")
		kept.Items = append(kept.Items, object)
	}
	return kept
}

// memo keeps parsed templates: the steps of a template are rendered again and again.
type memo struct {
	mu        sync.Mutex
	templates map[string]*nunjucks.Template
}

func (m *memo) parse(environment *nunjucks.Environment, source string) (*nunjucks.Template, error) {
	m.mu.Lock()
	template := m.templates[source]
	m.mu.Unlock()
	if template != nil {
		return template, nil
	}
	template, err := environment.Parse(source)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.templates) >= maxMemo || m.templates == nil {
		m.templates = map[string]*nunjucks.Template{}
	}
	m.templates[source] = template
	return template, nil
}
